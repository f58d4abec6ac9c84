"""What an app is: its services, what they call, what they store, and how people use it.

These classes are the schema of an app's YAML: `eval.apps.loader` validates a file straight into
them. Times are in the unit that their name ends with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Level = Literal["debug", "info", "warning", "error", "fatal", "panic"]
Engine = Literal["mongodb", "redis", "memcached", "postgresql", "mysql", "kafka", "rabbitmq"]
Language = Literal[
    "go", "go-json", "cpp", "nginx-lua", "java", "spring", "kotlin", "python", "nodejs", "dotnet", "rust", "ruby", "php",
    "nginx", "envoy", "mongod", "redis", "memcached", "postgresql", "mysql", "kafka", "rabbitmq",
    "plain",
]  # fmt: skip


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

    `env` names the environment variable in which the caller finds the callee's address (host,
    host:port or a URL): what the running container has there is what it dials. `cache` names the
    store whose hits spare this call: while it does not answer, every request makes it. Between
    `retries` it waits `backoff_ms`. `topic` makes it a message on a queue: `to` is the broker.
    """

    to: str
    operation: str
    port: int = 0
    via: Literal["service", "registry"] = "service"
    share: float = 1.0
    optional: bool = False
    crashes: bool = False
    retries: int = 0
    backoff_ms: float = 0.0
    timeout_ms: float = 10_000
    env: str = ""
    cache: str = ""
    topic: str = ""
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
    """A port that a Service offers; the program listens on `target` (0: on the same number)."""

    port: int
    name: str = ""
    protocol: Literal["TCP", "UDP"] = "TCP"
    target: int = 0

    @property
    def number(self) -> int:
        """The port that the program listens on."""
        return self.target or self.port


@dataclass(frozen=True, slots=True)
class User(Strict):
    """A user of a store and, per database, the role it holds. An engine without users has one, ""."""

    name: str
    password: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Store(Strict):
    """The service is a store or a broker. With `users` it demands a login.

    At more than `max_connections` (0: no limit) it refuses new ones.
    """

    engine: Engine
    users: tuple[User, ...] = ()
    max_connections: int = 0


@dataclass(frozen=True, slots=True)
class Login(Strict):
    """The user and database with which a service uses a store.

    The password is what the container's environment has in `password_env`; without one the program
    carries the right one in itself.
    """

    user: str
    database: str = ""
    password_env: str = ""


@dataclass(frozen=True, slots=True)
class Pool(Strict):
    """A client's pool of connections to a callee: at most `size` calls at once per pod.

    Who waits longer than `wait_ms` for a connection fails with `exhausted`, whatever is on the
    other side.
    """

    size: int
    wait_ms: float = 1000.0
    exhausted: Line | None = None


@dataclass(frozen=True, slots=True)
class Required(Strict):
    """What a program's start needs in its container: a variable, or a file of a mounted ConfigMap (its key).

    Without it the program logs `missing` and exits.
    """

    env: str = ""
    file: str = ""
    missing: Line = field(default_factory=lambda: Line("{name} is not set", level="fatal"))
    exit_code: int = 1


@dataclass(frozen=True, slots=True)
class Setting(Strict):
    """A text that a file of a mounted ConfigMap must hold for the program to work.

    `file` is the file's name (a key of a ConfigMap that the container mounts); it is read at every
    request. While it does not hold the text `holds`, the named `operation` ("" for all) fails with
    `error`, which the program logs too.
    """

    file: str
    holds: str
    operation: str = ""
    error: Line = field(default_factory=lambda: Line("bad configuration in {file}"))


