"""What causes what: victims and culprits, noise and symptoms, several causes at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from copilot.evidence.analyzers import registry
from copilot.evidence.case import Case
from copilot.evidence.clues import Clue
from copilot.model.diagnosis import Diagnosis, Verdict
from copilot.model.scope import Scope, Window
from copilot.tools.sources import Sources
from tests.copilot.evidence.recorded import FixedClock, diagnose
from tests.copilot.evidence.worlds import NOW, World, ago, scope, three_services


async def look(world: World, question: str = "", *services: str) -> Diagnosis:
    return await diagnose(Sources(FixedClock(NOW), world.cluster), scope(*services), question)


def top(diagnosis: Diagnosis) -> tuple[str, str]:
    first = diagnosis.root_causes[0]
    return f"{first.object.kind}/{first.object.name}", first.cause


def secret_missing(world: World, name: str) -> None:
    pod = world.get("Pod", f"{name}-abc12-x1")
    pod["status"]["phase"] = "Pending"
    pod["status"]["conditions"][0] |= {"status": "False", "lastTransitionTime": ago(300)}
    pod["status"]["containerStatuses"][0] |= {
        "ready": False,
        "state": {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "keys" not found'}},
    }  # fmt: skip


async def test_peace() -> None:
    assert (await look(three_services())).verdict is Verdict.HEALTHY


async def test_callers_that_crash_because_of_their_dependency_are_victims() -> None:
    world = three_services()
    secret_missing(world, "store")
    for caller, callee in (("api", "store:9000"), ("web", "api:8080")):
        world.crash(caller, 2)
        line = f"panic: dial tcp: lookup {callee}: connect: connection refused"
        world.log(caller, (61, "starting"), (60, line), previous=True)
    diagnosis = await look(world)
    assert top(diagnosis) == ("Deployment/store", "config.secret_missing")
    assert [c.object.name for c in diagnosis.root_causes if c.confidence >= 0.5] == ["store"]
    assert any("web" in step.text for step in diagnosis.root_causes[0].chain)


async def test_two_independent_causes_are_both_found() -> None:
    world = three_services()
    world.service("mail", 2500)
    world.service("forms", env={"MAIL": "smtp://mail:2500"})
    secret_missing(world, "store")
    world.get("Service", "mail")["spec"]["selector"] = {"app": "post"}
    diagnosis = await look(world)
    found = {(c.object.name, c.cause) for c in diagnosis.root_causes if c.confidence >= 0.5}
    assert found == {("store", "config.secret_missing"), ("mail", "service.selector_mismatch")}


async def test_the_question_decides_which_of_two_causes_comes_first() -> None:
    world = three_services()
    world.service("mail", 2500)
    world.service("forms", env={"MAIL": "smtp://mail:2500"})
    secret_missing(world, "store")
    world.get("Service", "mail")["spec"]["selector"] = {"app": "post"}
    assert top(await look(world, "why does web fail?"))[0] == "Deployment/store"
    assert top(await look(world, "forms are not sent"))[0] == "Service/mail"
    assert top(await look(world, "", "forms"))[0] == "Service/mail"


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("FTL not authorized on orders-db to execute command { count }", "database.login_revoked"),
        ("panic: UserNotFound: Could not find user admin@orders-db", "database.user_missing"),
    ],
)
async def test_a_refused_login_is_the_database_s_affair(line: str, cause: str) -> None:
    world = three_services()
    world.service("mongodb-orders", 27017, image="mongo:4.4")
    world.service("mongodb-users", 27017, image="mongo:4.4")
    world.service("orders")
    world.crash("orders")
    world.log("orders", (61, "connected"), (60, line), previous=True)
    diagnosis = await look(world)
    assert top(diagnosis) == ("Deployment/mongodb-orders", cause)
    assert "orders" in {ref.name for ref in diagnosis.root_causes[0].also}


async def test_old_restarts_finished_jobs_and_old_warnings_are_leftovers() -> None:
    world = three_services()
    status = world.get("Pod", "api-abc12-x1")["status"]["containerStatuses"][0]
    status["restartCount"] = 14
    status["state"] = {"running": {"startedAt": ago(240)}}
    status["lastState"] = {
        "terminated": {
            "exitCode": 2,
            "reason": "Error",
            "startedAt": ago(256),
            "finishedAt": ago(245),
        }
    }
    world.event(
        "Pod", "api-abc12-x1", "Unhealthy", "Readiness probe failed: connection refused", last=200
    )
    world.event("Pod", "gone-1", "FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.")
    job = world.add("Job", "migrate", spec={"template": {}}, status={"succeeded": 1, "failed": 2})
    job["status"]["conditions"] = [{"type": "Complete", "status": "True"}]
    for code, phase in ((1, "Failed"), (0, "Succeeded")):
        world.add(
            "Pod",
            f"migrate-{code}",
            metadata={"ownerReferences": [{"kind": "Job", "name": "migrate", "controller": True}]},
            spec={"nodeName": "node-1", "restartPolicy": "Never", "containers": [{"name": "m"}]},
            status={"phase": phase, "containerStatuses": [
                {"name": "m", "ready": False, "state": {"terminated": {"exitCode": code}}}]},
        )  # fmt: skip
    assert (await look(world)).verdict is Verdict.HEALTHY


async def test_a_restart_that_repeats_is_no_leftover() -> None:
    world = three_services()
    status = world.get("Pod", "api-abc12-x1")["status"]["containerStatuses"][0]
    status["restartCount"] = 14
    status["state"] = {"running": {"startedAt": ago(4)}}
    status["lastState"] = {
        "terminated": {
            "exitCode": 2,
            "reason": "Error",
            "startedAt": ago(50),
            "finishedAt": ago(20),
        }
    }
    diagnosis = await look(world)
    assert (diagnosis.verdict, top(diagnosis)) == (
        Verdict.INCIDENT,
        ("Deployment/api", "workload.crash_on_start"),
    )


async def test_noise_that_was_always_there_is_noise() -> None:
    world = three_services()
    noise = [(t, "ERROR cache miss storm, continuing") for t in range(3500, 0, -50)]
    noise += [(t, "dial tcp: lookup metrics-relay: no such host") for t in range(3490, 0, -60)]
    world.log("api", *sorted(noise, reverse=True))
    assert (await look(world)).verdict is Verdict.HEALTHY


async def test_lost_telemetry_is_no_incident() -> None:
    world = three_services()
    line = "traces export: rpc error: code = Unavailable: dial tcp: lookup jaeger: no such host"
    world.log("api", (400, "up"), *[(t, line) for t in range(200, 0, -10)])
    assert (await look(world)).verdict is Verdict.HEALTHY


async def test_complaints_from_before_the_repair_are_over() -> None:
    world = three_services()
    line = "ERROR GET http://store:9000/: connection refused"
    world.log("api", (400, "up"), *[(t, line) for t in range(200, 30, -2)])
    assert (await look(world)).verdict is Verdict.HEALTHY
    world.log("api", (400, "up"), *[(t, line) for t in range(200, 0, -2)])
    assert (await look(world)).verdict is not Verdict.HEALTHY


async def test_one_failed_call_is_no_incident() -> None:
    world = three_services()
    world.log("api", (400, "up"), (12, "ERROR GET http://store:9000/: connection refused"))
    assert (await look(world)).verdict is Verdict.HEALTHY


async def test_unused_leftovers_are_no_incident() -> None:
    world = three_services()
    world.service("lab", replicas=0)
    world.objects["Pod"] = [
        p for p in world.objects["Pod"] if not p["metadata"]["name"].startswith("lab")
    ]
    world.objects["Service"] = [
        s for s in world.objects["Service"] if s["metadata"]["name"] != "lab"
    ]
    world.add("Service", "old-front", spec={"selector": {"app": "gone"}, "ports": [{"port": 80}]})
    world.service("side", 7000)
    world.get("Service", "side")["spec"]["ports"] = [
        {"port": 80, "targetPort": 7001, "protocol": "TCP"}
    ]
    assert (await look(world)).verdict is Verdict.HEALTHY


async def test_something_is_wrong_and_the_cause_is_not_known() -> None:
    world = three_services()
    pod = world.get("Pod", "api-abc12-x1")
    pod["status"]["conditions"][0] |= {"status": "False", "lastTransitionTime": ago(300)}
    pod["status"]["containerStatuses"][0] |= {"ready": False}
    diagnosis = await look(world)
    assert diagnosis.verdict is Verdict.INCONCLUSIVE
    assert "Deployment/shop/api" in diagnosis.next_observation


async def test_an_empty_namespace_is_not_healthy() -> None:
    diagnosis = await look(World())
    assert diagnosis.verdict is Verdict.INCONCLUSIVE


async def test_pods_of_unread_controllers_are_seen() -> None:
    world = three_services()
    pod = world.get("Pod", "store-abc12-x1")
    pod["metadata"]["ownerReferences"] = [{"kind": "Rollout", "name": "store", "controller": True}]
    secret_missing(world, "store")
    world.objects["Deployment"] = [
        d for d in world.objects["Deployment"] if d["metadata"]["name"] != "store"
    ]
    world.objects["ReplicaSet"] = [
        r for r in world.objects["ReplicaSet"] if not r["metadata"]["name"].startswith("store")
    ]
    assert top(await look(world)) == ("Rollout/store", "config.secret_missing")


async def test_the_window_decides_what_is_recent() -> None:
    world = three_services()
    job = world.add("Job", "backup-1", spec={"template": {}})
    job["metadata"]["ownerReferences"] = [{"kind": "CronJob", "name": "backup", "controller": True}]
    job["status"] = {
        "failed": 1,
        "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
                        "lastTransitionTime": ago(600)}],
    }  # fmt: skip
    assert top(await look(world)) == ("CronJob/backup", "job.failing")
    short = Scope("test", ("shop",), Window.last(NOW, 5))
    assert (
        await diagnose(Sources(FixedClock(NOW), world.cluster), short)
    ).verdict is Verdict.HEALTHY


async def test_an_analyzer_that_fails_is_named_and_the_others_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stumble(case: Case) -> Iterator[Clue]:
        yield from ()
        raise KeyError("spec")

    monkeypatch.setattr(registry, "ANALYZERS", (stumble, *registry.ANALYZERS))
    world = three_services()
    with pytest.warns(RuntimeWarning, match="stumble: KeyError"):
        quiet = await look(world)
    assert quiet.verdict is Verdict.INCONCLUSIVE
    assert "analyzer test_reasoning.stumble: KeyError: 'spec'" in quiet.missing_sources
    secret_missing(world, "store")
    with pytest.warns(RuntimeWarning, match="stumble"):
        assert top(await look(world)) == ("Deployment/store", "config.secret_missing")


REFUSED = 'FATAL password authentication failed for user "app"'


def refused(world: World, *names: str) -> None:
    for name in names:
        world.log(name, (900, "up"), *((float(at), REFUSED) for at in range(120, 0, -4)))


async def test_a_refused_login_is_its_clients_fault_when_others_are_let_in() -> None:
    world = three_services()
    world.service("worker", env={"STORE": "http://store:9000"})
    refused(world, "worker", "store")
    diagnosis = await look(world)
    assert top(diagnosis) == ("Deployment/worker", "database.wrong_password")


async def test_when_nobody_is_let_in_the_store_is_among_the_suspects() -> None:
    world = three_services()
    refused(world, "api", "store")
    diagnosis = await look(world)
    named = {c.object.name for c in diagnosis.root_causes}
    assert "store" in named
    assert diagnosis.root_causes[0].cause == "database.wrong_password"
