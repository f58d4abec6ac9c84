"""A bundle as an environment: the APIs of the recorded cluster and its sources, at their last moment."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from connectors.api.protocols import ClusterReader, ClusterWriter
from connectors.api.values import Json
from copilot.model.errors import PolicyError
from copilot.model.scope import Scope, Window
from eval.recording.bundle import Bundle
from eval.recording.scope import Recorded

if TYPE_CHECKING:
    from connectors.kubernetes.reader import KubernetesReader
    from eval.recording.kube_api import RecordedCluster

_READ_ONLY = PolicyError("this is a recording: nothing in it can be changed")


class FixedClock:
    """A clock that stands still; sleeping on it lets others run, and no time pass."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        """Return the recorded moment."""
        return self._at

    async def sleep(self, seconds: float) -> None:
        """Return at once."""
        await asyncio.sleep(0)


class _Server(Protocol):
    async def serve(self) -> str: ...

    async def close(self) -> None: ...


class Replay:
    """An `eval.protocols.Environment` that nobody can change. Make one with `open`, and `close` it."""

    name = "replay"
    deployed: Sequence[Json] = ()

    def __init__(self, bundle: Bundle, folder: Path, cluster: RecordedCluster) -> None:
        self.bundle = bundle
        self.clock = FixedClock(bundle.manifest.window.end)
        self.kubeconfig = folder / "kubeconfig"
        self.prometheus_url = self.loki_url = self.jaeger_url = self.alertmanager_url = ""
        self._folder, self._cluster = folder, cluster
        self._servers: list[_Server] = []
        self._reader: KubernetesReader | None = None

    @classmethod
    async def open(cls, bundle: Bundle) -> Replay:
        """Serve a bundle on the loopback."""
        from eval.recording.kube_api import RecordedCluster

        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="replay-"))
        replay = cls(bundle, folder, RecordedCluster(bundle))
        try:
            await replay._serve()
        except BaseException:
            await replay.close()
            raise
        return replay

    @property
    def namespace(self) -> str:
        """The first recorded namespace; "default" when the whole cluster is recorded."""
        return next(iter(self.bundle.manifest.namespaces), "default")

    @property
    def scope(self) -> Scope:
        """What was recorded: the scope in which to investigate."""
        manifest = self.bundle.manifest
        window = manifest.window
        return Scope(
            manifest.cluster.name,
            tuple(manifest.namespaces),
            Window(window.start, window.end, window.baseline_start),
        )

    @property
    def unserved(self) -> tuple[Json, ...]:
        """Recorded objects of kinds that the replayed API cannot serve."""
        return self._cluster.unserved

    @property
    def reader(self) -> ClusterReader:
        """Read access, through the HTTP API."""
        assert self._reader is not None, "the replay is closed"
        return self._reader

    @property
    def writer(self) -> ClusterWriter:
        """There is none. Raises `PolicyError`."""
        raise _READ_ONLY

    async def administer(self, target: str, command: str, **arguments: str | float) -> None:
        """Raise `PolicyError`: nothing runs here."""
        raise _READ_ONLY

    async def healthy(self) -> bool:
        """Whether the bundle's own truth says that nothing was wrong; without one, False."""
        truth = self.bundle.truth
        return truth is not None and not truth.faulty

    async def close(self) -> None:
        """Stop the servers and remove the kubeconfig."""
        if self._reader is not None:
            await self._reader.close()
            self._reader = None
        for server in self._servers:
            await server.close()
        await self._cluster.close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _serve(self) -> None:
        from connectors.kubernetes.reader import open_reader
        from connectors.kubernetes.settings import KubernetesSettings

        await self._cluster.serve()
        self._cluster.kubeconfig(self.kubeconfig, self.namespace)
        await self._serve_sources()
        self._reader = await open_reader(KubernetesSettings(kubeconfig=self.kubeconfig))

    async def _serve_sources(self) -> None:
        """Serve the sources that were connected; the others have no address, as they had none."""
        from eval.environments.emulator.telemetry.jaeger_api import JaegerServer
        from eval.environments.emulator.telemetry.loki_api import LokiServer
        from eval.environments.emulator.telemetry.prometheus_api import PrometheusServer
        from eval.recording.alertmanager import RecordedAlerts
        from eval.recording.stores import RecordedSeries, RecordedStreams, RecordedTraces

        bundle, manifest = self.bundle, self.bundle.manifest
        if manifest.metrics is not None:
            series = RecordedSeries(bundle, manifest.metrics)
            self.prometheus_url = await self._start(PrometheusServer(series, self._now))
        if manifest.log_store is not None:
            streams = RecordedStreams(bundle, manifest.log_store)
            self.loki_url = await self._start(LokiServer(streams, self._now))
        if manifest.traces is not None:
            traces = RecordedTraces(bundle, manifest.traces)
            self.jaeger_url = await self._start(JaegerServer(traces, self._now))
        if manifest.alerts:
            alerts = RecordedAlerts(bundle.alerts, Recorded(manifest))
            self.alertmanager_url = await self._start(alerts)

    async def _start(self, server: _Server) -> str:
        self._servers.append(server)
        return await server.serve()

    def _now(self) -> float:
        return self.clock.now().timestamp()
