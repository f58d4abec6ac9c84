"""The twin as an environment: the app's containers on a real cluster, under load."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from connectors.api.errors import ConnectorError, SourceMissing, SourceRejected, SourceUnreachable
from connectors.api.protocols import ClusterReader, ClusterWriter
from connectors.api.values import Json
from copilot.model.clock import Clock, SystemClock
from eval.apps.loader import load_app
from eval.apps.manifests import WORKLOADS
from eval.apps.model import App
from eval.apps.stores_api import StoreRefused, Unsupported
from eval.environments.kube import ownership
from eval.environments.kube.forward import Forward
from eval.environments.kube.kubeconfig import own_kubeconfig
from eval.environments.kube.objects import (
    OPERATIONS_PORT,
    cpu_of,
    needed_cpu,
    requested_cpu,
    service_label,
    twin_objects,
    twin_of,
)
from eval.environments.kube.program.dialling import first_port
from eval.environments.kube.sweeping import forget, prefix, sweep_dead

if TYPE_CHECKING:
    from connectors.kubernetes.client import Connection
    from connectors.kubernetes.reader import KubernetesReader
    from connectors.kubernetes.writer import KubernetesWriter

IMAGE = "python:3.11-slim"
"""The stock image unless told otherwise: any with Python 3.11 or newer as `python3`."""

_UP_SECONDS = 300.0
_POLL_SECONDS = 2.0
_HEALTHY_SHARE = 0.01
_WINDOW_SECONDS = 10
_CPU_SHARE = 0.5
_RATE = 5.0
_AT_ONCE = 6


class KubeEnvironment:
    """An `eval.protocols.Environment`. Make one with `KubeEnvironment.start`, and `close` it."""

    def __init__(
        self,
        app: App,
        image: str,
        folder: Path,
        connection: Connection,
        reader: KubernetesReader,
        writer: KubernetesWriter,
        prometheus_url: str,
    ) -> None:
        self._app = app
        self._image = image
        self._folder = folder
        self._connection = connection
        self._reader = reader
        self._writer = writer
        self._prometheus_url = prometheus_url
        self._clock = SystemClock()
        self._renewal: asyncio.Task[None] | None = None
        self._jaeger: Forward | None = None
        self._lasting = False
        self._deployed: list[Json] = []

    @classmethod
    async def start(
        cls,
        app: App | str | Path,
        *,
        kubeconfig: Path | None = None,
        context: str = "",
        seed: int = 0,
        faults: Sequence[tuple[str, str]] = (),
        image: str = IMAGE,
        namespace: str = "",
        rate: float | None = None,
        warmup_seconds: float = 20.0,
        prometheus_url: str = "",
        lasting: bool = False,
    ) -> Self:
        """Deploy an app to a cluster, put it under load for `warmup_seconds`, then inject `faults`.

        `namespace` replaces the app's own, and the users' client then runs in one beside it. `rate` is
        5 requests a second unless given. CPU requests are scaled down to half of what is free on the nodes.
        What dead processes left behind is removed first; a `lasting` twin stays until `lab down`.
        Raises `AppError`, `ValueError` for an unknown fault or a namespace that is taken,
        `ConnectorError`, and `TimeoutError` when the app does not come up.
        """
        from eval.faults.registry import fault

        loaded = app if isinstance(app, App) else load_app(app)
        twin = twin_of(loaded, image, namespace=namespace)
        made_folder = await asyncio.to_thread(tempfile.mkdtemp, prefix=prefix(twin.namespace))
        folder = Path(made_folder)
        try:
            connection, reader, writer = await _connect(folder, kubeconfig, context)
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise
        environment = cls(twin, image, folder, connection, reader, writer, prometheus_url)
        environment._lasting = lasting
        made = False
        try:
            for name, _ in faults:
                fault(name, twin)  # an unknown one is refused before anything is made
            await sweep_dead(reader, writer, image)
            await environment._check_free()
            free = await environment._free_cores()
            factor = min(1.0, _CPU_SHARE * free / (needed_cpu(twin) or 1.0))
            environment._app = twin_of(loaded, image, namespace=namespace, cpu_factor=factor)
            injected = [(fault(kind, environment._app), target) for kind, target in faults]
            made = True
            await environment._deploy(_RATE if rate is None else rate, seed)
            await environment._until_served(warmup_seconds)
            for kind, target in injected:
                await kind.inject(environment, target)
        except BaseException:
            if made:
                await environment.close(remove=True)
            else:
                await environment._disconnect()
            raise
        return environment

    @property
    def name(self) -> str:
        """What kind of environment this is."""
        return "kube"

    @property
    def app(self) -> App:
        """The app under test, as the twin runs it: make faults for this one."""
        return self._app

    @property
    def namespace(self) -> str:
        """The app's namespace."""
        return self._app.namespace

    @property
    def deployed(self) -> Sequence[Json]:
        """The app's objects as they were deployed."""
        return self._deployed

    @property
    def clock(self) -> Clock:
        """The machine's clock."""
        return self._clock

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig for agents and people, with the app's namespace as its default."""
        return self._folder / "kubeconfig"

    @property
    def prometheus_url(self) -> str:
        """Base URL of the cluster's Prometheus, as it was given."""
        return self._prometheus_url

    @property
    def jaeger_url(self) -> str:
        """Base URL of Jaeger's query API on loopback, "" for an app without tracing."""
        return self._jaeger.url if self._jaeger else ""

    @property
    def loki_url(self) -> str:
        """No Loki: logs are read through the Kubernetes API."""
        return ""

    @property
    def alertmanager_url(self) -> str:
        """No Alertmanager."""
        return ""

    @property
    def reader(self) -> ClusterReader:
        """Read access for faults and oracles."""
        return self._reader

    @property
    def writer(self) -> ClusterWriter:
        """Write access for faults."""
        return self._writer

    async def administer(self, target: str, command: str, **arguments: str | float) -> None:
        """Use the administration of a service's pods. Raises `StoreRefused`, `Unsupported`."""
        if target not in self._app.services:
            raise StoreRefused(f'the app has no service "{target}"')
        service = self._app.services[target]
        pods = await self._reader.list(
            "Pod", self.namespace, labels=service_label(self._app, service)
        )
        running = [p for p in pods if p.get("status", {}).get("podIP")]
        if not running:
            raise StoreRefused(f"no pod of {target} is running")
        if command == "kill":
            running = running[:1]
        given = {name: str(value) for name, value in arguments.items()}
        body = {"command": command, "arguments": given}
        for pod in running:
            try:
                answer = await self._ask("POST", pod, "/-/administer", body)
            except SourceUnreachable:
                if command != "kill":
                    raise
                continue  # it ended before it could answer
            if answer.get("unsupported"):
                raise Unsupported(str(answer["unsupported"]))
            if answer.get("refused"):
                raise StoreRefused(str(answer["refused"]))

    async def healthy(self) -> bool:
        """Whether fewer than 1 % of the users' requests of the last 10 seconds failed."""
        share = await self.error_share(_WINDOW_SECONDS)
        return share is not None and share < _HEALTHY_SHARE

    async def error_share(self, seconds: float) -> float | None:
        """The share of the users' requests that failed lately, None without requests."""
        workload = self._app.workload
        pods = await self._reader.list("Pod", workload.namespace, labels=f"app={workload.client}")
        for pod in pods:
            try:
                found = await self._ask("GET", pod, "/-/report", query={"seconds": f"{seconds:g}"})
            except ConnectorError:
                continue
            if found.get("requests"):
                return float(found["failed"]) / float(found["requests"])
        return None

    async def metric_pages(self) -> dict[str, str]:
        """What each running program of the app, and the users' client, shows a scraper, by pod."""
        slots = asyncio.Semaphore(_AT_ONCE)
        found: dict[str, str] = {}

        async def scrape(namespace: str, name: str) -> None:
            path = f"/api/v1/namespaces/{namespace}/pods/{name}:{OPERATIONS_PORT}/proxy/metrics"
            async with slots:
                with contextlib.suppress(ConnectorError):
                    data = await self._connection.raw("GET", path, f"scrape {name}", accept="*/*")
                    found[name] = data.decode()

        namespaces = dict.fromkeys((self.namespace, self._app.workload.namespace))
        pods = [pod for place in namespaces for pod in await self._reader.list("Pod", place)]
        await asyncio.gather(
            *(scrape(p["metadata"]["namespace"], str(p["metadata"]["name"])) for p in pods)
        )
        return found

    async def close(self, *, remove: bool | None = None) -> None:
        """Remove everything from the cluster (a lasting twin only when told to) and disconnect."""
        if self._renewal is not None:
            self._renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectorError):
                await self._renewal
            self._renewal = None
        try:
            if remove if remove is not None else not self._lasting:
                await forget(self._reader, self._writer, self.namespace, self._image)
        finally:
            await self._disconnect()

    async def _disconnect(self) -> None:
        if self._jaeger is not None:
            await self._jaeger.close()
            self._jaeger = None
        for part in (self._reader, self._writer, self._connection):
            await part.close()
        if not self._lasting:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _check_free(self) -> None:
        try:
            await self._reader.get("Namespace", "", self.namespace)
        except SourceMissing:
            return
        raise ValueError(
            f"the namespace {self.namespace} exists on this cluster already: "
            "`incident-copilot lab down` removes what a lab left; or choose another --namespace"
        )

    async def _free_cores(self) -> float:
        """The cores of all nodes that nobody has requested."""
        nodes = await self._reader.list("Node")
        cores = sum(cpu_of(str(node["status"]["allocatable"]["cpu"])) for node in nodes)
        taken = sum(requested_cpu(pod) for pod in await self._reader.list("Pod"))
        return max(0.0, cores - taken)

    async def _minor(self) -> int:
        version = await self._connection.json("GET", "/version", "read the cluster's version")
        return int("".join(c for c in str(version["minor"]) if c.isdigit()))

    async def _deploy(self, rate: float, seed: int) -> None:
        """Create everything: stores and the registry first, then what they serve, then the users."""
        objects = twin_objects(self._app, minor=await self._minor(), rate=rate, seed=seed)
        late: list[Json] = []
        first: list[str] = []
        for item in objects:
            service = self._app.services.get(str(item["metadata"]["name"]))
            if item["kind"] not in WORKLOADS:
                await self._put(item)
            elif service and (service.store or service.name == self._app.registry):
                await self._put(item)
                first.append(service.name)
            else:
                late.append(item)
        if not self._lasting:
            self._renewal = asyncio.create_task(ownership.renew(self._writer, self.namespace))
        await self._until_ready(first)
        for item in late:
            await self._put(item)

    async def _put(self, item: Json) -> None:
        marks = ownership.labels(self.namespace)
        metadata, users = item["metadata"], self._app.workload.namespace
        place = metadata.get("namespace", "")
        if place != self.namespace:
            metadata["labels"] = {**metadata.get("labels", {}), **marks}
        await self._create(item["kind"], place, item)
        self._deployed.append(item)
        if item["kind"] == "Namespace":
            held = ownership.lease(self.namespace, lasting=self._lasting)
            await self._create("Lease", self.namespace, held)
            if users != self.namespace and not await self._exists(users):
                await self._create("Namespace", "", {"metadata": {"name": users, "labels": marks}})

    async def _exists(self, namespace: str) -> bool:
        try:
            await self._reader.get("Namespace", "", namespace)
        except SourceMissing:
            return False
        return True

    async def _create(self, kind: str, namespace: str, body: Json) -> None:
        for attempt in range(5):
            try:
                await self._writer.create(kind, namespace, body)
                return
            except (SourceRejected, SourceUnreachable) as error:
                # a bare Pod needs its namespace's service account, which comes a moment later
                if kind != "Pod" or attempt == 4:
                    raise SourceRejected(f"{kind} in {namespace}: {error}") from error
                await asyncio.sleep(1)

    async def _until_ready(self, names: Sequence[str]) -> None:
        for _ in range(int(_UP_SECONDS / _POLL_SECONDS)):
            missing = await self._missing(names)
            if not missing:
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise TimeoutError(f"not up after {_UP_SECONDS:.0f} seconds: {', '.join(missing)}")

    async def _until_served(self, warmup_seconds: float) -> None:
        """Wait until the users' requests succeed, and let that go on for `warmup_seconds`."""
        await self._until_ready(list(self._app.services))
        for _ in range(int(_UP_SECONDS / _POLL_SECONDS)):
            if await self.healthy():
                break
            await asyncio.sleep(_POLL_SECONDS)
        else:
            raise TimeoutError(f"users are not served after {_UP_SECONDS:.0f} seconds")
        if self._app.jaeger:
            port = first_port(self._app.services[self._app.jaeger])
            forward = Forward(self._connection, self.namespace, self._app.jaeger, port)
            self._jaeger = await forward.open()
        await self._clock.sleep(warmup_seconds)

    async def _missing(self, names: Sequence[str]) -> list[str]:
        """The services that have fewer ready pods than described."""
        ready: dict[str, int] = {}
        for pod in await self._reader.list("Pod", self.namespace):
            states = pod.get("status", {}).get("conditions") or ()
            if any(c["type"] == "Ready" and c["status"] == "True" for c in states):
                name = str(pod["metadata"].get("labels", {}).get(self._app.label, ""))
                ready[name] = ready.get(name, 0) + 1
        wanted = {
            name: 1 if service.kind == "DaemonSet" else service.replicas
            for name, service in self._app.services.items()
        }
        return [name for name in names if ready.get(name, 0) < wanted[name]]

    async def _ask(
        self, method: str, pod: Json, path: str, body: object = None,
        query: dict[str, str] | None = None,
    ) -> Json:  # fmt: skip
        metadata = pod["metadata"]
        place = f"/api/v1/namespaces/{metadata['namespace']}/pods/{quote(str(metadata['name']))}"
        data = await self._connection.raw(
            method, f"{place}:{OPERATIONS_PORT}/proxy{path}", f"ask {metadata['name']}",
            query=query, body=body,
        )  # fmt: skip
        answer = json.loads(data or b"{}")
        assert isinstance(answer, dict)
        return answer


async def _connect(
    folder: Path, kubeconfig: Path | None, context: str
) -> tuple[Connection, KubernetesReader, KubernetesWriter]:
    from connectors.kubernetes.client import connect
    from connectors.kubernetes.reader import open_reader
    from connectors.kubernetes.settings import KubernetesSettings
    from connectors.kubernetes.writer import open_writer

    given = KubernetesSettings(kubeconfig=kubeconfig, context=context, timeout=30)
    await asyncio.to_thread(own_kubeconfig, given, folder / "kubeconfig")
    settings = KubernetesSettings(folder / "kubeconfig", timeout=30, user_agent="kubectl")
    return await connect(settings), await open_reader(settings), await open_writer(settings)
