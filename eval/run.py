"""Runs a suite for some agents: what is known already is not run again, what ends is written at once."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from copilot.config.settings import Settings
from copilot.model.errors import UsageError
from eval import memory
from eval.agents.catalog import agent
from eval.environments.emulator.environment import START
from eval.problems import Problem
from eval.runs.one import Job, Outcome
from eval.runs.pool import run_jobs
from eval.runs.store import Row, Store
from eval.session.play import Limits


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run: every problem for every agent, `repeats` times, each with the next seed."""

    problems: tuple[Problem, ...]
    agents: tuple[str, ...]
    seed: int = 0
    repeats: int = 1
    parallel: int = 0
    limits: Limits = field(default_factory=Limits)
    out: Path | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `left` are the seconds that the rest may take, None while nothing is known."""

    done: int
    number: int
    left: float | None
    row: Row | None
    lost: str = ""


Tell = Callable[[Progress], None]


async def run_suite(wanted: Wanted, settings: Settings, tell: Tell) -> list[Row]:
    """Run it, and return the results in the order of agents and problems. Raises `UsageError`.

    A problem whose process died twice is left out, and told as `lost`; running again tries it again.
    """
    for name in wanted.agents:
        agent(name, settings)
    jobs = jobs_of(wanted)
    if not jobs:
        raise UsageError("nothing to run", hint="see: incident-copilot eval list")
    with tempfile.TemporaryDirectory(prefix="incident-copilot-eval-") as folder:
        store = Store(wanted.out or Path(folder) / "results")
        waiting = [job for job in jobs if store.row(job) is None]
        knowledge = Path(folder) / "knowledge"
        await asyncio.to_thread(knowledge.mkdir)
        if any(agent(job.agent, settings).knowledge for job in waiting):
            await memory.prepare(knowledge, START, builtin=True, incidents=False)
        if waiting:
            await _run(waiting, len(jobs), settings, knowledge, store, wanted, tell)
        return store.finish(jobs)


def jobs_of(wanted: Wanted) -> list[Job]:
    """All runs of single problems."""
    return [
        Job(problem, name, wanted.seed + repeat, wanted.limits, repeat)
        for name in wanted.agents
        for repeat in range(wanted.repeats)
        for problem in wanted.problems
    ]


async def _run(
    waiting: Sequence[Job],
    number: int,
    settings: Settings,
    knowledge: Path,
    store: Store,
    wanted: Wanted,
    tell: Tell,
) -> None:
    began, ended = time.monotonic(), 0
    parallel = wanted.parallel or min(os.cpu_count() or 1, len(waiting))
    async for job, outcome in run_jobs(waiting, settings, knowledge, parallel=parallel):
        ended += 1
        left = (time.monotonic() - began) / ended * (len(waiting) - ended)
        row = await _keep(store, outcome)
        done = number - len(waiting) + ended
        tell(Progress(done, number, left, row, "" if row else job.key))


async def _keep(store: Store, outcome: Outcome | None) -> dict[str, Any] | None:
    if outcome is None:
        return None
    await asyncio.to_thread(store.add, outcome)
    return outcome.row
