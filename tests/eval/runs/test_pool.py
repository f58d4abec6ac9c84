"""Problems in processes: results come back, are the same again, and a killed one loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

from copilot.config.settings import Settings
from eval.run import Progress, Wanted, run_suite
from eval.runs.one import Job
from eval.runs.pool import interleaved, run_jobs
from eval.suites.catalog import chosen, suite

FLOWER = chosen(suite("aiopslab"), ("flower_*",))
AGENTS = ("always-yes", "nothing")


def without_wall(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "wall"} for row in rows]


async def test_a_run_is_resumed_and_is_the_same_again(tmp_path: Path) -> None:
    told: list[Progress] = []
    wanted = Wanted(FLOWER[:1], AGENTS, parallel=2, out=tmp_path / "a")
    rows = await run_suite(wanted, Settings(), told.append)
    assert [(r["agent"], r["success"]["strict"]) for r in rows] == [
        ("always-yes", True),
        ("nothing", False),
    ]
    assert [p.done for p in told] == [1, 2]
    told.clear()
    again = await run_suite(wanted, Settings(), told.append)
    assert again == rows and not told
    fresh = await run_suite(replace(wanted, out=None), Settings(), told.append)
    assert without_wall(fresh) == without_wall(rows)


async def test_a_killed_process_loses_nothing() -> None:
    jobs = [Job(FLOWER[0], name, 0) for name in AGENTS]
    ended = []
    running = run_jobs(jobs, Settings(), None, parallel=1)
    killing = asyncio.create_task(_kill_the_world())
    async for job, outcome in running:
        ended.append((job.agent, outcome is not None))
    assert await killing
    assert sorted(ended) == [("always-yes", True), ("nothing", True)]


def test_apps_take_turns_and_repairs_come_first() -> None:
    problems = [p for p in suite("aiopslab") if not p.id.startswith("astronomy")]
    order = interleaved(Job(problem, "engine", 0) for problem in problems)
    assert len(order) == len(problems)
    assert len({job.problem.app for job in order[:3]}) == 3
    assert order[0].problem.task.writes


async def _kill_the_world() -> bool:
    """Kill the process that is warming up the app: a grandchild of ours."""
    for _ in range(400):
        for child in _children(os.getpid()):
            for world in _children(child):
                os.kill(world, signal.SIGKILL)
                return True
        await asyncio.sleep(0.05)
    return False


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]
