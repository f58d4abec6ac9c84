"""The plain agents, played against a scripted endpoint on a real problem."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from copilot.config.settings import ModelSection, Settings
from eval.run import Wanted, run_suite
from eval.session.play import Limits
from eval.suites.catalog import chosen, suite
from tests.loopback.openai_server import OpenAIServer, Step, fail, say

FLOWER = chosen(suite("aiopslab"), ("flower_node_stop-detection",))
REACT = [
    say('Thought: look at the pods.\n```\nexec_shell("kubectl get pods -n docker")\n```'),
    say('Thought: the metrics.\n```\nget_metrics("docker", 5)\n```'),
    say("Thought: enough.\n```python\nsubmit('Yes')\n```"),
    say("Thought: without a tag.\n```\nsubmit('Yes')\n```"),
]


async def play(agent: str, script: list[Step], tmp_path: Path) -> tuple[dict, list]:  # type: ignore[type-arg]
    async with OpenAIServer(script) as server:
        model = ModelSection(name="m", base_url=server.base_url, api_key=SecretStr("x"))
        wanted = Wanted(FLOWER, (agent,), parallel=1, limits=Limits(steps=6), out=tmp_path)
        (row,) = await run_suite(wanted, Settings(model=model), lambda progress: None)
        return row, server.requests


async def test_react_looks_thinks_and_submits(tmp_path: Path) -> None:
    row, requests = await play("react", REACT, tmp_path)
    assert row["success"] == {"compat": True, "strict": True}
    assert (row["steps"], row["invalid_calls"], row["tool_calls"]) == (4, 1, 2)
    assert (row["input_tokens"], row["output_tokens"]) == (4000, 400)
    assert row["seconds_from_start"] == 4 * 4 + 2 + 4
    told = requests[0]["messages"][0]["content"]
    assert "get_traces" in told and "Thought" in told and "node_stop" not in told
    assert "READY" in requests[1]["messages"][-1]["content"]
    assert "expected exactly one block" in requests[3]["messages"][-1]["content"]


async def test_the_shell_agent_has_a_shell_and_a_dead_endpoint_is_told(tmp_path: Path) -> None:
    row, requests = await play("shell", [REACT[0], fail(401)], tmp_path)
    told = requests[0]["messages"][0]["content"]
    assert "exec_shell" in told and "get_metrics" not in told
    assert not row["success"]["strict"] and row["stopped"].startswith("the agent failed: ")
    assert (row["steps"], row["tool_calls"]) == (1, 1)
