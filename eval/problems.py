"""Problems: ⟨task, context, oracle⟩ as AIOpsLab (arXiv 2501.06706) puts it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

UNTIL_PAGED = 240.0
"""Virtual seconds from the injection to the beginning of the session, unless a problem says more."""

Check = Literal[
    "pods",
    "pods_strictly",
    "target_port",
    "ready_within_a_minute",
    "scaled",
    "named_pod",
    "command",
]


class Task(StrEnum):
    """What an agent is asked: AIOpsLab's four questions, diagnosis with repair, or a talk of several turns."""

    DETECTION = "detection"
    LOCALIZATION = "localization"
    ANALYSIS = "analysis"
    MITIGATION = "mitigation"
    END_TO_END = "end_to_end"
    CONVERSATION = "conversation"

    @property
    def writes(self) -> bool:
        """Whether a repair is asked for."""
        return self in (Task.MITIGATION, Task.END_TO_END)


@dataclass(frozen=True, slots=True)
class Broken:
    """A kind of fault on a service of the app."""

    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class Labels:
    """AIOpsLab's own labels, where they are not the fault's: each of `services` counts for compat."""

    services: tuple[str, ...] = ()
    system_level: str = ""
    fault_type: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a user says, and what the answer must and must not say: patterns, whatever the case.

    `looks`: it must be looked at the cluster again (True), or need not (None).
    """

    say: str
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    looks: bool | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One question about one incident, or about a healthy app when there are no `faults`.

    `id` names it and is never shown to an agent. `app` is a bundled app's name or a path. `check` is
    the compat oracle's way to look at a repair. With `noise`, that seed adds harmless oddities.
    `turns` are a conversation's.
    """

    id: str
    task: Task
    app: str
    faults: tuple[Broken, ...] = ()
    labels: Labels = Labels()
    check: Check = "pods"
    noise: int | None = None
    settle_seconds: float = UNTIL_PAGED
    turns: tuple[Turn, ...] = ()

    @property
    def faulty(self) -> bool:
        """Whether something is wrong."""
        return bool(self.faults)

    @property
    def instance(self) -> str:
        """What problems over the same incident have in common."""
        return "/".join([self.app, *(f"{f.kind}:{f.target}" for f in self.faults)])

    @property
    def scene(self) -> str:
        """What problems that begin alike have in common: one app, broken alike, after the same time."""
        return f"{self.instance} {self.noise} {self.settle_seconds:g}"
