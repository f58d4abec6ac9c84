"""Plays problems on a Ray cluster: batches that share a warm world, each on one core of some node.

Results come back one by one. When a worker or its node dies, what it had not yet told is played elsewhere.
Every node needs this package, and the files of problems and apps that are given by path.
"""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import os
import pickle
import socket
import tarfile
import tempfile
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Any

from copilot.config.settings import Settings
from copilot.model.errors import UnavailableError, UsageError
from eval.runs.one import Job, Outcome
from eval.runs.places import Ended, Lost, Runner
from eval.runs.pool import interleaved, run_jobs
from eval.runs.store import key_of
from eval.runs.wire import job_of, job_to_line, outcome_of, outcome_to_line

_TRIES = 3
_REACH_SECONDS = 5.0
_BATCHES_A_WORKER = 4


def on_ray(address: str, parallel: int) -> Runner:
    """Return a runner on the cluster at `address`, or on one that is started on this machine for the run.

    `parallel` batches run at a time, 0: one a core of the cluster. Raises `UsageError` without Ray.
    """
    ray = _ray()

    async def play(
        jobs: Sequence[Job], settings: Settings, knowledge: Path | None
    ) -> AsyncGenerator[Ended]:
        ours = not ray.is_initialized()
        if ours:
            await asyncio.to_thread(_connect, ray, address, parallel)
        workers: list[asyncio.Task[None]] = []
        try:
            cores = parallel or max(1, int(ray.cluster_resources().get("CPU", 1)))
            deal = _Deal(
                ray, batches(jobs, cores), settings, await asyncio.to_thread(_packed, knowledge)
            )
            workers = [asyncio.create_task(deal.work()) for _ in range(cores)]
            for _ in jobs:
                yield await deal.next(workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            if ours:
                await asyncio.to_thread(ray.shutdown)

    return play


def batches(jobs: Sequence[Job], workers: int) -> list[list[Job]]:
    """Cut the jobs into some batches for each worker; those of one app and seed stay together."""
    worlds: dict[tuple[str, int], list[Job]] = {}
    for job in interleaved(jobs):
        worlds.setdefault((job.problem.app, job.seed), []).append(job)
    size = max(1, -(-len(jobs) // (workers * _BATCHES_A_WORKER)))
    found = [same[at : at + size] for same in worlds.values() for at in range(0, len(same), size)]
    return sorted(found, key=len, reverse=True)


class _Deal:
    """Deals batches out to workers, and collects what they tell."""

    def __init__(
        self, ray: Any, waiting: list[list[Job]], settings: Settings, knowledge: bytes | None
    ) -> None:
        self._ray = ray
        self._waiting = waiting
        self._tries: dict[str, int] = {}
        self._told: asyncio.Queue[Ended] = asyncio.Queue()
        self._given = ray.put((pickle.dumps(settings), knowledge))
        remote = ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")
        self._play = remote(_play_batch)

    async def next(self, workers: Sequence[asyncio.Task[None]]) -> Ended:
        """Return what ends next. Raises what ended a worker of ours."""
        telling = asyncio.create_task(self._told.get())
        try:
            waiting: set[asyncio.Task[Any]] = {telling, *(w for w in workers if not w.done())}
            while not telling.done():
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {telling}:
                    task.result()
            return telling.result()
        finally:
            telling.cancel()

    async def work(self) -> None:
        """Play batch after batch until none waits."""
        while self._waiting:
            batch = self._waiting.pop(0)
            left = {job.key: job for job in batch}
            try:
                told = self._play.remote([job_to_line(job) for job in batch], self._given)
                async for line in told:
                    key, ended = _read(await line)
                    self._told.put_nowait((left.pop(key), ended))
                left_out = "was not told of by its worker"
            except self._ray.exceptions.RayError as error:
                left_out = f"its worker died {_TRIES} times: {type(error).__name__}"
            self._again(list(left.values()), left_out)

    def _again(self, jobs: list[Job], why: str) -> None:
        """Have jobs tried again, those that were tried often enough told as lost."""
        for job in jobs:
            self._tries[job.key] = self._tries.get(job.key, 0) + 1
        lost = [job for job in jobs if self._tries[job.key] >= _TRIES]
        for job in lost:
            self._told.put_nowait((job, Lost(why)))
        if again := [job for job in jobs if job not in lost]:
            self._waiting.insert(0, again)


def _play_batch(lines: list[str], given: tuple[bytes, bytes | None]) -> Iterator[str]:
    """Play a batch on a worker, and yield a line for each job."""
    settings, packed = given
    with (
        tempfile.TemporaryDirectory(prefix="incident-copilot-eval-") as folder,
        asyncio.Runner() as runner,
    ):
        if packed is not None:
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(folder, filter="data")
        knowledge = None if packed is None else Path(folder)
        jobs = [job_of(json.loads(line)) for line in lines]
        playing = run_jobs(jobs, pickle.loads(settings), knowledge, parallel=1)
        try:
            while ended := runner.run(_step(playing)):
                yield _line(*ended)
        finally:
            runner.run(playing.aclose())


async def _step(playing: AsyncGenerator[Ended]) -> Ended | None:
    return await anext(playing, None)


def _line(job: Job, ended: Outcome | Lost) -> str:
    if isinstance(ended, Lost):
        return json.dumps({"lost": job.key, "why": ended.why})
    return outcome_to_line(ended)


def _read(line: str) -> tuple[str, Outcome | Lost]:
    data = json.loads(line)
    if "lost" in data:
        return data["lost"], Lost(data["why"])
    outcome = outcome_of(data)
    return key_of(outcome.row), outcome


def _packed(knowledge: Path | None) -> bytes | None:
    if knowledge is None:
        return None
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(knowledge, arcname=".")
    return packed.getvalue()


def _ray() -> Any:
    # Ray reports how it is used to its makers unless told otherwise before it is imported
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise UsageError(
            "--executor ray needs Ray, which is not installed",
            hint="install incident-copilot[ray], or leave --executor away",
        ) from error


def _connect(ray: Any, address: str, parallel: int) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    hint = "--ray-address takes what `ray start` printed, or auto"
    try:
        if address:
            _reach(address)
            ray.init(address=address, **quiet)
        else:
            ray.init(num_cpus=parallel or None, include_dashboard=False, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise UnavailableError(
            f"the Ray cluster cannot be used: {str(error).splitlines()[0]}", hint=hint
        ) from error


def _reach(address: str) -> None:
    """Ray itself tries for minutes. Raises `OSError`."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), timeout=_REACH_SECONDS).close()
