"""The seam between the emulated cluster and the programs that run on it.

The cluster (API, controllers, scheduler, kubelet) knows no app; the app simulation (what a program
does when started, its traffic, its logs, its metrics) knows no controller. They meet here.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from connectors.api.values import Json


@dataclass(frozen=True, slots=True)
class Run:
    """What one start of a container's program does.

    `exits_after` seconds it ends with `exit_code` (None: it keeps running); `oom` makes that end
    an OOM kill. `ready_after` seconds it serves its `listens` ports. `lines` are its start-up log,
    as (seconds after start, text).

    With a `start_error` nothing runs: the image has no such executable ("not_found"), or no right
    to run it ("permission"), or the runtime cannot make the container ("create", for the reason in
    `detail`), or the kubelet must not start it ("config", `detail` says why). `detail` names the
    executable; empty: the first word of its command. From SIGTERM on the program needs
    `stops_after` seconds to end, with `stop_code`.
    """

    exits_after: float | None = None
    exit_code: int = 0
    oom: bool = False
    ready_after: float = 1.0
    listens: tuple[int, ...] = ()
    lines: tuple[tuple[float, str], ...] = ()
    start_error: Literal["", "not_found", "permission", "create", "config"] = ""
    detail: str = ""
    stops_after: float = 1.5
    stop_code: int = 0


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


PullProblem = Literal[
    "", "not_found", "denied", "unauthorized", "unknown_host", "refused", "timeout", "throttled"
]
"""Why a registry does not serve an image: no such tag; no such repository, or not for the public;
wrong credentials; a host that DNS does not know, that refuses or that does not answer; rate limit."""


@runtime_checkable
class Registries(Protocol):
    """Programs that say more about pulls than `image_exists`; optional."""

    def pull_problem(self, image: str, pull_secrets: Sequence[Json]) -> PullProblem:
        """Say why a pull with these Secrets (of the pod's imagePullSecrets) fails, or ""."""
        ...


@dataclass(frozen=True, slots=True)
class Used:
    """What a container uses now: cores, bytes of working set, bytes on its node's disk."""

    cores: float = 0.0
    memory: float = 0.0
    disk: float = 0.0


@runtime_checkable
class Metered(Protocol):
    """Programs that say what they use; optional. Drives autoscaling, OOM kills and evictions."""

    def usage(self, pod: Json, container: str) -> Used | None:
        """Return what the container uses now; None when nothing is known of it."""
        ...


@runtime_checkable
class Shell(Protocol):
    """Programs that answer commands run inside their containers; optional."""

    def command(
        self, pod: Json, container: str, command: Sequence[str], now: datetime
    ) -> tuple[int, str] | None:
        """Return the exit code and output of a probe's or hook's command; None: not known."""
        ...


@runtime_checkable
class GrpcHealth(Protocol):
    """Programs that serve gRPC's health protocol; optional."""

    def grpc_health(self, pod: Json, container: str, service: str, now: datetime) -> str:
        """Return "SERVING", "NOT_SERVING", "UNIMPLEMENTED", or "" when no answer comes in time."""
        ...


@dataclass(frozen=True, slots=True)
class Review:
    """What an admission webhook answers: its verdict, and the object changed (None: as it was)."""

    allowed: bool = True
    message: str = ""
    obj: Json | None = None


@runtime_checkable
class WebhookServer(Protocol):
    """Programs that answer admission webhooks; optional."""

    def review(self, webhook: str, path: str, pod: Json, obj: Json) -> Review | Literal["timeout"]:
        """Answer for the webhook of that name, served by `pod`. `obj` may be changed in a copy."""
        ...


class ClusterNetwork(Protocol):
    """What the cluster's network does between pods: names, addresses, policies. Cheap."""

    def resolves(self, pod: Json, name: str) -> str:
        """Return "" when `name` resolves for a program in the pod, else why it does not.

        The reasons are "no_such_host" (NXDOMAIN), "timeout" (no DNS server answers) and
        "server_misbehaving" (SERVFAIL).
        """
        ...

    def allowed(self, source: Json | None, target: Json, port: int, protocol: str = "TCP") -> bool:
        """Whether NetworkPolicies let a new connection through; no source: from outside."""
        ...

    def reachable(
        self, source: Json | None, namespace: str, service: str, port: int
    ) -> Sequence[tuple[Json, int]] | None:
        """Return the (pod, target port) pairs behind a Service port for a program in `source`.

        Like `ClusterState.endpoints`, and minding internalTrafficPolicy, session affinity and
        ExternalName. Policies are not applied. None: no such Service or port.
        """
        ...

    def topology(self) -> Hashable:
        """Return what decides all of these answers: while it is the same object, they are what they were."""
        ...


class ClusterFiles(Protocol):
    """What a program finds in its container."""

    def mounted(self, pod: Json, container: str) -> Mapping[str, str]:
        """Return the files of mounted ConfigMaps, Secrets and downward API, by absolute path.

        They follow their objects after up to 90 s, but those mounted by subPath, which do not.
        """
        ...

    def environment(self, pod: Json, container: str) -> Mapping[str, str]:
        """Return the environment variables with which the present run of a container started."""
        ...


class ClusterAccess(Protocol):
    """What the API server lets a program do."""

    def denied(
        self, pod: Json, verb: str, group: str, resource: str, namespace: str, name: str = ""
    ) -> str:
        """Return "" when RBAC lets the pod's service account do this, else the refusal's text."""
        ...


class ClusterState(Protocol):
    """What the app simulation asks of the emulated cluster. Cheap: called for every tick."""

    def now(self) -> datetime:
        """The virtual time."""
        ...

    def objects(self, kind: str, namespace: str | None = None) -> Sequence[Json]:
        """The live objects of a kind (not copies: read only).

        The very same sequence as before means that none of them has changed.
        """
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
