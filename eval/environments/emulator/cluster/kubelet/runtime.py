"""What a kubelet remembers about the pods and containers on its node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from connectors.api.values import Json
from eval.environments.emulator.cluster.clock import Timer
from eval.environments.emulator.cluster.kubelet.backoff import Backoff
from eval.environments.emulator.cluster.kubelet.logs import LogBuffer
from eval.environments.emulator.seams import Run


class Phase(Enum):
    """Where a container is in its life."""

    WAITING = "waiting"
    PULLING = "pulling"
    STARTING = "starting"
    RUNNING = "running"
    TERMINATED = "terminated"


@dataclass(slots=True)
class ProbeState:
    """A probe's streak of equal results, and what they amount to (None: not known yet)."""

    passed: int = 0
    failed: int = 0
    result: bool | None = None
    timer: Timer | None = None


@dataclass(slots=True)
class ContainerState:
    """One container of a pod, over all its runs."""

    spec: Json
    init: bool
    ephemeral: bool = False
    phase: Phase = Phase.WAITING
    reason: str = "ContainerCreating"
    message: str = ""
    run: Run | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    rests_from: datetime | None = None
    container_id: str = ""
    terminated: Json | None = None
    last_terminated: Json | None = None
    restarts: int = 0
    serving: bool = False
    killing: bool = False
    backing_off: bool = False
    log: LogBuffer | None = None
    previous_log: LogBuffer | None = None
    timers: list[Timer] = field(default_factory=list)
    probes: dict[str, ProbeState] = field(default_factory=dict)
    crash: Backoff = field(default_factory=Backoff)
    pull: Backoff = field(default_factory=Backoff)
    pull_failed_at: datetime | None = None
    pull_error: str = ""
    image_ready: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    fixed_files: dict[str, str] = field(default_factory=dict)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = str(self.spec["name"])

    @property
    def running(self) -> bool:
        """Whether a program runs in it."""
        return self.phase is Phase.RUNNING

    @property
    def succeeded(self) -> bool:
        """Whether its last run ended well and no other one started."""
        return (
            self.phase is Phase.TERMINATED
            and self.terminated is not None
            and self.terminated["exitCode"] == 0
        )

    @property
    def started(self) -> bool:
        """Whether it runs and its startup probe, if any, has passed."""
        if not self.running:
            return False
        probe = self.probes.get("startupProbe")
        return probe is None or probe.result is True

    @property
    def ready(self) -> bool:
        """Whether it counts as ready."""
        if not self.started:
            return False
        probe = self.probes.get("readinessProbe")
        return probe is None or probe.result is True

    def cancel(self) -> None:
        """Forget everything planned for the present run."""
        for timer in self.timers:
            timer.cancel()
        self.timers.clear()
        for probe in self.probes.values():
            if probe.timer is not None:
                probe.timer.cancel()


@dataclass(slots=True)
class PodState:
    """One pod on its node."""

    key: tuple[str, str]
    uid: str
    node: str
    containers: list[ContainerState]
    ip: str = ""
    host_ip: str = ""
    start_time: str = ""
    mounted: bool = False
    mount_failures: int = 0
    stopping: bool = False
    draining: bool = False
    dead: bool = False
    frozen: bool = False
    failed: tuple[str, str] | None = None
    volumes: dict[str, dict[str, str]] = field(default_factory=dict)
    sync: Timer | None = None
    listening: frozenset[int] = frozenset()

    @property
    def active(self) -> bool:
        """Whether its kubelet still works on it."""
        return not (self.stopping or self.dead or self.frozen)

    @property
    def inits(self) -> Iterator[ContainerState]:
        """The init containers, in order."""
        return (item for item in self.containers if item.init)

    @property
    def apps(self) -> Iterator[ContainerState]:
        """The app containers."""
        return (item for item in self.containers if not (item.init or item.ephemeral))

    @property
    def ephemerals(self) -> Iterator[ContainerState]:
        """The containers that were added for debugging."""
        return (item for item in self.containers if item.ephemeral)

    def container(self, name: str) -> ContainerState | None:
        """Return a container by name."""
        return next((item for item in self.containers if item.name == name), None)

    def refresh_listening(self) -> None:
        """Recompute the ports on which the pod accepts connections."""
        ports: set[int] = set()
        if not self.stopping or self.draining:
            for item in self.containers:
                if item.running and item.serving and item.run is not None:
                    ports.update(item.run.listens)
        self.listening = frozenset(ports)


def is_sidecar(item: ContainerState) -> bool:
    """Whether it is an init container that keeps running."""
    return item.init and item.spec.get("restartPolicy") == "Always"
