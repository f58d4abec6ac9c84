"""A kind of fault as data, and the one class that makes a fault of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from copilot.model.causes import CAUSES
from copilot.model.scope import ObjectRef
from eval.apps.model import App
from eval.faults.case import Case
from eval.faults.changes import Change, all_gone
from eval.faults.objects import available, workload
from eval.faults.truth import chain
from eval.protocols import Environment, Expected, Repair, Symptom

Fits = Callable[[App], Sequence[str]]
Objects = Callable[[Case], Sequence[ObjectRef]]


def _the_workload(case: Case) -> Sequence[ObjectRef]:
    return (case.workload,)


def _the_target(case: Case) -> Sequence[str]:
    return (case.target,)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault.

    `summary` says what is wrong, for the list of kinds, `effect` what it does to the target, for the
    causal chain. `fits` returns the services that it can be injected on. `blame` are the objects that
    count as the right place, `affected` the workloads that must be available for it to be cured.
    `harm` says what users notice: errors, slowness, or nothing. `repairs` are what would help; by
    default a change of the first object that is to blame. `answer` is AIOpsLab's, where it is not
    that of the cause. One that happens `once` is over by itself. `unfit` names the environments that cannot do it, with the reason.
    """

    kind: str
    family: str
    summary: str
    causes: tuple[str, ...]
    fits: Fits
    changes: Callable[[Case], Sequence[Change]]
    symptoms: Callable[[Case], Sequence[Symptom]]
    effect: str = "fails its callers' requests"
    blame: Objects = _the_workload
    localization: Callable[[Case], Sequence[str]] = _the_target
    affected: Callable[[Case], Sequence[str]] = _the_target
    repairs: Callable[[Case], Sequence[Repair]] | None = None
    harm: str = "errors"
    mitigable: bool = True
    answer: tuple[str, str] | None = None
    unfit: Mapping[str, str] = field(default_factory=dict)
    runtime: str = "kubernetes"
    once: bool = False
    origin: str = ""
    settle_seconds: float = 150.0
    recover_seconds: float = 420.0

    def __call__(self, app: App, seed: int = 0) -> KindFault:
        """Return the fault for an app."""
        return KindFault(self, app, seed)

    def targets(self, app: App) -> list[str]:
        """The services of an app that it fits."""
        return list(dict.fromkeys(self.fits(app))) if app.runtime == self.runtime else []


class KindFault:
    """A kind on an app (`eval.protocols.Fault`)."""

    def __init__(self, kind: Kind, app: App, seed: int = 0) -> None:
        self._kind = kind
        self._app = app
        self._seed = seed

    @property
    def kind(self) -> str:
        """The kind's name."""
        return self._kind.kind

    @property
    def unfit(self) -> Mapping[str, str]:
        """The environments that it does not fit, and why."""
        return self._kind.unfit

    @property
    def harm(self) -> str:
        """What users notice: "errors", "slow" or ""."""
        return self._kind.harm

    @property
    def once(self) -> bool:
        """Whether it happens once and is over by itself."""
        return self._kind.once

    @property
    def settle_seconds(self) -> float:
        """How long after the injection the symptoms are all there, at the latest."""
        return self._kind.settle_seconds

    @property
    def recover_seconds(self) -> float:
        """How long after the recovery everything is as before, at the latest."""
        return self._kind.recover_seconds

    async def inject(self, environment: Environment, target: str) -> None:
        """Make the kind's changes. Raises `ValueError` for a target that the app does not have."""
        for change in self._kind.changes(self._case(target)):
            await change.apply(environment)

    async def recover(self, environment: Environment, target: str) -> None:
        """Take them back, in the same order: first the cause, then what it left behind."""
        for change in self._kind.changes(self._case(target)):
            await change.undo(environment)

    async def cured(self, environment: Environment, target: str) -> bool:
        """Every change is gone, and what was affected is available."""
        case = self._case(target)
        if not await all_gone(environment, tuple(self._kind.changes(case))):
            return False
        for name in self._kind.affected(case):
            kind = "Pod" if self._app.runtime == "docker" else self._app.services[name].kind
            if not available(await workload(environment, name, kind)):
                return False
        return True

    def expected(self, environment: Environment, target: str) -> Expected:
        """The truth, from the kind's table row and the app's call graph."""
        kind, case = self._kind, self._case(target)
        cause = CAUSES[kind.causes[0]]
        level, type_ = kind.answer or (cause.system_level, cause.fault_type)
        objects = tuple(kind.blame(case))
        repairs: Sequence[Repair] = ()
        if kind.mitigable:
            default = (Repair("change", objects[0], f"undo: {kind.summary}"),)
            repairs = kind.repairs(case) if kind.repairs else default
        return Expected(
            objects,
            kind.causes,
            level,
            type_,
            mitigable=kind.mitigable,
            services=tuple(kind.localization(case)),
            chain=chain(case, objects[0], cause.title, kind.effect, kind.harm),
            repairs=tuple(repairs),
        )

    def symptoms(self, environment: Environment, target: str) -> Sequence[Symptom]:
        """What the kind declares for this target."""
        return self.declared(target)

    def declared(self, target: str) -> Sequence[Symptom]:
        """The same, which needs no environment."""
        return tuple(self._kind.symptoms(self._case(target)))

    def _case(self, target: str) -> Case:
        if target not in self._app.services:
            known = ", ".join(self._app.services)
            raise ValueError(f'app {self._app.name} has no service "{target}": {known}')
        return Case(self._app, target, self._seed)
