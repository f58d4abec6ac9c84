"""Plays problems on a real cluster: a twin of the app, broken, and the same sessions and oracles.

One twin at a time. Problems about the same incident share it, those that repair come last, and as soon
as one has written the next gets a new twin.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.api.errors import ConnectorError
from copilot.config.settings import Settings
from copilot.model.errors import UnavailableError, UsageError
from eval.apps.stores_api import StoreRefused, Unsupported
from eval.environments.kube.environment import IMAGE, KubeEnvironment
from eval.environments.kube.ownership import StillThere
from eval.lab.stay import Cluster
from eval.oracles.state import look
from eval.runs.one import Job, Outcome, run_in
from eval.runs.places import Ended, Lost
from eval.session.scene import Scene, set_scene

WARMUP_SECONDS = 60.0
"""How long users are served before the app is broken."""

_BROKEN = (ConnectorError, StoreRefused, Unsupported, TimeoutError, ValueError)


@dataclass(frozen=True, slots=True)
class Twins:
    """A runner on a cluster (`eval.runs.places.Runner`).

    Raises `UnavailableError` when the cluster cannot be used or something could not be removed from it,
    `UsageError` when a namespace is taken. However it ends, its twin goes with it.
    """

    cluster: Cluster
    warmup_seconds: float = WARMUP_SECONDS

    async def __call__(
        self, jobs: Sequence[Job], settings: Settings, knowledge: Path | None
    ) -> AsyncGenerator[Ended]:
        """Play the jobs, those about one incident after each other."""
        for waiting in _incidents(jobs):
            while waiting:
                async with aclosing(self._on_one_twin(waiting, settings, knowledge)) as playing:
                    async for ended in playing:
                        waiting.remove(ended[0])
                        yield ended

    async def _on_one_twin(
        self, jobs: Sequence[Job], settings: Settings, knowledge: Path | None
    ) -> AsyncGenerator[Ended]:
        """Play as many jobs as find the same incident."""
        jobs = tuple(jobs)
        try:
            twin = await self._start(jobs[0])
        except TimeoutError as error:
            for job in jobs:
                yield job, Lost(str(error))
            return
        try:
            try:
                scene = await set_scene(jobs[0].problem, twin, twin.app, jobs[0].seed)
            except _BROKEN as error:
                for job in jobs:
                    yield job, Lost(f"the app could not be broken: {error}")
                return
            first = twin.clock.now()
            for number, job in enumerate(jobs):
                if number and (await look(twin)).specs != scene.after.specs:
                    return
                # as if the page had come just now: earlier sessions are no delay of this one
                onset = scene.onset + (twin.clock.now() - first)
                asked = replace(scene.asked(job.problem), onset=onset)
                yield job, await _play(asked, job, twin, settings, knowledge)
        finally:
            try:
                await twin.close()
            except StillThere as error:
                raise UnavailableError(
                    str(error), hint="incident-copilot lab down --all removes it"
                ) from error

    async def _start(self, job: Job) -> KubeEnvironment:
        cluster = self.cluster
        try:
            return await KubeEnvironment.start(
                job.problem.app,
                kubeconfig=cluster.kubeconfig,
                context=cluster.context,
                seed=job.seed,
                image=cluster.image or IMAGE,
                warmup_seconds=self.warmup_seconds,
                prometheus_url=cluster.prometheus,
            )
        except ConnectorError as error:
            raise UnavailableError(
                f"the cluster cannot be used: {error}", hint="see docs/twin.md for what it needs"
            ) from error
        except ValueError as error:
            raise UsageError(str(error)) from error


async def _play(
    scene: Scene, job: Job, twin: KubeEnvironment, settings: Settings, knowledge: Path | None
) -> Outcome | Lost:
    try:
        return await run_in(scene, job, twin, settings, knowledge)
    except ConnectorError as error:
        return Lost(f"the cluster failed while it was graded: {error}")


def _incidents(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that begin alike, those that repair last."""
    found: dict[tuple[int, str], list[Job]] = {}
    for job in jobs:
        found.setdefault((job.seed, job.problem.scene), []).append(job)
    return [sorted(same, key=lambda job: job.problem.task.writes) for same in found.values()]
