"""The programs that run in the cluster's containers right now."""

from __future__ import annotations

import math
import zlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from connectors.api.values import Json
from eval.apps.model import Service, Step
from eval.environments.emulator.seams import ClusterState
from eval.environments.emulator.traffic.load import Load, Pools

if TYPE_CHECKING:
    from eval.environments.emulator.traffic.flags import Flag

_FILLING_SECONDS = 240.0


@dataclass(slots=True)
class Standing:
    """Connections that a program holds to a callee since an instant.

    `topology` is the cluster's at that instant, where all who could have answered did; None otherwise.
    """

    since: datetime
    targets: list[tuple[Process, int]]
    epoch: int = 0
    topology: Hashable = None


@dataclass(slots=True, eq=False)
class Process:
    """One start of a program in a container, and what it has used since.

    `env` is the environment it was started with, `dials` the addresses that its build carries in
    itself, by callee; `limits` (cores, bytes; 0: none) are its container's. `waiting` is the need
    that its start still retries; until then it accepts no connections. `crashed`: it ended itself in
    the present tick. `flags` are what a flag service read when it started.
    """

    program: Service
    pod: Json
    container: str
    started: datetime
    serves_from: datetime
    env: Mapping[str, str] = field(default_factory=dict)
    dials: Mapping[str, str] = field(default_factory=dict)
    listens: frozenset[int] = frozenset()
    cpu_limit: float = 0.0
    memory_limit: float = 0.0
    waiting: Step | None = None
    retried: datetime | None = None
    requests: int = 0
    bytes_in: float = 0.0
    bytes_out: float = 0.0
    leaked_mb: float = 0.0
    filled_mb: float = 0.0
    dropped_in: float = 0.0
    dropped_out: float = 0.0
    numbers: int = 0
    crashed: bool = False
    clock_seconds: float = 0.0
    flags: Mapping[str, Flag] = field(default_factory=dict)
    load: Load = field(default_factory=Load)
    pools: Pools = field(default_factory=Pools)
    connections: dict[tuple[str, str, int], Standing] = field(default_factory=dict)
    uid: str = field(init=False)
    ip: str = field(init=False)
    node: str = field(init=False)

    def __post_init__(self) -> None:
        self.see(self.pod)

    def see(self, pod: Json) -> None:
        """Take its pod as it is now: `uid` and `ip` are the pod's, `node` the name of its node."""
        self.pod = pod
        self.uid = str(pod["metadata"].get("uid", ""))
        self.ip = str(pod.get("status", {}).get("podIP") or "0.0.0.0")
        self.node = str(pod.get("spec", {}).get("nodeName") or "")

    @property
    def cpu_seconds(self) -> float:
        """The CPU time that it has used."""
        return self.load.used_seconds

    def memory_mb(self, now: datetime) -> float:
        """What it holds in memory: programs fill their caches for some minutes, then stay there."""
        age = max(0.0, (now - self.started).total_seconds())
        filled = 1.0 - 0.3 * math.pow(0.5, age / _FILLING_SECONDS)
        waiting = self.load.waiting + self.load.in_flight
        return (
            self.program.usage.memory_mb * filled + self.leaked_mb + self.filled_mb + waiting * 0.02
        )

    def shown(self, at: datetime) -> datetime:
        """What its own clock says at an instant."""
        return at + timedelta(seconds=self.clock_seconds) if self.clock_seconds else at

    def seed(self, *parts: object) -> int:
        """A number that is the same in every run for the same pod and parts."""
        return zlib.crc32(":".join([self.pod["metadata"]["name"], *map(str, parts)]).encode())

    def next_number(self) -> int:
        """Count up: connection and request numbers in logs."""
        self.numbers += 1
        return self.numbers

    def worked(self, requests: int, *, cpu_factor: float = 1.0, held_ms: float = 0.0) -> None:
        """Account for requests that it handled, each taking `held_ms` of a worker's time."""
        usage = self.program.usage
        self.requests += requests
        self.load.admitted += requests
        self.load.cpu_ms += requests * usage.cpu_ms * cpu_factor
        self.load.held_ms += requests * held_ms
        self.bytes_in += requests * usage.bytes_in
        self.bytes_out += requests * usage.bytes_out


@dataclass(frozen=True, slots=True)
class Pressed:
    """A start that ends at `until` unless the step's need is fulfilled before. `step` counts from 0."""

    process: Process
    step: int
    until: datetime


class Processes:
    """All processes of one app's namespace, by pod and container.

    `generation` counts up whenever one comes or goes; the `pressed` end soon unless what their start needs
    comes.
    """

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._all: dict[tuple[str, str], Process] = {}
        self._by_pod: dict[str, list[Process]] = {}
        self._by_service: dict[str, list[Process]] = {}
        self._listening: dict[str, frozenset[int]] = {}
        self._cluster: ClusterState | None = None
        self._seen: Sequence[Json] | None = None
        self.generation = 0
        self.pressed: list[Pressed] = []

    def attach(self, cluster: ClusterState) -> None:
        """Say which cluster they run in."""
        self._cluster = cluster

    def add(self, process: Process) -> None:
        """Register a start; it takes the place of the container's process before it."""
        uid, self._seen = process.uid, None
        self._all[uid, process.container] = process
        self._by_pod[uid] = [p for key, p in self._all.items() if key[0] == uid]
        self._sort()

    def remove(self, process: Process) -> None:
        """Forget a process that ended."""
        if self._all.get((process.uid, process.container)) is process:
            del self._all[process.uid, process.container]
            self._by_pod[process.uid].remove(process)
            self._sort()

    def refresh(self) -> None:
        """Look at the cluster again: forget what is gone, and what listened a tick ago."""
        if self._cluster is None:
            return
        self._listening.clear()
        present = self._cluster.objects("Pod", self._namespace)
        if present is self._seen:
            return
        self._seen = present
        pods = {pod["metadata"]["uid"]: pod for pod in present}
        gone = False
        for key, process in list(self._all.items()):
            pod = pods.get(key[0])
            if pod is None:
                gone = True
                del self._all[key]
                self._by_pod.pop(key[0], None)
            elif process.pod is not pod:
                process.see(pod)
        if gone:
            self._sort()

    def _sort(self) -> None:
        self.generation += 1
        self._by_service = {}
        for process in self._all.values():
            self._by_service.setdefault(process.program.name, []).append(process)

    def of_pod(self, uid: str) -> list[Process]:
        """The processes in a pod."""
        return self._by_pod.get(uid, [])

    def of_service(self, name: str) -> list[Process]:
        """The processes that run a service's program."""
        return list(self._by_service.get(name, ()))

    def runs(self, process: Process) -> bool:
        """Whether it is still the one in its container."""
        return self._all.get((process.uid, process.container)) is process

    def accepts(self, process: Process, port: int) -> bool:
        """Whether a connection to its port would stand now."""
        if port not in process.listens or process.waiting or process.crashed:
            return False
        uid = process.uid
        if self._all.get((uid, process.container)) is not process:
            return False
        ports = self._listening.get(uid)
        if ports is None:
            ports = self._cluster.listening(process.pod) if self._cluster else frozenset()
            self._listening[uid] = ports
        return port in ports

    def __iter__(self) -> Iterator[Process]:
        return iter(list(self._all.values()))
