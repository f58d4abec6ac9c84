"""Methods without a model play as agents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from copilot.config.settings import Settings
from eval.agents.catalog import AGENTS
from eval.agents.protocol import Briefing
from eval.environments.emulator.environment import Emulator
from eval.problems import Problem, Task
from eval.session.parser import parse, solution_of

APP = Path(__file__).parents[2] / "cluster" / "twin_app.yaml"
SERIES = ("mksmc", "rmlad", "pdiagnose", "baro")


@pytest.fixture
async def world() -> AsyncIterator[Emulator]:
    emulator = await Emulator.start(APP, warmup_seconds=30, faults=[("scale_to_zero", "prices")])
    await emulator.clock.sleep(60)
    yield emulator
    await emulator.close()


async def answer(world: Emulator, name: str, task: Task) -> object:
    problem = Problem("p", task, str(APP))
    briefing = Briefing(problem, world.app, "", "", {}, world, Settings(), 0)
    async with AGENTS[name].open(briefing) as agent:
        return solution_of(parse(await agent.get_action("")))


async def test_a_scan_names_what_looks_wrong(world: Emulator) -> None:
    assert await answer(world, "object-scan", Task.DETECTION) == "Yes"
    assert await answer(world, "object-scan", Task.LOCALIZATION) == ["prices"]
    assert await answer(world, "object-scan", Task.ANALYSIS) == {
        "system_level": "",
        "fault_type": "",
    }


@pytest.mark.parametrize("name", SERIES)
async def test_without_a_past_series_tell_nothing(world: Emulator, name: str) -> None:
    assert await answer(world, name, Task.DETECTION) == "No"
    assert await answer(world, name, Task.LOCALIZATION) == []
