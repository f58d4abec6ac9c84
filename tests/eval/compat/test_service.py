"""The HTTP service with its four routes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from copilot.config.settings import Settings
from eval.compat.service import Service


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    runner = web.AppRunner(Service(Settings(), tmp_path).application())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_the_four_routes(url: str) -> None:
    async with ClientSession() as client:
        async with client.get(f"{url}/health") as response:
            assert (await response.json()) == {"status": "healthy"}
        async with client.get(f"{url}/problems") as response:
            assert len((await response.json())["problems"]) == 89
        async with client.get(f"{url}/agents") as response:
            assert "engine" in (await response.json())["agents"]
        wanted = {"problem_id": "flower_node_stop-detection", "agent_name": "always-yes"}
        async with client.post(f"{url}/simulate", json={**wanted, "max_steps": 3}) as response:
            session = await response.json()
    assert [item["role"] for item in session["trace"]] == ["system", "user", "assistant"]
    assert "Namespace: docker" in session["trace"][0]["content"]
    assert session["results"]["Detection Accuracy"] == "Correct"


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"agent_name": "engine"}, 422, "problem_id"),
        ({"problem_id": "x"}, 404, "no problem x"),
        ({"problem_id": "x", "agent_name": "y"}, 404, 'no agent "y"'),
        ({"problem_id": "x", "max_steps": 0}, 422, "max_steps"),
    ],
)
async def test_what_is_wrong_is_refused(
    url: str, body: dict[str, object], status: int, text: str
) -> None:
    async with ClientSession() as client, client.post(f"{url}/simulate", json=body) as response:
        assert response.status == status
        assert text in (await response.json())["detail"]
