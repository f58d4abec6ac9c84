"""The programs that run in the cluster's containers right now."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from connectors.api.values import Json
from eval.apps.model import Service, Step
from eval.environments.emulator.seams import ClusterState


@dataclass(slots=True, eq=False)
class Process:
    """One start of a program in a container, and what it has used since.

    `waiting` is the need that its start still retries; until then it accepts no connections.
    `crashed`: it ended itself in the present tick.
    """

    program: Service
    pod: Json
    container: str
    started: datetime
    serves_from: datetime
    waiting: Step | None = None
    retried: datetime | None = None
    requests: int = 0
    cpu_seconds: float = 0.0
    bytes_in: float = 0.0
    bytes_out: float = 0.0
    numbers: int = 0
    crashed: bool = False
    connections: dict[tuple[str, int], tuple[datetime, list[tuple[Process, int]]]] = field(
        default_factory=dict
    )

    @property
    def uid(self) -> str:
        """The uid of its pod."""
        return str(self.pod["metadata"]["uid"])

    @property
    def ip(self) -> str:
        """The IP of its pod."""
        return str(self.pod.get("status", {}).get("podIP") or "0.0.0.0")

    def seed(self, *parts: object) -> int:
        """A number that is the same in every run for the same pod and parts."""
        return zlib.crc32(":".join([self.pod["metadata"]["name"], *map(str, parts)]).encode())

    def next_number(self) -> int:
        """Count up: connection and request numbers in logs."""
        self.numbers += 1
        return self.numbers

    def worked(self, requests: int) -> None:
        """Account for requests that it handled."""
        usage = self.program.usage
        self.requests += requests
        self.cpu_seconds += requests * usage.cpu_ms / 1000
        self.bytes_in += requests * usage.bytes_in
        self.bytes_out += requests * usage.bytes_out


class Processes:
    """All processes of one app's namespace, by pod and container."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._all: dict[tuple[str, str], Process] = {}
        self._by_pod: dict[str, list[Process]] = {}
        self._listening: dict[str, frozenset[int]] = {}
        self._cluster: ClusterState | None = None

    def attach(self, cluster: ClusterState) -> None:
        """Say which cluster they run in."""
        self._cluster = cluster

    def add(self, process: Process) -> None:
        """Register a start; it takes the place of the container's process before it."""
        self._all[process.uid, process.container] = process
        self._by_pod.setdefault(process.uid, [])
        self._by_pod[process.uid] = [p for key, p in self._all.items() if key[0] == process.uid]

    def remove(self, process: Process) -> None:
        """Forget a process that ended."""
        if self._all.get((process.uid, process.container)) is process:
            del self._all[process.uid, process.container]
            self._by_pod[process.uid].remove(process)

    def refresh(self) -> None:
        """Look at the cluster again: forget what is gone, and what listened a tick ago."""
        if self._cluster is None:
            return
        self._listening.clear()
        pods = {p["metadata"]["uid"]: p for p in self._cluster.objects("Pod", self._namespace)}
        for key, process in list(self._all.items()):
            pod = pods.get(key[0])
            if pod is None:
                del self._all[key]
                self._by_pod.pop(key[0], None)
            else:
                process.pod = pod

    def of_pod(self, uid: str) -> list[Process]:
        """The processes in a pod."""
        return self._by_pod.get(uid, [])

    def accepts(self, process: Process, port: int) -> bool:
        """Whether a connection to its port would stand now."""
        uid = process.uid
        if (
            self._all.get((uid, process.container)) is not process
            or process.waiting
            or process.crashed
        ):
            return False
        ports = self._listening.get(uid)
        if ports is None:
            ports = self._cluster.listening(process.pod) if self._cluster else frozenset()
            self._listening[uid] = ports
        return port in ports

    def __iter__(self) -> Iterator[Process]:
        return iter(list(self._all.values()))
