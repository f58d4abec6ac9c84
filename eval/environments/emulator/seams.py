"""The seam between the emulated cluster and the programs that run on it.

The cluster (API, controllers, scheduler, kubelet) knows no app; the app simulation (what a program
does when started, its traffic, its logs, its metrics) knows no controller. They meet here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connectors.api.values import Json


@dataclass(frozen=True, slots=True)
class Run:
    """What one start of a container's program does.

    `exits_after` seconds it ends with `exit_code` (None: it keeps running); `oom` makes that end
    an OOM kill. `ready_after` seconds it serves its `listens` ports. `lines` are its start-up log,
    as (seconds after start, text).
    """

    exits_after: float | None = None
    exit_code: int = 0
    oom: bool = False
    ready_after: float = 1.0
    listens: tuple[int, ...] = ()
    lines: tuple[tuple[float, str], ...] = ()


class Programs(Protocol):
    """What the emulated kubelet asks about the software in the images."""

    def image_exists(self, image: str) -> bool:
        """Whether a registry would serve this image reference."""
        ...

    def start(self, pod: Json, container: Json, now: datetime) -> Run:
        """Say what the program does when started now, under the cluster's and its stores' state."""
        ...

    def http_status(self, pod: Json, container: Json, path: str, now: datetime) -> int:
        """The HTTP status that a probe of `path` on a listening port gets."""
        ...


class ClusterState(Protocol):
    """What the app simulation asks of the emulated cluster. Cheap: called for every tick."""

    def now(self) -> datetime:
        """The virtual time."""
        ...

    def objects(self, kind: str, namespace: str | None = None) -> Sequence[Json]:
        """The live objects of a kind (not copies: read only)."""
        ...

    def endpoints(
        self, namespace: str, service: str, port: int
    ) -> Sequence[tuple[Json, int]] | None:
        """Ready (pod, target port number) pairs behind a Service port; None: no such Service/port."""
        ...

    def listening(self, pod: Json) -> frozenset[int]:
        """The ports on which the pod's running programs accept connections now."""
        ...

    def log(self, pod: Json, container: str, line: str, at: datetime | None = None) -> None:
        """Append one line to the present run of a container's log."""
        ...


class Ticker(Protocol):
    """Something that lives on the virtual clock."""

    def tick(self, start: datetime, end: datetime) -> None:
        """Let the virtual time from `start` to `end` pass."""
        ...


@dataclass(frozen=True, slots=True)
class Span:
    """One span of a sampled request. Ids are lower-case hex (32 and 16 digits); no `parent`: the root.

    `service` is the tracer's service name; `tags` are the span's attributes ("http.status_code",
    "error", …), `process` the resource's ("hostname", "ip", "k8s.pod.name").
    """

    trace: str
    id: str
    parent: str
    service: str
    operation: str
    start: datetime
    duration_ms: float
    tags: Mapping[str, str | int | float | bool]
    process: Mapping[str, str]


class TraceSink(Protocol):
    """Where the sampled requests of the app simulation go."""

    def record(self, spans: Sequence[Span]) -> None:
        """Keep the spans of one whole trace, its root first."""
        ...
