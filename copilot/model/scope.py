"""What an investigation may look at: objects, a scope, a window of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class ObjectRef:
    """A Kubernetes object by kind, namespace ("" for cluster-wide kinds) and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


@dataclass(frozen=True, slots=True)
class Window:
    """The period under investigation, [start, end], with the baseline [baseline_start, start)."""

    start: datetime
    end: datetime
    baseline_start: datetime

    @classmethod
    def last(cls, end: datetime, minutes: float = 15, baseline_minutes: float = 45) -> Window:
        """Return the window of `minutes` that ends at `end`, after a baseline of `baseline_minutes`."""
        start = end - timedelta(minutes=minutes)
        return cls(start, end, start - timedelta(minutes=baseline_minutes))

    @property
    def seconds(self) -> float:
        """Length of the period under investigation, without the baseline."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True, slots=True)
class Scope:
    """The part of the world that every tool call of an investigation is held to.

    `services` narrows the question, not the view: the engine may follow a service's dependencies
    inside `namespaces`. An empty `services` means all of them.
    """

    cluster: str
    namespaces: tuple[str, ...]
    window: Window
    services: tuple[str, ...] = ()
