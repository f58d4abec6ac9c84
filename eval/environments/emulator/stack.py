"""The whole observability stack of one emulator: what it keeps, and the servers in front of it."""

from __future__ import annotations

from typing import Protocol

from eval.environments.emulator.cluster.cluster import EmulatedCluster
from eval.environments.emulator.telemetry.alerting.evaluate import Alerting
from eval.environments.emulator.telemetry.alerting.rules import load_rules
from eval.environments.emulator.telemetry.logs import ContainerLogs
from eval.environments.emulator.telemetry.series import SeriesStore
from eval.environments.emulator.telemetry.traces import TraceStore


class Telemetry:
    """Samples, traces and logs of one cluster; `serve` puts the real APIs in front of them."""

    def __init__(self, cluster: EmulatedCluster) -> None:
        self._cluster = cluster
        self.series = SeriesStore()
        self.traces = TraceStore()
        self.logs = ContainerLogs(cluster)
        self._servers: list[_Server] = []
        self.prometheus_url = self.jaeger_url = self.loki_url = self.alertmanager_url = ""

    async def serve(self) -> None:
        """Serve Prometheus, Jaeger, Loki and Alertmanager on loopback."""
        # the HTTP stack is imported only by those who serve
        from eval.environments.emulator.telemetry.alertmanager_api import AlertmanagerServer
        from eval.environments.emulator.telemetry.jaeger_api import JaegerServer
        from eval.environments.emulator.telemetry.loki_api import LokiServer
        from eval.environments.emulator.telemetry.prometheus_api import PrometheusServer

        alerting = Alerting(load_rules(), self.series, self._now)
        self.prometheus_url = await self._start(
            PrometheusServer(self.series, self._now, alerting=alerting)
        )
        self.jaeger_url = await self._start(JaegerServer(self.traces, self._now))
        self.loki_url = await self._start(LokiServer(self.logs, self._now))
        self.alertmanager_url = await self._start(
            AlertmanagerServer(alerting, self._now, prometheus_url=self.prometheus_url)
        )

    async def close(self) -> None:
        """Stop all servers."""
        for server in self._servers:
            await server.close()
        self._servers.clear()

    def _now(self) -> float:
        return self._cluster.clock.now().timestamp()

    async def _start(self, server: _Server) -> str:
        url = await server.serve()
        self._servers.append(server)
        return url


class _Server(Protocol):
    async def serve(self) -> str: ...

    async def close(self) -> None: ...
