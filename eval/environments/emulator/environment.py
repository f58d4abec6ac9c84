"""The emulator as an environment: a cluster with an app under load, on a virtual clock."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.api.protocols import ClusterReader, ClusterWriter
from connectors.api.values import Json
from copilot.model.clock import Clock
from eval.apps.loader import load_app
from eval.apps.manifests import manifests
from eval.apps.model import App
from eval.environments.emulator.deploy import deploy
from eval.environments.emulator.traffic.build import Software
from eval.faults.registry import fault

if TYPE_CHECKING:
    from connectors.kubernetes.reader import KubernetesReader
    from connectors.kubernetes.writer import KubernetesWriter
    from eval.environments.emulator.cluster.cluster import EmulatedCluster
    from eval.environments.emulator.stack import Telemetry
    from eval.environments.emulator.traffic.workload import Traffic

START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
"""Where virtual time begins unless told otherwise; a Monday morning."""

_HEALTHY_SHARE = 0.01
_CHUNK_SECONDS = 60.0


class Emulator:
    """An `eval.protocols.Environment`. Make one with `Emulator.start`, and `close` it."""

    def __init__(
        self,
        app: App,
        objects: Sequence[Json],
        software: Software,
        cluster: EmulatedCluster,
        traffic: Traffic,
        telemetry: Telemetry,
    ) -> None:
        self._app = app
        self._objects = objects
        self._software = software
        self._cluster = cluster
        self._traffic = traffic
        self._telemetry = telemetry
        self._folder: Path | None = None
        self._reader: KubernetesReader | None = None
        self._writer: KubernetesWriter | None = None

    @classmethod
    async def start(
        cls,
        app: App | str | Path,
        *,
        seed: int = 0,
        faults: Sequence[tuple[str, str]] = (),
        warmup_seconds: float = 3600,
        rate: float | None = None,
        nodes: int = 3,
        start: datetime = START,
        version: str | None = None,
        upstream_dns: bool = True,
        serving: bool = True,
    ) -> Emulator:
        """Deploy an app, put it under load for `warmup_seconds`, then inject `faults`.

        `app` is a loaded app, the name of a bundled one, or the path of a YAML; `faults` are pairs
        of kind and target; `rate` replaces the app's requests per second; `version` is the
        Kubernetes version that the cluster presents ("1.20"; a modern one unless given); without
        `upstream_dns` names outside the cluster have no name server (a closed network). One that is
        not `serving` takes no faults and is a plain value that a forked process may go on with: call
        `serve` there. The same seed gives the same telemetry. Raises `AppError` for a bad app, `ValueError` for an unknown fault, and
        `TimeoutError` when the app does not come up.
        """
        from eval.environments.emulator.cluster.cluster import EmulatedCluster
        from eval.environments.emulator.cluster.version import MODERN
        from eval.environments.emulator.stack import Telemetry

        loaded = app if isinstance(app, App) else load_app(app)
        injected = [(fault(kind, loaded), target) for kind, target in faults]
        software = Software.of(loaded)
        presented = version or MODERN.minor
        cluster = EmulatedCluster(
            software.programs, seed=seed, nodes=nodes, start=start, version=presented,
            upstream_dns=upstream_dns,
        )  # fmt: skip
        telemetry = Telemetry(cluster)
        traffic, scraper = software.run(
            cluster, telemetry.series, telemetry.traces, seed=seed, rate=rate
        )
        for ticker in (traffic, scraper, telemetry.logs):
            cluster.clock.add(ticker)
        objects = manifests(loaded, minor=int(presented.split(".")[1]))
        environment = cls(loaded, objects, software, cluster, traffic, telemetry)
        try:
            await deploy(loaded, objects, cluster, software.processes)
            traffic.running = True
            await environment.advance(warmup_seconds)
            if serving:
                await environment.serve()
            for kind, target in injected:
                await kind.inject(environment, target)
        except BaseException:
            await environment.close()
            raise
        return environment

    @property
    def name(self) -> str:
        """What kind of environment this is."""
        return "emulator"

    @property
    def app(self) -> App:
        """The app under test."""
        return self._app

    @property
    def namespace(self) -> str:
        """The app's namespace."""
        return self._app.namespace

    @property
    def deployed(self) -> Sequence[Json]:
        """The app's objects as they were deployed."""
        return self._objects

    @property
    def clock(self) -> Clock:
        """The virtual clock; sleeping on it lets virtual time pass."""
        return self._cluster.clock

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig for agents and people."""
        assert self._folder is not None, "the environment does not serve"
        return self._folder / "kubeconfig"

    @property
    def prometheus_url(self) -> str:
        """Base URL of the Prometheus API."""
        return self._telemetry.prometheus_url

    @property
    def jaeger_url(self) -> str:
        """Base URL of Jaeger's query API."""
        return self._telemetry.jaeger_url

    @property
    def loki_url(self) -> str:
        """Base URL of Loki."""
        return self._telemetry.loki_url

    @property
    def alertmanager_url(self) -> str:
        """Base URL of Alertmanager."""
        return self._telemetry.alertmanager_url

    @property
    def reader(self) -> ClusterReader:
        """Read access, through the real HTTP API."""
        assert self._reader is not None, "the environment is closed or not started"
        return self._reader

    @property
    def writer(self) -> ClusterWriter:
        """Write access, through the real HTTP API."""
        assert self._writer is not None, "the environment is closed or not started"
        return self._writer

    async def advance(self, seconds: float) -> None:
        """Let virtual time pass, with breaths for the servers on this event loop."""
        while seconds > 0:
            part = min(seconds, _CHUNK_SECONDS)
            self._cluster.advance(part)
            seconds -= part
            await asyncio.sleep(0)

    async def run_realtime(self, factor: float = 1.0) -> None:
        """Let virtual time pass with real time, `factor` times as fast, until cancelled."""
        await self._cluster.clock.run_realtime(factor)

    async def administer(self, target: str, command: str, **arguments: str | float) -> None:
        """Use the administration of a part. Raises `eval.apps.stores_api.StoreRefused`."""
        self._software.administration.run(target, command, **arguments)

    async def healthy(self) -> bool:
        """Whether fewer than 1 % of the users' requests of the last virtual minute failed."""
        share = self._traffic.error_share()
        return share is not None and share < _HEALTHY_SHARE

    async def close(self) -> None:
        """Stop the servers and remove the kubeconfig."""
        for part in (self._reader, self._writer):
            if part is not None:
                await part.close()
        self._reader = self._writer = None
        await self._telemetry.close()
        await self._cluster.close()
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def serve(self) -> None:
        """Serve all APIs on the loopback, and write the kubeconfig."""
        from connectors.kubernetes.reader import open_reader
        from connectors.kubernetes.settings import KubernetesSettings
        from connectors.kubernetes.writer import open_writer

        self._folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="cluster-"))
        await self._cluster.serve()
        self._cluster.kubeconfig(self.kubeconfig, "admin", namespace=self.namespace)
        await self._telemetry.serve()
        settings = KubernetesSettings(kubeconfig=self.kubeconfig, user_agent="kubectl")
        self._reader = await open_reader(settings)
        self._writer = await open_writer(settings)
