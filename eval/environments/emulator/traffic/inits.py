"""Init containers: they wait for a name, a port or a permission, then end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.api.values import Json
from eval.apps.model import Init, Service
from eval.environments.emulator.seams import Run
from eval.environments.emulator.traffic.addresses import Address
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.network import Network
from eval.environments.emulator.traffic.processes import Process
from eval.environments.emulator.traffic.surroundings import AppCluster

_PORT = re.compile(r"\bnc\b(?:\s+-\S+(?:\s+\d+(?=\s))?)*\s+(?P<host>[\w.\-]+)\s+(?P<port>\d+)")
_NAME = re.compile(r"\b(?:nslookup|getent\s+hosts|ping(?:\s+-\S+\s+\d+)?)\s+(?P<host>[\w.\-]+)")
_SAYS = re.compile(r"\becho\s+(\"[^\"]*\"|'[^']*'|[^;&|]+)")
_SLEEP = re.compile(r"\bsleep\s+(\d+(?:\.\d+)?)")
_EXIT = re.compile(r"\bexit\s+(\d+)")
_TRY_SECONDS = 2.0
_DONE_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Waits:
    """What an init container's command waits for: a name, and with `port` that something accepts there."""

    host: str
    port: int
    says: str
    every_seconds: float


@dataclass(slots=True)
class _Waiting:
    process: Process
    waits: Waits
    next: datetime


class Inits:
    """The init containers that wait now."""

    def __init__(self, network: Network, namespace: str) -> None:
        self._network = network
        self._namespace = namespace
        self._waiting: dict[tuple[str, str], _Waiting] = {}
        self._cluster: AppCluster | None = None

    def attach(self, cluster: AppCluster) -> None:
        """Say which cluster they run in."""
        self._cluster = cluster

    def start(self, pod: Json, container: Json, init: Init | None, now: datetime) -> Run:
        """Say what an init container does when it starts."""
        if init is not None and init.reads:
            refused = self._read(pod, init.reads)
            if refused:
                return Run(exits_after=_DONE_SECONDS, exit_code=1, lines=((0.3, refused),))
        program = Service(str(container["name"]), str(container.get("image", "")))
        process = Process(program, pod, str(container["name"]), now, now)
        text = " ".join([*(container.get("command") or ()), *(container.get("args") or ())])
        waits = waited_for(text)
        if waits is None:
            return plain(text)
        if self._fulfilled(process, waits):
            return Run(exits_after=_DONE_SECONDS)
        self._waiting[process.uid, process.container] = _Waiting(
            process, waits, now + timedelta(seconds=waits.every_seconds)
        )
        return Run(lines=((0.1, waits.says),) if waits.says else ())

    def tick(self, now: datetime) -> None:
        """Let all that wait try again until now."""
        assert self._cluster is not None
        if not self._waiting:
            return
        pods = {p["metadata"]["uid"]: p for p in self._cluster.objects("Pod", self._namespace)}
        for key, item in list(self._waiting.items()):
            if key[0] not in pods:
                del self._waiting[key]
                continue
            process, waits = item.process, item.waits
            process.see(pods[key[0]])
            if self._fulfilled(process, waits):
                del self._waiting[key]
                self._cluster.terminate(process.pod, process.container, 0)
                continue
            while item.next <= now:
                if waits.says:
                    self._cluster.log(process.pod, process.container, waits.says, item.next)
                item.next += timedelta(seconds=waits.every_seconds)

    def _fulfilled(self, process: Process, waits: Waits) -> bool:
        assert self._cluster is not None
        if not waits.port:
            return not self._cluster.resolves(process.pod, waits.host)
        found = self._network.dial(process, Address(waits.host, waits.port))
        return not isinstance(found, Failure)

    def _read(self, pod: Json, name: str) -> str:
        assert self._cluster is not None
        refused = self._cluster.denied(pod, "get", "", "configmaps", self._namespace, name)
        if refused:
            return f"Error from server (Forbidden): {refused}"
        known = self._cluster.objects("ConfigMap", self._namespace)
        if any(item["metadata"]["name"] == name for item in known):
            return ""
        return f'Error from server (NotFound): configmaps "{name}" not found'


def waited_for(command: str) -> Waits | None:
    """Return what a shell command waits for in a loop, None when it waits for nothing."""
    if not re.search(r"\b(until|while)\b", command):
        return None
    found = _PORT.search(command) or _NAME.search(command)
    if found is None:
        return None
    said = _SAYS.search(command)
    pause = _SLEEP.search(command)
    return Waits(
        found["host"],
        int(found.groupdict().get("port") or 0),
        said.group(1).strip().strip("\"'") if said else "",
        max(0.5, float(pause.group(1))) if pause else _TRY_SECONDS,
    )


def plain(command: str) -> Run:
    """A command that waits for nothing: it sleeps as it says, prints, and ends."""
    said = _SAYS.search(command)
    lines = ((0.1, said.group(1).strip().strip("\"'")),) if said else ()
    code = _EXIT.search(command)
    exit_code = int(code.group(1)) if code else int(bool(re.search(r"\bfalse$", command)))
    if re.search(r"\bsleep\s+inf", command) or "tail -f /dev/null" in command:
        return Run(lines=lines)
    seconds = sum(float(number) for number in _SLEEP.findall(command))
    return Run(exits_after=_DONE_SECONDS + seconds, exit_code=exit_code, lines=lines)
