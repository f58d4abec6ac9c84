"""Our tools through the official SDK's client, over both transports."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from copilot.server.mcp_server import Desk, serve_http
from copilot.tools.catalog import READ_ONLY
from copilot.tools.context import Limits
from copilot.tools.sources import Sources
from tests.copilot.tools.worlds import Cluster, FixedClock, app, scope
from tests.eval.environments.emulator.cluster.conftest import make_lab

mcp = pytest.importorskip("mcp")
TOKEN = "a-token-of-the-test"


def desk(clock: FixedClock | None = None) -> Desk:
    sources = Sources(clock or FixedClock(), cluster=Cluster(app("cart")))
    return Desk(sources, scope(), READ_ONLY, Limits())


@pytest.fixture
async def url() -> AsyncIterator[str]:
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve_http(desk(), "127.0.0.1", 0, TOKEN, ready=port.set_result))
    yield f"http://127.0.0.1:{await port}/mcp"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_http_serves_the_tools_to_those_with_the_token(url: str) -> None:
    from mcp.client.streamable_http import streamable_http_client

    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        mcp.Client(streamable_http_client(url, http_client=http)) as client,
    ):
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == [one.name for one in READ_ONLY]
        assert all(tool.annotations.read_only_hint for tool in tools)
        assert not {"propose_mitigation", "submit"} & {tool.name for tool in tools}
        answer = await client.call_tool("list_resources", {})
        assert "1 Deployment (1 healthy)" in answer.content[0].text
        id = answer.structured_content["evidence"][0]
        page = await client.call_tool("show_evidence", {"id": id})
        assert id in page.content[0].text
        wrong = await client.call_tool("get_logs", {"service": "carts"})
        assert wrong.is_error
        assert "Did you mean: cart" in wrong.content[0].text


@pytest.mark.parametrize("header", ["", "Bearer wrong", f"Basic {TOKEN}", TOKEN])
async def test_http_turns_away_everybody_else(url: str, header: str) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.post(url, json={}, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_window_moves_on_and_the_evidence_stays() -> None:
    clock = FixedClock()
    table = desk(clock)
    first = table.toolbox()
    await first.call("list_resources", {})
    assert table.toolbox() is first
    clock.time += timedelta(minutes=10)
    second = table.toolbox()
    assert second is not first
    assert second.evidence.keys() == first.evidence.keys()


async def test_stdio_serves_the_tools_of_an_emulated_cluster(tmp_path: Path) -> None:
    lab = make_lab()
    lab.cluster.create(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings", "namespace": "shop"},
            "data": {"DB_PASSWORD": "hunter2"},
        }
    )
    await lab.cluster.serve()
    lab.cluster.kubeconfig(tmp_path / "kubeconfig", "admin", namespace="shop")
    started = mcp.StdioServerParameters(
        command=str(Path(sys.executable).with_name("incident-copilot")),
        args=["mcp", "--kubeconfig", str(tmp_path / "kubeconfig"), "-n", "shop"],
        env={"INCIDENT_COPILOT_STATE__FOLDER": str(tmp_path), "HOME": str(tmp_path)},
    )
    async with mcp.Client(started) as client:
        assert len((await client.list_tools()).tools) == len(READ_ONLY)
        answer = await client.call_tool(
            "exec_shell", {"command": "kubectl get cm settings -o jsonpath='{.data}'"}
        )
        assert "DB_PASSWORD" in answer.content[0].text
        assert "hunter2" not in answer.content[0].text
        refused = await client.call_tool("exec_shell", {"command": "kubectl exec x -- sh"})
        assert refused.is_error
    await lab.cluster.close()
