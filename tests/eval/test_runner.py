"""Problems run from deployment to grade, with an agent that is right and with one that is wrong."""

from pathlib import Path

import pytest

from copilot.config.settings import ModelSection, Settings
from eval import memory
from eval.environments.emulator.environment import START
from eval.judge import judge_answer
from eval.problems import Problem, Task
from eval.runner import Candidate, run_problem
from eval.table import line, overall, rows
from tests.loopback.openai_server import OpenAIServer, fail, say

ENGINE = Candidate("engine", model=False, builtin=False, incidents=False)


@pytest.fixture
async def prepared(tmp_path: Path) -> Path:
    await memory.prepare(tmp_path, START, builtin=False, incidents=False)
    return tmp_path


async def test_a_fault_and_its_healthy_twin(prepared: Path) -> None:
    broken = Problem("social_network", "scale_to_zero", "text-service")
    results = [
        await run_problem(Settings(), problem, ENGINE, seed=1, prepared=prepared)
        for problem in (broken, Problem("social_network"))
    ]
    assert [g.task for g in results[0].grades] == list(Task)
    assert all(g.success for r in results for g in r.grades), [r.grades for r in results]
    assert results[0].cause_named is True
    assert overall(results) == 1.0
    header, table = rows(results, [None, None])
    assert dict(zip(header, table[0], strict=True))["mitigation"] == "1/1"
    assert dict(zip(header, table[0], strict=True))["false alarms"] == "0/1"
    row = line(results[0], None)
    assert row["success"] == {task.value: True for task in Task}
    assert row["wall"]["seconds"] > 0
    assert "scale_to_zero" not in str(results[0].answer)


async def test_a_judge_sees_the_truth_and_may_fail(prepared: Path) -> None:
    result = await run_problem(
        Settings(), Problem("social_network"), ENGINE, seed=1, prepared=prepared
    )
    verdict = '{"localization": 10, "mechanism": 8, "scope": 6}'
    async with OpenAIServer([say(verdict)]) as server:
        section = ModelSection(name="judge", base_url=server.base_url, api_key="x")  # type: ignore[arg-type]  # SecretStr takes text
        assert await judge_answer(section, result) == 8.0
        sent = str(server.requests[0]["messages"])
        assert "Nothing is wrong" in sent
    async with OpenAIServer([fail(400)]) as server:
        section = ModelSection(name="judge", base_url=server.base_url, api_key="x")  # type: ignore[arg-type]  # SecretStr takes text
        assert await judge_answer(section, result) is None
