"""What the kubelet is told about the app's running programs: probes, commands, what they use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from connectors.api.values import Json
from eval.apps.model import App, Line, Service
from eval.environments.emulator.seams import Used
from eval.environments.emulator.traffic import store_shell
from eval.environments.emulator.traffic.flags import FeatureFlags
from eval.environments.emulator.traffic.hosts import Hosts
from eval.environments.emulator.traffic.network import Network
from eval.environments.emulator.traffic.processes import Process, Processes
from eval.environments.emulator.traffic.start import Starts
from eval.environments.emulator.traffic.stores import Accounts

_MEGABYTE = 1024 * 1024
_SLOWEST_PROBE_MS = 1000.0
_CLIENTS = re.compile(
    r"\b(redis-cli|valkey-cli|mongo|mongosh|pg_isready|psql|mysqladmin|mysql|kafka-topics(\.sh)?"
    r"|rabbitmq-diagnostics|rabbitmqctl|grpc_health_probe)\b"
)
_FETCH = re.compile(r"\b(?:curl|wget)\b.*?https?://[^/\s:]+(?::(\d+))?(/[^\s\"']*)?")
_CONNECT = re.compile(r"\bnc\s+(?:-\S+\s+)*\S+\s+(\d+)")
_FILE = re.compile(r"^(?:/bin/)?(?:cat|test -[efs]|ls)\s+(/\S+)$")


class AppPrograms(Starts):
    """The software in the images of one app (`eval.environments.emulator.seams.Programs`)."""

    def __init__(
        self,
        app: App,
        processes: Processes,
        network: Network,
        accounts: Accounts,
        hosts: Hosts,
        flags: FeatureFlags,
    ) -> None:
        super().__init__(app, processes, network, accounts, hosts)
        self._flags = flags

    def broken_setting(self, process: Process, operation: str) -> Line | None:
        """What a program logs of a request that fails for a text its files do not hold."""
        settings = process.program.settings
        if not settings or self._cluster is None:
            return None
        files = {
            path.rsplit("/", 1)[-1]: text
            for path, text in self._cluster.mounted(process.pod, process.container).items()
        }
        for setting in settings:
            if setting.operation in ("", operation) and setting.holds not in files.get(
                setting.file, ""
            ):
                text = setting.error.text.replace("{file}", setting.file)
                return Line(text, setting.error.at, setting.error.level)
        return None

    def http_status(self, pod: Json, container: Json, path: str, now: datetime) -> int:
        """The HTTP status that a probe gets: 404 where the program has no such page, 0 too late."""
        process = self._find(pod, str(container["name"]))
        if process is None:
            return 200
        if self._slow(process, now):
            return 0
        known = pages(process.program)
        if known is not None and path.split("?")[0] not in known:
            return 404
        return 503 if process.waiting or self._flags.behaviour(process).not_ready else 200

    def grpc_health(self, pod: Json, container: str, service: str, now: datetime) -> str:
        """What a program says of its health over gRPC."""
        process = self._find(pod, container)
        if process is None:
            return "SERVING"
        if self._slow(process, now):
            return ""
        ready = not process.waiting and not self._flags.behaviour(process).not_ready
        return "SERVING" if ready else "NOT_SERVING"

    def usage(self, pod: Json, container: str) -> Used | None:
        """What a container's program uses now."""
        process = self._find(pod, container)
        if process is None or self._cluster is None:
            return None
        memory = process.memory_mb(self._cluster.now()) * _MEGABYTE
        return Used(process.load.used_cores or process.program.usage.idle_cores, memory)

    def command(
        self, pod: Json, container: str, command: Sequence[str], now: datetime
    ) -> tuple[int, str] | None:
        """What the usual commands of probes answer; None for others."""
        process = self._find(pod, container)
        if process is None:
            return None
        text = " ".join(command)
        ports = {port for port in process.listens if self._processes.accepts(process, port)}
        if found := _FILE.match(text):
            assert self._cluster is not None
            files = self._cluster.mounted(pod, container)
            if found.group(1) in files:
                return 0, files[found.group(1)]
            return None
        if found := _FETCH.search(text):
            if int(found.group(1) or 80) not in ports:
                return (
                    7,
                    f"curl: (7) Failed to connect to localhost port {found.group(1) or 80}: Connection refused",
                )
            status = self.http_status(pod, {"name": container}, found.group(2) or "/", now)
            return (
                (0, "")
                if 200 <= status < 400
                else (22, f"The requested URL returned error: {status}")
            )
        if found := _CONNECT.search(text):
            return (0, "") if int(found.group(1)) in ports else (1, "")
        if process.program.store is not None and ports and self._cluster is not None:
            files = self._cluster.mounted(pod, container)
            said = store_shell.run(
                self._accounts, process.program.name, command, files, process.env
            )
            if said is not None:
                return said
        if _CLIENTS.search(text):
            if not ports:
                return 1, "Could not connect: Connection refused"
            return (1, "timeout") if self._slow(process, now) else (0, "")
        return None

    def _find(self, pod: Json, container: str) -> Process | None:
        for process in self._processes.of_pod(pod["metadata"]["uid"]):
            if process.container == container:
                return process
        return None

    def _slow(self, process: Process, now: datetime) -> bool:
        """Whether an answer would come too late for a probe."""
        name = process.program.name
        condition = self._hosts.of(name)
        waited = process.load.wait_ms + process.load.stretch_ms + condition.delay_ms
        lost = condition.loss >= 0.9
        return waited > _SLOWEST_PROBE_MS or lost or self._hosts.failing(name, now)


def pages(program: Service) -> frozenset[str] | None:
    """The HTTP paths that a program knows; None: it answers all (its description names none)."""
    if not program.health:
        return None
    probed = [(probe or {}).get("httpGet") for probe in (program.readiness, program.liveness)]
    paths = {str(get.get("path", "/")) for get in probed if isinstance(get, dict)}
    return frozenset({*program.health, *program.operations, *paths})
