"""The plain agents, played against a scripted endpoint on a real problem."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from copilot.config.settings import ModelSection, Settings
from eval.run import Wanted, run_suite
from eval.session.play import Limits
from eval.suites.catalog import chosen, suite
from tests.loopback.openai_server import OpenAIServer, fail, say

Played = tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]
"""Rows by agent, and the requests that the endpoint got."""

FLOWER = chosen(suite("aiopslab"), ("flower_node_stop-detection",))
REACT = [
    say('Thought: look at the pods.\n```\nexec_shell("kubectl get pods -n docker")\n```'),
    say('Thought: the metrics.\n```\nget_metrics("docker", 5)\n```'),
    say("Thought: enough.\n```python\nsubmit('Yes')\n```"),
    say("Thought: without a tag.\n```\nsubmit('Yes')\n```"),
]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Both in one world: the first four requests are of the one, the last two of the other."""
    return asyncio.run(_play(tmp_path_factory.mktemp("runs")))


async def _play(folder: Path) -> Played:
    async with OpenAIServer([*REACT, REACT[0], fail(401)]) as server:
        model = ModelSection(name="m", base_url=server.base_url, api_key=SecretStr("x"))
        wanted = Wanted(FLOWER, ("react", "shell"), parallel=1, limits=Limits(steps=6), out=folder)
        rows = await run_suite(wanted, Settings(model=model), lambda progress: None)
        return {row["agent"]: row for row in rows}, server.requests


def test_react_looks_thinks_and_submits(played: Played) -> None:
    row, requests = played[0]["react"], played[1][: len(REACT)]
    assert row["success"] == {"compat": True, "strict": True}
    assert (row["steps"], row["invalid_calls"], row["tool_calls"]) == (4, 1, 2)
    assert (row["input_tokens"], row["output_tokens"]) == (4000, 400)
    assert row["seconds_from_start"] == 4 * 4 + 2 + 4
    told = requests[0]["messages"][0]["content"]
    assert "get_traces" in told and "Thought" in told and "node_stop" not in told
    assert "READY" in requests[1]["messages"][-1]["content"]
    assert "expected exactly one block" in requests[3]["messages"][-1]["content"]


def test_the_shell_agent_has_a_shell_and_a_dead_endpoint_is_told(played: Played) -> None:
    row, requests = played[0]["shell"], played[1][len(REACT) :]
    told = requests[0]["messages"][0]["content"]
    assert "exec_shell" in told and "get_metrics" not in told
    assert not row["success"]["strict"] and row["stopped"].startswith("the agent failed: ")
    assert (row["steps"], row["tool_calls"]) == (1, 1)
