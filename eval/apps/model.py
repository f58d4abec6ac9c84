"""What an app is: its services, what they call, what they store, and how people use it.

These classes are the schema of an app's YAML: `eval.apps.loader` validates a file straight into
them. Times are in the unit that their name ends with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Level = Literal["debug", "info", "warning", "error", "fatal", "panic"]
Engine = Literal["mongodb", "redis", "memcached"]
Language = Literal["go", "cpp", "nginx-lua", "mongod", "redis", "memcached", "plain"]


class Strict:
    """Unknown keys in the YAML are errors."""

    __slots__ = ()
    __pydantic_config__: ClassVar[Mapping[str, Any]] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class Line(Strict):
    """One log line: its text, and the place in the source that writes it."""

    text: str
    at: str = ""
    level: Level = "error"


@dataclass(frozen=True, slots=True)
class Call(Strict):
    """One call that an operation makes.

    `share` is the mean number of calls per request (0.2: a cache miss in every fifth). `via` says
    how the callee is found: through its Kubernetes Service, or through the app's own registry.
    A caller that `crashes` does not survive a failure. `failed` is logged when a connection stood
    and the call failed on it, `always` on any failure.
    """

    to: str
    operation: str
    port: int = 0
    via: Literal["service", "registry"] = "service"
    share: float = 1.0
    optional: bool = False
    crashes: bool = False
    retries: int = 0
    timeout_ms: float = 10_000
    span: str = ""
    failed: Line | None = None
    always: Line | None = None


@dataclass(frozen=True, slots=True)
class Operation(Strict):
    """What a service does for one kind of request.

    `calls` are made group after group; the calls of one group run at the same time. `failed` is
    logged when the request fails, with `{error}` for the reason.
    """

    name: str
    latency_ms: float = 1.0
    spread: float = 0.35
    span: str = ""
    traced: bool = True
    calls: tuple[tuple[Call, ...], ...] = ()
    failed: Line | None = None

    @property
    def span_name(self) -> str:
        """The name of its server span."""
        return self.span or self.name


@dataclass(frozen=True, slots=True)
class Step(Strict):
    """One step of a program's start, `after` seconds from the beginning: a log line, or a need.

    A need is a store or another service without which the start does not go on: the program tries
    for `patience_seconds`, then ends with `exit_code` ("exit"), or tries again every second ("retry").
    `refused` is the line for a store that answers and refuses the login.
    """

    after: float = 0.0
    at: str = ""
    level: Level = "info"
    text: str = ""
    need: str = ""
    port: int = 0
    command: str = "find"
    otherwise: Literal["exit", "retry"] = "exit"
    patience_seconds: float = 10.0
    exit_code: int = 2
    unreachable: Line = field(default_factory=lambda: Line("{error}", level="panic"))
    refused: Line = field(default_factory=lambda: Line("{error}", level="fatal"))


@dataclass(frozen=True, slots=True)
class Usage(Strict):
    """What a program uses: cores when idle, CPU time per request, memory, bytes per request."""

    idle_cores: float = 0.002
    cpu_ms: float = 0.4
    memory_mb: float = 24.0
    bytes_in: float = 420.0
    bytes_out: float = 900.0


@dataclass(frozen=True, slots=True)
class Port(Strict):
    """A port that a program listens on and its Service offers."""

    port: int
    name: str = ""
    protocol: Literal["TCP", "UDP"] = "TCP"


@dataclass(frozen=True, slots=True)
class User(Strict):
    """A database user and, per database, the role it holds."""

    name: str
    password: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Store(Strict):
    """The service is a store. With `users` it demands a login."""

    engine: Engine
    users: tuple[User, ...] = ()


@dataclass(frozen=True, slots=True)
class Login(Strict):
    """The user and database with which a service uses a store."""

    user: str
    database: str


@dataclass(frozen=True, slots=True)
class Mount(Strict):
    """A PersistentVolumeClaim or a ConfigMap, mounted at a path."""

    path: str
    claim: str = ""
    config_map: str = ""


@dataclass(frozen=True, slots=True)
class Service(Strict):
    """One service or store: a Deployment and a Service in Kubernetes, and what its program does."""

    name: str
    image: str
    language: Language = "plain"
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    container: str = ""
    ports: tuple[Port, ...] = ()
    replicas: int = 1
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    readiness: Mapping[str, Any] | None = None
    liveness: Mapping[str, Any] | None = None
    mounts: tuple[Mount, ...] = ()
    registered_as: str = ""
    keepalive_seconds: float | None = None
    usage: Usage = field(default_factory=Usage)
    ready_after_seconds: float = 0.8
    start: tuple[Step, ...] = ()
    operations: Mapping[str, Operation] = field(default_factory=dict)
    store: Store | None = None
    logins: Mapping[str, Login] = field(default_factory=dict)

    @property
    def container_name(self) -> str:
        """The name of its container."""
        return self.container or self.name

    def calls(self) -> list[Call]:
        """All calls of all its operations."""
        return [
            call
            for operation in self.operations.values()
            for group in operation.calls
            for call in group
        ]


@dataclass(frozen=True, slots=True)
class Request(Strict):
    """One kind of user request and its share of the workload."""

    operation: str
    share: float


@dataclass(frozen=True, slots=True)
class Workload(Strict):
    """How people use the app: open loop, `rate` requests a second whatever the answers are."""

    mix: tuple[Request, ...]
    rate: float = 20.0
    arrivals: Literal["exponential", "constant"] = "exponential"
    client: str = "load-generator"
    namespace: str = "default"


@dataclass(frozen=True, slots=True)
class App(Strict):
    """An app under test. `label` is the label key that names a pod's service."""

    name: str
    namespace: str
    label: str
    entry: str
    workload: Workload
    services: Mapping[str, Service]
    registry: str = ""
    more_images: tuple[str, ...] = ()
    volumes: Mapping[str, str] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def clients(self, store: str) -> list[Service]:
        """The services that log in to a store."""
        return [service for service in self.services.values() if store in service.logins]

    def exposure(self) -> dict[str, float]:
        """Per service, the share of user requests that fail when nothing of it answers."""
        return {name: self._share_through(name) for name in self.services}

    def _share_through(self, target: str) -> float:
        total = sum(request.share for request in self.workload.mix) or 1.0
        return sum(
            request.share / total * self._touches(self.entry, request.operation, target, ())
            for request in self.workload.mix
        )

    def _touches(self, service: str, operation: str, target: str, path: tuple[str, ...]) -> float:
        if service == target:
            return 1.0
        if service in path:
            return 0.0
        untouched = 1.0
        for group in self.services[service].operations[operation].calls:
            for call in group:
                if not call.optional:
                    through = self._touches(call.to, call.operation, target, (*path, service))
                    # whoever crashes at a rare failure is not there for the other requests either
                    share = 1.0 if call.crashes else min(1.0, call.share)
                    untouched *= 1.0 - share * through
        return 1.0 - untouched
