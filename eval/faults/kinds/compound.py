"""Several faults at once, as one incident."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from eval.apps.model import App
from eval.faults.case import Case
from eval.faults.changes import Change
from eval.faults.kind import Kind
from eval.faults.kinds import flags, scheduling, services, workloads
from eval.protocols import Symptom

_FAMILY = "compound"
_SHIFTS = ("errors", "latency", "traffic", "endpoints")
_BY_NAME = {
    kind.kind: kind for family in (services, workloads, scheduling, flags) for kind in family.KINDS
}


def _other(case: Case, kind: Kind) -> Case:
    """The first place for a second fault that is not the target."""
    name = next(name for name in kind.fits(case.app) if name != case.target)
    return Case(case.app, name, case.seed)


def _both(first: str, second: str, kind: str, summary: str, origin: str) -> Kind:
    """One fault on the target, and another one on another service."""
    one, two = _BY_NAME[first], _BY_NAME[second]

    def fits(app: App) -> Sequence[str]:
        places = one.fits(app)[:1]
        return [name for name in places if any(other != name for other in two.fits(app))]

    def together(part: str) -> Callable[[Case], Sequence[object]]:
        return lambda case: (*getattr(one, part)(case), *getattr(two, part)(_other(case, two)))

    def symptoms(case: Case) -> Sequence[Symptom]:
        # what the first one stops, the second one cannot be seen to harm
        second = two.symptoms(_other(case, two))
        return (*one.symptoms(case), *(s for s in second if s.kind not in _SHIFTS))

    def changes(case: Case) -> Sequence[Change]:
        return (*one.changes(case), *two.changes(_other(case, two)))

    return Kind(
        kind,
        _FAMILY,
        summary,
        (*one.causes, *two.causes),
        fits,
        changes,
        symptoms,
        effect=one.effect,
        blame=together("blame"),  # type: ignore[arg-type]
        localization=together("localization"),  # type: ignore[arg-type]
        affected=together("affected"),  # type: ignore[arg-type]
        harm="errors" if "errors" in (one.harm, two.harm) else one.harm,
        origin=origin,
        settle_seconds=max(one.settle_seconds, two.settle_seconds),
    )


KINDS = (
    _both(
        "node_selector_missing_node",
        "service_target_port",
        "two_unrelated_faults",
        "one workload has no node to run on, and another one's Service leads to a wrong port",
        "SREGym unschedulable_incorrect_port_assignment",
    ),
    _both(
        "scale_to_zero",
        "nodes_cordoned",
        "maintenance_left_over",
        "one workload is scaled to zero, all nodes are cordoned, and another one was restarted",
        "SREGym workload_imbalance, faulty_image_correlated (family)",
    ),
    _both(
        "flag_errors",
        "flag_slow",
        "two_flags",
        "two feature flags are on, in two services",
        "ITBench 12-15",
    ),
)
