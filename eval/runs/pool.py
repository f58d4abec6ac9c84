"""Runs jobs in processes, some at a time, and survives those that die."""

from __future__ import annotations

import asyncio
import base64
import json
import pickle
import sys
from collections.abc import AsyncGenerator, Iterable, Sequence
from pathlib import Path
from typing import Any

from copilot.config.settings import Settings
from eval.runs.one import Job
from eval.runs.places import Ended, Lost, Runner
from eval.runs.store import key_of
from eval.runs.wire import job_to_line, outcome_of

_TRIES = 2
_LINE = 256 * 1024 * 1024


def in_processes(parallel: int) -> Runner:
    """Return the runner that has `parallel` problems played at a time by processes of this machine."""

    def play(
        jobs: Sequence[Job], settings: Settings, knowledge: Path | None
    ) -> AsyncGenerator[Ended]:
        return run_jobs(jobs, settings, knowledge, parallel=parallel)

    return play


async def run_jobs(
    jobs: Sequence[Job], settings: Settings, knowledge: Path | None, *, parallel: int
) -> AsyncGenerator[Ended]:
    """Yield each job with what came of it, in the order in which they end."""
    waiting = list(interleaved(jobs))
    running: dict[str, Job] = {}
    tries: dict[str, int] = {}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "eval.runs.server",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(base64.b64encode(pickle.dumps((settings, knowledge))) + b"\n")
    try:
        while waiting or running:
            while waiting and len(running) < parallel:
                job = waiting.pop(0)
                running[job.key] = job
                tries[job.key] = tries.get(job.key, 0) + 1
                process.stdin.write(job_to_line(job).encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
            if not line:
                raise RuntimeError("the process that runs the problems has ended")
            data = json.loads(line)
            for job in _ended(data, running):
                if "row" in data:
                    yield job, outcome_of(data)
                elif tries[job.key] < _TRIES:
                    waiting.insert(0, job)
                else:
                    yield job, Lost("its process died twice")
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _ended(data: dict[str, Any], running: dict[str, Job]) -> list[Job]:
    """The running jobs that a line speaks of."""
    if "lost" in data:
        app, seed = data["lost"]
        keys = [k for k, j in running.items() if (j.problem.app, j.seed) == (app, seed)]
    elif "died" in data:
        keys = [data["died"]]
    else:
        keys = [key_of(data["row"])]
    return [running.pop(key) for key in keys if key in running]


def interleaved(jobs: Iterable[Job]) -> list[Job]:
    """Order jobs so that worlds of different apps are warmed up at the same time.

    Jobs that begin alike follow each other. Those with a repair, which is long, come first: what is
    left at the end is short.
    """
    by_app: dict[str, dict[str, list[Job]]] = {}
    for job in jobs:
        scenes = by_app.setdefault(job.problem.app, {})
        scenes.setdefault(f"{job.seed} {job.problem.scene}", []).append(job)
    queues = []
    for scenes in by_app.values():
        alike = [
            sorted(found, key=lambda j: not j.problem.task.writes) for found in scenes.values()
        ]
        alike.sort(key=lambda found: not found[0].problem.task.writes)
        queues.append([job for found in alike for job in found])
    queues.sort(key=len, reverse=True)
    found: list[Job] = []
    while any(queues):
        found += [queue.pop(0) for queue in queues if queue]
    return found
