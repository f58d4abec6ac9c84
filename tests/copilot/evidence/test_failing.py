"""Errors in logs alone: a buggy revision, its callers, and harmless noise."""

import pytest

from copilot.model.diagnosis import Verdict
from tests.copilot.evidence.test_reasoning import look, top
from tests.copilot.evidence.worlds import World, ago, three_services

BUG = "ERROR /compute failed: ZeroDivisionError: division by zero"


def stream(world: World, name: str, text: str, since: float, *, clean: float = 0) -> None:
    calm = [(since + clean, "listening")] if clean else []
    times = range(int(since), 0, -2)
    world.log(name, *calm, *((float(at), text) for at in times))


def rolled_out(world: World, name: str, seconds: float) -> None:
    """A new revision with one more variable, and the pod that came with it."""
    owner = world.get("Deployment", name)
    old = world.get("ReplicaSet", f"{name}-abc12")
    old["metadata"]["name"] = f"{name}-old00"
    old["spec"] = {**old["spec"], "replicas": 0}
    container = {**owner["spec"]["template"]["spec"]["containers"][0]}
    container["env"] = [*container.get("env", []), {"name": "ROUNDING", "value": "bankers"}]
    template = {**owner["spec"]["template"], "spec": {"containers": [container]}}
    owner["spec"] = {**owner["spec"], "template": template}
    world.add(
        "ReplicaSet",
        f"{name}-abc12",
        spec={**owner["spec"]},
        metadata={
            "labels": {"app": name, "pod-template-hash": "abc12"},
            "creationTimestamp": ago(seconds),
            "annotations": {"deployment.kubernetes.io/revision": "2"},
            "ownerReferences": [{"kind": "Deployment", "name": name, "controller": True}],
        },
    )
    pod = world.get("Pod", f"{name}-abc12-x1")
    pod["metadata"]["creationTimestamp"] = ago(seconds)


async def test_a_buggy_revision_is_named_by_its_errors_and_its_callers() -> None:
    world = three_services()
    rolled_out(world, "api", 130)
    stream(world, "api", BUG, 120)
    stream(world, "web", "ERROR GET /payslip -> 502", 118, clean=600)
    diagnosis = await look(world)
    assert diagnosis.verdict is Verdict.INCIDENT
    assert diagnosis.root_causes[0].object.name == "api"
    assert diagnosis.root_causes[0].cause in ("config.env_wrong", "application.errors")


async def test_a_program_that_turned_bad_by_itself() -> None:
    world = three_services()
    stream(world, "store", BUG, 120, clean=600)
    stream(world, "api", "ERROR GET /compute -> 502", 118, clean=600)
    assert top(await look(world)) == ("Deployment/store", "application.errors")


@pytest.mark.parametrize("caller", [False, True])
async def test_noise_is_none(caller: bool) -> None:
    """A program that always grumbled, even after a rollout, whose callers are content."""
    world = three_services()
    rolled_out(world, "api", 130)
    stream(world, "api", "ERROR cannot refresh banner", 120)
    if caller:
        stream(world, "web", "ERROR favicon", 7000)
    assert (await look(world)).verdict is Verdict.HEALTHY
