"""What ended, was amplified, used up, moved or held: each told apart from its harmless twin."""

from __future__ import annotations

import json

import pytest

from connectors.api.values import Json
from copilot.evidence.analyzers import amplified, offered, platform, replaced, terminating, usage
from copilot.evidence.case import Case
from copilot.evidence.clues import Clue
from copilot.evidence.ledger import Ledger
from copilot.evidence.snapshot import Snapshot
from copilot.evidence.telemetry import Flow, Level, Telemetry, Usage
from copilot.model.action import SetField, SetImage, StoreAccount, parts
from copilot.model.diagnosis import Verdict
from copilot.tools.sources import Sources
from tests.copilot.evidence.recorded import FixedClock, diagnose
from tests.copilot.evidence.test_metrics import client, look, server
from tests.copilot.evidence.worlds import NOW, SPACE, World, ago, scope, three_services

CALLS = [*server("api", (5, 5), (0, 0)), *client("web", "api", (5, 5), (0, 0))]


def case_of(world: World, telemetry: Telemetry = Telemetry()) -> Case:  # noqa: B008 - frozen
    snapshot = Snapshot(scope(), NOW, world.objects, telemetry=telemetry)
    return Case(snapshot, Ledger(snapshot.scope, NOW))


def told(clues: list[Clue]) -> list[tuple[str, str]]:
    return [(c.claims[0].object.name, c.claims[0].cause) for c in clues if c.weight > 0]


def replaced_pod(gap: float) -> World:
    world = three_services()
    pod = world.get("Pod", "api-abc12-x1")
    pod["metadata"]["name"] = "api-abc12-x2"
    pod["metadata"]["creationTimestamp"] = ago(200)
    pod["status"]["conditions"][0]["lastTransitionTime"] = ago(200 - gap)
    world.event("Pod", "api-abc12-x1", "Killing", "Stopping container api", type="Normal", last=200)
    return world


async def test_a_killed_pod_that_was_missed_is_an_incident() -> None:
    diagnosis = await look(replaced_pod(4), CALLS)
    first = diagnosis.root_causes[0]
    assert (diagnosis.verdict, first.object.name) == (Verdict.INCIDENT, "api")
    assert first.cause == "pod.killed" and "without a rollout" in first.summary


@pytest.mark.parametrize("why", ["at once", "scaled down", "drained", "idle"])
async def test_a_pod_that_nobody_missed_is_none(why: str) -> None:
    world, calls = replaced_pod(0.2 if why == "at once" else 4), CALLS
    if why == "scaled down":
        text = "Scaled down replica set api-abc12 from 2 to 1"
        world.event("Deployment", "api", "ScalingReplicaSet", text, type="Normal", last=200)
    if why == "drained":
        world.objects["Event"][0]["source"] = {"host": "node-1"}
        world.get("Node", "node-1")["spec"] = {"unschedulable": True}
    if why == "idle":
        calls = [*server("api", (0.01, 0.01), (0, 0)), *server("web", (5, 5), (0, 0))]
    assert (await look(world, calls)).verdict is Verdict.HEALTHY


def test_a_container_that_ended_is_told_by_what_failed_meanwhile() -> None:
    world = three_services()
    status = world.get("Pod", "api-abc12-x1")["status"]["containerStatuses"][0]
    ended = {"exitCode": 137, "reason": "Error", "startedAt": ago(9000), "finishedAt": ago(200)}
    status |= {"restartCount": 1, "lastState": {"terminated": ended}}
    rate, failed = Level(5, 5), Level(0.0, 0.0, peak=0.4)
    missed = Telemetry((Flow("api", "web", "q", rate, failed),))
    assert told(list(replaced.analyze(case_of(world, missed)))) == [("api", "pod.killed")]
    quiet = Telemetry((Flow("api", "web", "q", rate, Level(0.0, 0.0)),))
    assert not list(replaced.analyze(case_of(world, quiet)))
    ended["reason"] = "OOMKilled"
    assert not list(replaced.analyze(case_of(world, missed)))


def limits(world: World, memory: str) -> World:
    for kind in ("Deployment", "Pod"):
        obj = next(o for o in world.objects[kind] if o["metadata"]["name"].startswith("api"))
        spec = obj["spec"].get("template", obj)["spec"]
        spec["containers"][0]["resources"] = {"limits": {"memory": memory}}
    return world


def used(resource: str, now: float, base: float, *, growing: bool = False) -> Usage:
    level = Level(now, base, 0.0, NOW.replace(minute=0) if resource == "cpu" else None)
    if growing:
        level = Level(now, base, 0.0, NOW.fromtimestamp(NOW.timestamp() - 90, NOW.tzinfo))
    return Usage(resource, SPACE, "api-abc12-x1", "api", "q", level, growing)


@pytest.mark.parametrize(("rate", "alarming"), [(5.5, True), (50.0, False), (None, False)])
def test_cpu_is_burnt_when_no_more_requests_arrive(rate: float | None, alarming: bool) -> None:
    flows = () if rate is None else (Flow("api", "", "q", Level(rate, 5), Level(0, 0)),)
    telemetry = Telemetry(flows, (used("cpu", 0.6, 0.01),))
    clues = list(usage.analyze(case_of(three_services(), telemetry)))
    assert told(clues) == [("api", "resources.cpu_saturation")]
    assert (clues[0].weight >= 0.5) is alarming
    assert ("no more requests" in clues[0].finding.summary) is alarming


