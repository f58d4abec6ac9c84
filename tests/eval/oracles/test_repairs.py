"""Repairs under both oracles: a right one, none, and one that breaks another service."""

from __future__ import annotations

import pytest

from eval.agents.controls import knowing
from eval.agents.protocol import Briefing
from eval.environments.emulator.environment import Emulator
from eval.oracles.state import look
from eval.problems import Problem, Task
from eval.session.grade import Graded, grade
from eval.session.scene import Scene, set_scene
from eval.suites.catalog import suite

WARMUP = 240.0
BY_ID = {p.id: p for p in suite("aiopslab") if p.task is Task.MITIGATION}
DOES_NOTHING_AND_PASSES_COMPAT = {
    "assign_to_non_existent_node_social_net-mitigation-1",
    "astronomy_shop_kafka_queue_problems-mitigation-1",
    "auth_miss_mongodb-mitigation-1",
}
SAMPLE = ("scale_pod_zero_social_net-mitigation-1", "revoke_auth_mongodb-mitigation-1")


async def three_ways(problem: Problem) -> dict[str, Graded]:
    found = {}
    for way in ("nothing", "right", "breaks"):
        environment = await Emulator.start(problem.app, warmup_seconds=WARMUP)
        try:
            scene = await set_scene(problem, environment, environment.app, 0)
            if way != "nothing":
                for fault, target in scene.faults:
                    await fault.recover(environment, target)
            if way == "breaks":
                await scale_away(scene)
            found[way] = await grade(scene, [])
        finally:
            await environment.close()
    return found


async def scale_away(scene: Scene) -> None:
    """Stop a workload that the fault has nothing to do with."""
    environment = scene.environment
    well = (await look(environment)).workloads
    broken = {target for _, target in scene.faults}
    names = sorted(n.split("/")[1] for n in well if n.startswith("Deployment/"))
    other = next(n for n in reversed(names) if not any(b in n or n in b for b in broken))
    patch = {"spec": {"replicas": 0}}
    await environment.writer.patch("Deployment", environment.namespace, other, patch)


async def check(name: str) -> None:
    found = await three_ways(BY_ID[name])
    assert found["right"].strict.success, found["right"]
    assert not found["right"].regressions
    assert not found["nothing"].strict.success, found["nothing"]
    assert not found["breaks"].strict.success, found["breaks"]
    assert found["breaks"].regressions
    assert found["nothing"].compat.success is (name in DOES_NOTHING_AND_PASSES_COMPAT)


async def test_a_repair_of_one_problem() -> None:
    await check(SAMPLE[0])


@pytest.mark.matrix
@pytest.mark.parametrize("name", BY_ID)
async def test_a_repair_of_every_problem(name: str) -> None:
    await check(name)


async def test_the_one_who_knows_repairs_and_names() -> None:
    problem = BY_ID["scale_pod_zero_social_net-mitigation-1"]
    end_to_end = Problem("e", Task.END_TO_END, problem.app, problem.faults, problem.labels)
    environment = await Emulator.start(problem.app, warmup_seconds=WARMUP)
    try:
        scene = await set_scene(end_to_end, environment, environment.app, 0)
        briefing = Briefing(
            end_to_end,
            environment.app,
            "",
            "",
            {},
            environment,
            None,
            0,
            None,
            scene.faults,  # type: ignore[arg-type]  # it needs no settings
        )
        async with knowing(briefing) as agent:
            reply = await agent.get_action("")
        from eval.session.parser import parse, solution_of

        graded = await grade(scene, solution_of(parse(reply)))
        assert graded.strict.success, graded
        assert graded.mitigated and graded.diagnosed
    finally:
        await environment.close()
