"""Runs a suite for some agents: what is known already is not run again, what ends is written at once."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path

from copilot.config.settings import Settings
from copilot.model.errors import UsageError
from eval import memory
from eval.agents.catalog import agent
from eval.environments.emulator.environment import START
from eval.problems import Problem
from eval.runs.one import EnvironmentName, Job
from eval.runs.places import Lost, Runner
from eval.runs.pool import in_processes
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
    environment: EnvironmentName = "emulator"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is. `left` are the seconds that the rest may take, None while nothing is known.

    `lost` says which problem came to nothing, and why.
    """

    done: int
    number: int
    left: float | None
    row: Row | None
    lost: str = ""


Tell = Callable[[Progress], None]


async def run_suite(
    wanted: Wanted, settings: Settings, tell: Tell, runner: Runner | None = None
) -> list[Row]:
    """Run it, and return the results in the order of agents and problems. Raises `UsageError`.

    `runner` plays the problems; processes on this machine unless given. A problem that came to nothing
    is left out, and told as `lost`; running again tries it again.
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
            parallel = wanted.parallel or min(os.cpu_count() or 1, len(waiting))
            play = runner or in_processes(parallel)
            await _run(waiting, len(jobs), settings, knowledge, store, play, tell)
        return store.finish(jobs)


def jobs_of(wanted: Wanted) -> list[Job]:
    """All runs of single problems."""
    return [
        Job(problem, name, wanted.seed + repeat, wanted.limits, repeat, wanted.environment)
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
    play: Runner,
    tell: Tell,
) -> None:
    began, ended = time.monotonic(), 0
    async with aclosing(play(waiting, settings, knowledge)) as playing:
        async for job, came in playing:
            ended += 1
            left = (time.monotonic() - began) / ended * (len(waiting) - ended)
            done = number - len(waiting) + ended
            if isinstance(came, Lost):
                tell(Progress(done, number, left, None, f"{job.key}: {came.why}"))
            else:
                await asyncio.to_thread(store.add, came)
                tell(Progress(done, number, left, came.row))
