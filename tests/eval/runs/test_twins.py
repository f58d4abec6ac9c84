"""How problems share a cluster: played here in the emulator, one world in place of each twin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.api.errors import SourceUnreachable
from copilot.config.settings import Settings
from copilot.model.errors import UnavailableError, UsageError
from eval.environments.emulator.environment import Emulator
from eval.environments.kube.environment import KubeEnvironment
from eval.environments.kube.ownership import StillThere
from eval.lab.stay import Cluster
from eval.problems import Broken, Labels, Problem, Task
from eval.runs.cluster import Twins
from eval.runs.one import Job
from eval.runs.places import Ended, Lost

APP = str(Path(__file__).parents[2] / "cluster" / "twin_app.yaml")
CLOSED = Problem(
    "closed-detection",
    Task.DETECTION,
    APP,
    (Broken("scale_to_zero", "prices"),),
    Labels(("prices",)),
    check="scaled",
    settle_seconds=60,
)
REPAIR = replace(CLOSED, id="closed-mitigation", task=Task.MITIGATION)
WELL = replace(CLOSED, id="well", faults=())


class Worlds:
    """Emulators in place of twins: what was started, and how it ended."""

    def __init__(self) -> None:
        self.started: list[Emulator] = []
        self.closed = 0
        self.failing: Exception | None = None
        self.remaining: Exception | None = None

    async def start(self, app: str, **options: object) -> Emulator:
        if self.failing is not None:
            raise self.failing
        assert options["image"] == "some/python:3"
        world = await Emulator.start(app, warmup_seconds=30)
        close = world.close

        async def closing() -> None:
            await close()
            self.closed += 1
            if self.remaining is not None:
                raise self.remaining

        world.close = closing  # type: ignore[method-assign]
        self.started.append(world)
        return world


@pytest.fixture
def worlds(monkeypatch: pytest.MonkeyPatch) -> Worlds:
    made = Worlds()
    monkeypatch.setattr(KubeEnvironment, "start", made.start)
    return made


TWINS = Twins(Cluster(image="some/python:3"))


async def played(jobs: list[Job]) -> list[Ended]:
    return [ended async for ended in TWINS(jobs, Settings(), None)]


def told(found: list[Ended]) -> list[tuple[str, str, bool]]:
    rows = []
    for job, came in found:
        assert not isinstance(came, Lost), came
        assert came.row["environment"] == "kube"
        rows.append((job.problem.id, job.agent, bool(came.row["success"]["strict"])))
    return rows


def job(problem: Problem, agent: str) -> Job:
    return Job(problem, agent, 0, environment="kube")


async def test_one_twin_for_an_incident_until_somebody_writes(worlds: Worlds) -> None:
    jobs = [
        job(REPAIR, "oracle"),
        job(WELL, "always-yes"),
        job(CLOSED, "always-yes"),
        job(REPAIR, "nothing"),
        job(CLOSED, "nothing"),
    ]
    found = await played(jobs)
    assert told(found) == [
        ("closed-detection", "always-yes", True),
        ("closed-detection", "nothing", False),
        ("closed-mitigation", "oracle", True),
        ("closed-mitigation", "nothing", False),
        ("well", "always-yes", False),
    ]
    assert worlds.closed == len(worlds.started) == 3
    onsets = [came.row["seconds_from_onset"] for _, came in found if not isinstance(came, Lost)]
    assert onsets[0] == onsets[1], "an earlier session is no delay of the next one"


async def test_an_app_that_does_not_come_up_loses_its_problems_only(worlds: Worlds) -> None:
    worlds.failing = TimeoutError("not up after 300 seconds: orders")
    found = await played([job(CLOSED, "nothing"), job(REPAIR, "nothing")])
    assert [came for _, came in found] == [Lost("not up after 300 seconds: orders")] * 2
    assert not worlds.started


async def test_a_fault_that_cannot_be_made_loses_its_problem_and_the_twin_goes(
    worlds: Worlds,
) -> None:
    impossible = replace(CLOSED, faults=(Broken("scale_to_zero", "nobody"),))
    ((_, came),) = await played([job(impossible, "nothing")])
    assert isinstance(came, Lost) and "could not be broken" in came.why
    assert worlds.closed == len(worlds.started) == 1


@pytest.mark.parametrize(
    ("error", "raised", "words"),
    [
        (SourceUnreachable("no route to host"), UnavailableError, "cannot be used: no route"),
        (ValueError("the namespace kiosk exists on this cluster already"), UsageError, "kiosk"),
    ],
)
async def test_a_cluster_that_cannot_be_used_ends_the_run(
    worlds: Worlds, error: Exception, raised: type[Exception], words: str
) -> None:
    worlds.failing = error
    with pytest.raises(raised, match=words):
        await played([job(CLOSED, "nothing")])


async def test_what_could_not_be_removed_is_told(worlds: Worlds) -> None:
    worlds.remaining = StillThere("Namespace kiosk: still there")
    with pytest.raises(UnavailableError, match="still there") as caught:
        await played([job(WELL, "nothing")])
    assert "lab down" in caught.value.hint


async def test_an_abandoned_run_closes_its_twin(worlds: Worlds) -> None:
    playing = TWINS([job(CLOSED, "nothing"), job(REPAIR, "nothing")], Settings(), None)
    await anext(playing)
    await playing.aclose()
    assert worlds.closed == len(worlds.started) == 1