@dataclass(frozen=True, slots=True)
class SecretKey(Strict):
    """One key of one of the app's Secrets."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Mount(Strict):
    """A PersistentVolumeClaim, a ConfigMap or a Secret, mounted at a path.

    `name` is the volume's name (that of what it holds unless given). One that holds nothing is an
    empty directory of the pod, and needs a name.
    """

    path: str
    claim: str = ""
    config_map: str = ""
    secret: str = ""
    name: str = ""

    @property
    def volume(self) -> str:
        """The name of its volume in the pod."""
        return self.name or self.claim or self.config_map or self.secret


@dataclass(frozen=True, slots=True)
class Init(Strict):
    """An init container that waits until a name resolves (and `port` accepts), then ends.

    Without `wait_for` it ends after a moment.

    `reads` names a ConfigMap that it must be able to read through the Kubernetes API with its pod's
    service account. `waiting` is logged every two seconds until it may end.
    """

    name: str
    image: str = "busybox:1.36"
    wait_for: str = ""
    port: int = 0
    reads: str = ""
    waiting: str = "waiting for {name}"
    command: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True)
class Sidecar(Strict):
    """Another container of the same pod, which only listens and idles."""

    name: str
    image: str
    ports: tuple[Port, ...] = ()
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Chatter(Strict):
    """A line that a healthy program logs now and then, whatever happens."""

    line: Line
    per_minute: float = 1.0


@dataclass(frozen=True, slots=True)
class Consumer(Strict):
    """A program that takes messages of a `topic` from a broker and does an operation for each.

    `group` names the consumer group; `per_second` is how many one pod can process.
    """

    broker: str
    topic: str
    operation: str
    group: str = ""
    per_second: float = 50.0
    failed: Line | None = None


@dataclass(frozen=True, slots=True)
class Effect(Strict):
    """What a program does differently while one of the app's own feature flags is on.

    It holds for the named `operation` ("" for all), while the flag's variant is none of `off`. The
    `error_share` of the requests fails with `error` (where it is None and the variant's value is a
    number, that is the share); each takes `latency_ms` longer and `cpu_factor` times the CPU; memory
    grows by `memory_mb_per_minute`; `dials` sends calls to other addresses, by callee; `messages`
    multiplies what is published; consumers take `consumer_factor` times as many (below 1: slower); `gc_pause_ms` is a pause
    of the runtime every ten seconds.
    """

    flag: str
    operation: str = ""
    off: tuple[str, ...] = ("off",)
    error_share: float | None = None
    error: Line | None = None
    latency_ms: float = 0.0
    cpu_factor: float = 1.0
    memory_mb_per_minute: float = 0.0
    dials: Mapping[str, str] = field(default_factory=dict)
    messages: float = 1.0
    consumer_factor: float = 1.0
    gc_pause_ms: float = 0.0
    not_ready: bool = False


@dataclass(frozen=True, slots=True)
class Autoscale(Strict):
    """A HorizontalPodAutoscaler on CPU utilisation."""

    min_replicas: int = 1
    max_replicas: int = 4
    cpu_percent: int = 70


@dataclass(frozen=True, slots=True)
class Service(Strict):
    """One service or store: a workload and a Service in Kubernetes, and what its program does.

    A pod works on at most `workers` requests at once (0: no limit of its own); up to `queue` more
    wait (0: all of them), the rest is refused. It can use as much CPU as its limit, or its node, has;
    near that, requests queue.
    `health` are the HTTP paths that answer 200 while it serves; an unknown path answers 404.
    """

    name: str
    image: str
    kind: Literal["Deployment", "StatefulSet", "DaemonSet"] = "Deployment"
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
    headless: bool = False
    workers: int = 0
    queue: int = 0
    health: tuple[str, ...] = ()
    pools: Mapping[str, Pool] = field(default_factory=dict)
    required: tuple[Required, ...] = ()
    settings: tuple[Setting, ...] = ()
    secret_env: Mapping[str, SecretKey] = field(default_factory=dict)
    init: tuple[Init, ...] = ()
    sidecars: tuple[Sidecar, ...] = ()
    chatter: tuple[Chatter, ...] = ()
    consumes: tuple[Consumer, ...] = ()
    effects: tuple[Effect, ...] = ()
    autoscale: Autoscale | None = None
    min_available: int = 0

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
class Burst(Strict):
    """`factor` times the rate for `seconds`, every `every_seconds`."""

    every_seconds: float
    seconds: float
    factor: float


@dataclass(frozen=True, slots=True)
class Workload(Strict):
    """How people use the app: open loop, `rate` requests a second whatever the answers are.

    Over the day the rate swings by `daily_swing` of itself, lowest at 4:00 and highest at 16:00 UTC.
    `flag` names a flag of the app whose numeric value multiplies the rate while it is on: that of the
    requests for `flag_operation` ("" for all).
    """

    mix: tuple[Request, ...]
    rate: float = 20.0
    arrivals: Literal["exponential", "constant"] = "exponential"
    daily_swing: float = 0.0
    bursts: tuple[Burst, ...] = ()
    flag: str = ""
    flag_operation: str = ""
    client: str = "load-generator"
    namespace: str = "default"


@dataclass(frozen=True, slots=True)
class Flags(Strict):
    """The app's feature flags: a JSON file in flagd's form in a ConfigMap, served by a service.

    The service reads the file when it starts.
    """

    service: str
    config_map: str
    key: str


@dataclass(frozen=True, slots=True)
class CronJob(Strict):
    """A CronJob of the app: runs for `seconds`, then ends with `exit_code`."""

    schedule: str
    image: str
    command: tuple[str, ...] = ()
    seconds: float = 12.0
    exit_code: int = 0
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ingress(Strict):
    """An Ingress: a host whose paths lead to services of the app. `tls` names a Secret."""

    host: str
    paths: Mapping[str, str]
    tls: str = ""


@dataclass(frozen=True, slots=True)
class Variant(Strict):
    """Another build of the app's software, under an image reference of its own that a registry serves.

    A container with that image runs the program of one of `services` (the one that the pod's label
    names, else the container's name), with these differences: it `dials` other addresses
    ("host:port", by callee), whatever its environment says; with `exits` it logs that line when it
    starts and ends with `exit_code`.
    """

    services: tuple[str, ...]
    dials: Mapping[str, str] = field(default_factory=dict)
    exits: Line | None = None
    exit_code: int = 1


class _Remembering:
    """Holds what follows from the fields, and is none."""

    __slots__ = ("_exposure",)
    _exposure: dict[str, float]


@dataclass(frozen=True, slots=True)
class App(Strict, _Remembering):
    """An app under test. `label` is the label key that names a pod's service.

    `sampling` is the share of requests that are traced; `jaeger` names the app's own tracing
    service, "" where there is none. A `runtime` "docker" app has containers on one host in place of
    pods: in a cluster each is a bare pod that is not restarted, all on one node. `variants` are, by
    image reference, other builds of the app's own images.
    """

    name: str
    namespace: str
    label: str
    entry: str
    workload: Workload
    services: Mapping[str, Service]
    registry: str = ""
    more_images: tuple[str, ...] = ()
    variants: Mapping[str, Variant] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    description: str = ""
    runtime: Literal["kubernetes", "docker"] = "kubernetes"
    sampling: float = 1.0
    jaeger: str = ""
    flags: Flags | None = None
    cron_jobs: Mapping[str, CronJob] = field(default_factory=dict)
    ingresses: Mapping[str, Ingress] = field(default_factory=dict)

    def clients(self, store: str) -> list[Service]:
        """The services that log in to a store."""
        return [service for service in self.services.values() if store in service.logins]

    def exposure(self) -> Mapping[str, float]:
        """Per service, the share of user requests that fail when nothing of it answers.

        A message fails with its broker; what consumers do with it later, no user waits for. A call that
        a cache spares counts by its share: while the cache answers.
        """
        if not hasattr(self, "_exposure"):
            # Asked for with every kind of fault, and the same again.
            found = {name: self._share_through(name) for name in self.services}
            object.__setattr__(self, "_exposure", found)
        return self._exposure

    def _share_through(self, target: str) -> float:
        total = sum(request.share for request in self.workload.mix) or 1.0
        known: dict[tuple[str, str], float] = {}
        return sum(
            request.share / total * self._touches(self.entry, request.operation, target, known)
            for request in self.workload.mix
        )

    def _touches(
        self, service: str, operation: str, target: str, known: dict[tuple[str, str], float]
    ) -> float:
        """The share of an operation's requests that need the target."""
        if service == target:
            return 1.0
        key = service, operation
        if key in known:
            return known[key]
        known[key] = 0.0
        untouched = 1.0
        for group in self.services[service].operations[operation].calls:
            for call in group:
                if not call.optional:
                    through = self._touches(call.to, call.operation, target, known)
                    # whoever crashes at a rare failure is not there for the other requests either
                    share = 1.0 if call.crashes else min(1.0, call.share)
                    untouched *= 1.0 - share * through
        known[key] = 1.0 - untouched
        return known[key]