def test_memory_that_grows_is_told_by_when_it_will_be_used_up() -> None:
    mega = 1024.0 * 1024
    grows = Telemetry((), (used("memory", 230 * mega, 60 * mega, growing=True),))
    clues = list(usage.analyze(case_of(limits(three_services(), "500Mi"), grows)))
    assert told(clues) == [("api", "resources.memory_leak")] and "min" in clues[0].finding.summary
    assert not list(usage.analyze(case_of(limits(three_services(), "64Gi"), grows)))


@pytest.mark.parametrize(("errors", "cause"), [(0.5, "dependency.retry_storm"), (0.0, "")])
def test_retries_multiply_calls_that_fail(errors: float, cause: str) -> None:
    flows = (
        Flow("api", "", "q", Level(5, 5), Level(errors, 0.0)),
        Flow("store", "api", "q", Level(20, 5), Level(errors, 0.0)),
    )
    found = told(list(amplified.analyze(case_of(three_services(), Telemetry(flows)))))
    assert found == ([("api", cause)] if cause else [])


def test_a_cache_that_is_passed_by() -> None:
    world = three_services()
    world.service("cache", 6379, image="redis:7")
    flows = (
        Flow("api", "", "q", Level(5, 5), Level(0, 0)),
        Flow("cache", "api", "q", Level(5, 5), Level(0, 0)),
        Flow("store", "api", "q", Level(5, 1), Level(0, 0)),
    )
    assert told(list(amplified.analyze(case_of(world, Telemetry(flows))))) == [
        ("cache", "cache.ineffective")
    ]


def test_a_finalizer_that_nobody_removes() -> None:
    world = three_services()
    gone = {"deletionTimestamp": ago(300), "finalizers": ["example.org/guard"]}
    world.add("ConfigMap", "settings", metadata=gone, data={})
    used_claim = {"deletionTimestamp": ago(300), "finalizers": ["kubernetes.io/pvc-protection"]}
    world.add("PersistentVolumeClaim", "data", metadata=used_claim, spec={}, status={})
    world.add("ConfigMap", "leaving", metadata={**gone, "deletionTimestamp": ago(20)}, data={})
    weights = {c.finding.object.name: c.weight for c in terminating.analyze(case_of(world))}
    assert weights["settings"] >= 0.5 > weights["data"] and "leaving" not in weights


def edited(seconds: float, *fields: str) -> list[Json]:
    written: Json = {field: {} for field in fields}
    return [
        {"manager": "kubectl", "operation": "Update", "time": ago(seconds), "fieldsV1": written}
    ]


async def test_a_port_that_a_service_no_longer_offers() -> None:
    world = three_services()
    service = world.get("Service", "api")
    assert not list(offered.analyze(case_of(world)))
    service["spec"]["ports"] = [{"port": 9999, "targetPort": 8080, "protocol": "TCP"}]
    service["metadata"]["managedFields"] = edited(200, "f:spec")
    assert told(list(offered.analyze(case_of(world)))) == [("api", "service.port_mismatch")]
    diagnosis = await diagnose(Sources(FixedClock(NOW), world.cluster), scope())
    action = diagnosis.mitigations[0].action
    assert isinstance(action, SetField) and (action.path, action.value) == (
        "/spec/ports/0/port",
        "8080",
    )


def test_a_cron_job_that_was_suspended_lately() -> None:
    world = three_services()
    world.add("CronJob", "resting", spec={"suspend": True}, status={})
    world.add("CronJob", "backup", spec={"suspend": True}, status={},
              metadata={"managedFields": edited(200, "f:spec")})  # fmt: skip
    assert told(list(platform.suspended(case_of(world)))) == [("backup", "job.suspended")]


def family(world: World, *names: str, image: str = "org/suite:1") -> None:
    for name in names:
        world.service(name, image=image)
        world.deployment(name)["spec"]["template"]["spec"]["containers"][0]["command"] = [name]


async def test_a_borrowed_command_is_set_back_to_the_programs_own() -> None:
    world = World()
    family(world, "geo", "rate", "user")
    container = world.deployment("rate")["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["geo"]
    diagnosis = await diagnose(Sources(FixedClock(NOW), world.cluster), scope())
    action = diagnosis.mitigations[0].action
    assert isinstance(action, SetField) and json.loads(action.value) == ["rate"]


async def test_a_build_of_its_own_is_replaced_by_that_of_its_neighbours() -> None:
    world = World()
    family(world, "rate", "user", "search")
    family(world, "geo", image="org/geo:try")
    world.deployment("geo")["metadata"]["creationTimestamp"] = ago(300)
    world.crash("geo", 2)
    world.log("geo", (61, "starting"), (60, "panic: no reachable servers"), previous=True)
    diagnosis = await diagnose(Sources(FixedClock(NOW), world.cluster), scope())
    images = [m.action.image for m in diagnosis.mitigations if isinstance(m.action, SetImage)]
    assert images == ["org/suite:1"]


async def test_a_lost_role_is_granted_in_the_store_that_refuses() -> None:
    world = World()
    world.service("db", 27017, image="mongo:4.4")
    world.service("api", env={"DB": "db:27017"})
    world.crash("api", 1)
    denied = "not authorized on orders to execute command { count: 1 }"
    world.log("api", (61, "connecting to db:27017"), (60, denied), previous=True)
    accepted = '"msg":"Authentication succeeded","attr":{"principalName":"app"}'
    world.log("db", (62, f"{{{accepted}}}"), (60, f'{{"errmsg":"{denied}"}}'))
    diagnosis = await diagnose(Sources(FixedClock(NOW), world.cluster), scope())
    assert diagnosis.root_causes[0].cause == "database.login_revoked"
    first = next(p for p in parts(diagnosis.mitigations[0].action) if isinstance(p, StoreAccount))
    assert (first.object.name, first.user, first.database) == ("db", "app", "orders")
    assert first.engine == "mongodb" and not first.script
