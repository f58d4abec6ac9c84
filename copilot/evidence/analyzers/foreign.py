"""Services that lead to pods of another program: a selector too broad, or labels that are somebody else's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue
from copilot.evidence.kube import (
    brief,
    containers,
    created,
    declared_ports,
    dig,
    is_true,
    ref_of,
    template_labels,
)
from copilot.evidence.ports import resolve_in_pod
from copilot.evidence.topology import namesakes
from copilot.model.scope import ObjectRef

_VARIANT = re.compile(
    r"v?\d+|canary|stable|blue|green|primary|secondary|replica|leader|follower|main|master|slave|next|new|old|prod|dev|test"
    r"|staging|preview|active|standby|shadow|baseline|experiment|beta|alpha|rc\d*|[a-z]|north|south|east|west"
    r"|spot|ondemand|large|small|read|write|ro|rw|rollout|legacy|svc|service|server|app|deployment|[0-9a-f]{5,10}"
)
"""What tells apart the workloads of one program: releases, roles, places."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """`own` serve the Service, as its name says; `strangers` are selected and are another program."""

    own: tuple[ObjectRef, ...]
    strangers: tuple[ObjectRef, ...]
    swapped: bool


def find(case: Case, service: Json, pods: Sequence[Json]) -> Foreign | None:
    """Return the programs behind a Service that do not belong there; None where all do, or none is known to."""
    named = namesakes(case.snapshot, ref_of(service))
    owners = sorted({case.snapshot.controller(pod) for pod in pods})
    if not named or set(owners) <= set(named):
        return None
    strangers = tuple(
        o for o in owners if o not in named and not any(same_program(case, o, n) for n in named)
    )
    if not strangers:
        return None
    swapped = len(strangers) == len(owners)
    if swapped and not any(is_true(p, "Ready") for n in named for p in case.snapshot.pods(n)):
        return None  # its own program has no pods, and another may stand in for it
    return Foreign(tuple(named), strangers, swapped)


def clue(case: Case, service: Json, found: Foreign, *, hurt: bool) -> Clue:
    """Return what a Service with strangers behind it means."""
    ref = ref_of(service)
    names = ", ".join(s.name for s in found.strangers[:3])
    unserved = [
        p
        for p in map(_target, dig(service, "spec.ports", []) or [])
        if _unserved(case, found.strangers[0], p)
    ]
    changes = [case.changed_at(ref), *(_labelled(case, s) for s in found.strangers)]
    fresh = max((t for t in changes if t), default=None)
    what = "leads to" if found.swapped else "also takes in"
    why = f"its selector {what} {names}, another program than {found.own[0].name}"
    why += f", which does not serve port {unserved[0]}" if unserved else ""
    why += f"; since {brief(fresh)}" if fresh else ""
    strength = (
        0.95
        if found.swapped or (unserved and (hurt or fresh))
        else 0.85
        if unserved or hurt
        else 0.75
    )
    urgent = hurt or fresh is not None
    quiet = 0.45 if found.swapped else 0.3 if unserved else 0.0
    quoted = [case.ledger.value(service, "spec.selector")]
    for stranger in found.strangers[:1]:
        holder = case.snapshot.get(stranger)
        if holder is not None and template_labels(holder):
            quoted.append(case.ledger.value(holder, "spec.template.metadata.labels"))
    return case.clue(
        "service.selects_strangers",
        ref,
        f"Service {ref.name}: {why}",
        quoted,
        weight=0.9 if urgent else quiet,
        onset=fresh,
        claims=[Claim(ref, "service.selects_wrong_pods", strength, why, also=found.strangers)],
        place=ref,
        local=True,
    )


def same_program(case: Case, one: ObjectRef, other: ObjectRef) -> bool:
    """Whether two workloads are releases or roles of one program: by their names, or what they run."""
    if _variants(one.name, other.name):
        return True
    return _program(case, one) == _program(case, other)


def _variants(one: str, other: str) -> bool:
    left, right = one.split("-"), other.split("-")
    while left and right and left[0] == right[0]:
        left, right = left[1:], right[1:]
    shared = len(one.split("-")) - len(left)
    return shared > 0 and all(_VARIANT.fullmatch(word) for word in (*left, *right))


def _program(case: Case, workload: ObjectRef) -> tuple[str, ...]:
    """Return what a workload runs: its first container's image without the tag, and the command given to it."""
    main = next(iter(containers(case.snapshot.spec(workload))), {"image": workload.name})
    image = str(main.get("image", "")).split("@")[0]
    repository = image.rpartition("/")[0] + "/" + image.rpartition("/")[2].split(":")[0]
    return (repository, *map(str, main.get("command") or ()), *map(str, main.get("args") or ()))


def _target(port: Json) -> object:
    return port.get("targetPort", port.get("port"))


def _unserved(case: Case, workload: ObjectRef, target: object) -> bool:
    spec = case.snapshot.spec(workload)
    declared = declared_ports(spec)
    return bool(declared) and resolve_in_pod(target, spec) not in declared


def _labelled(case: Case, workload: ObjectRef) -> datetime | None:
    """Return when a workload got its labels: its making, or its last rollout, within the period."""
    obj = case.snapshot.get(workload)
    made = created(obj) if obj else None
    times = [made if case.snapshot.is_known_period(made) else None, case.changed_at(workload)]
    return max((t for t in times if t), default=None)
