"""Which of several answers comes first, which are mere rivals, and how their sentences read."""

from __future__ import annotations

from copilot.model.diagnosis import Verdict
from tests.copilot.evidence.reasoned import complain, failing, first, flow, reasoned, shop
from tests.copilot.evidence.test_failing import rolled_out
from tests.copilot.evidence.worlds import SPACE, World, ago

ROLE = 'FATAL:  role "report_ro" does not exist'


def with_report(world: World) -> World:
    """Add a CronJob that uses the store, whose last run failed."""
    spec = {
        "containers": [
            {
                "name": "report",
                "image": "reg/report:1",
                "env": [
                    {"name": "DB_HOST", "value": "orders-db"},
                    {"name": "DB_USER", "valueFrom": {"secretKeyRef": {"name": "reporting", "key": "user"}}},
                ],
            }
        ]
    }  # fmt: skip
    world.add("CronJob", "report", spec={"jobTemplate": {"spec": {"template": {"spec": spec}}}})
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": ago(60), "message": "limit"}
    owned = {"ownerReferences": [{"kind": "CronJob", "name": "report", "controller": True}]}
    world.add("Job", "report-1", status={"conditions": [failed]}, metadata=owned)
    return world


def test_the_one_client_that_is_refused_is_the_place_and_its_secret_is_named() -> None:
    world = with_report(shop())
    complain(world, "orders-db", ROLE)
    found = reasoned(world, failing()).candidates
    assert (found[0].object.kind, found[0].object.name) == ("CronJob", "report")
    assert found[0].cause == "database.user_missing"
    assert "Secret/shop/reporting" in {str(ref) for ref in found[0].also}
    assert 'role "report_ro" does not exist' in found[0].summary


def test_where_others_are_refused_as_well_it_is_the_store() -> None:
    world = with_report(shop())
    complain(world, "orders-db", ROLE)
    complain(world, "orders", ROLE)
    assert first(reasoned(world, failing("web", "orders"))) == "orders-db database.user_missing"


def test_the_outage_of_all_users_comes_before_the_surer_trouble_of_nobody() -> None:
    world = with_report(shop())
    complain(world, "orders-db", ROLE)
    world.crash("web")
    world.log("web", (70, "starting"), (60, "no such config key"), previous=True)
    rolled_out(world, "web", 200)
    report = reasoned(world)
    assert report.verdict is Verdict.INCIDENT
    assert report.candidates[0].object.name == "web"
    accepted = {c.object.name for c in report.ranking.causes}
    assert "report" in accepted


def test_another_reading_of_the_same_symptoms_says_so() -> None:
    world = shop()
    complain(world, "orders", 'FATAL:  password authentication failed for user "orders"')
    found = reasoned(world, failing("web", "orders")).candidates
    assert found[1].chain[0].text.startswith("Instead of Deployment orders, which is likelier: ")
    assert found[0].summary.startswith(
        "Deployment orders: Deployment orders is refused by orders-db"
    )
    assert "password authentication failed" in found[0].summary


def test_a_consequence_begins_no_sooner_than_its_cause() -> None:
    """Before the revision the same words were written once, while the program started."""
    world = shop()
    rolled_out(world, "orders", 200)
    world.crash("orders")
    world.log("orders", (70, "starting"), (60, "DATABASE_URL is not set"), previous=True)
    refused = "ERROR connect to orders:8080: connection refused"
    lines = [(2.0 * n + 2, refused) for n in range(60, -1, -1)]
    world.log("web", (960, "started"), (500, refused), *lines)
    told = [step.text for step in reasoned(world).candidates[0].chain]
    assert not any("11:51:40" in text for text in told)  # 500 s ago


def swamped(*, oom: bool = False) -> World:
    """A pod of the store was replaced a while ago, and is overwhelmed since a revision of its caller."""
    world = shop()
    rolled_out(world, "orders", 240)
    current = world.get("ReplicaSet", "orders-abc12")
    env = current["spec"]["template"]["spec"]["containers"][0]["env"]
    env[-1] |= {"name": "RATE_CACHE_TTL_SECONDS", "value": "0"}
    old = world.get("ReplicaSet", "orders-old00")["spec"]["template"]["spec"]["containers"][0]
    old["env"] = [*old["env"], {"name": "RATE_CACHE_TTL_SECONDS", "value": "20"}]
    world.event("Pod", "cache-abc12-x0", "Killing", "Stopping container", type="Normal", last=300)
    pod = world.get("Pod", "cache-abc12-x1")
    pod["metadata"]["creationTimestamp"] = ago(300)
    pod["status"]["conditions"][0]["lastTransitionTime"] = ago(290)
    if oom:
        ended = {
            "exitCode": 137,
            "reason": "OOMKilled",
            "startedAt": ago(290),
            "finishedAt": ago(100),
        }
        pod["status"]["containerStatuses"][0]["lastState"] = {"terminated": ended}
    assert SPACE in pod["metadata"]["namespace"]
    return world


def test_who_is_overwhelmed_was_not_killed_from_outside() -> None:
    slow = [
        flow("cache", rate=(5.0, 0.9), latency=(9.0, 0.01)),
        flow("orders", latency=(3.0, 0.01), errors=(0.9, 0.0)),
        flow("web", errors=(0.9, 0.0)),
    ]
    report = reasoned(swamped(), slow)
    assert "pod.killed" not in {c.cause for c in report.ranking.causes}
    quick = [flow("cache", rate=(0.9, 0.9)), flow("web")]
    assert "pod.killed" in {c.cause for c in reasoned(swamped(), quick).candidates}
    assert "pod.killed" not in {c.cause for c in reasoned(swamped(oom=True), quick).ranking.causes}


def test_a_cache_that_was_switched_off_upstream_is_what_swamps_the_callee() -> None:
    slow = [
        flow("cache", rate=(5.0, 0.9), latency=(9.0, 0.01)),
        flow("orders", latency=(3.0, 0.01), errors=(0.9, 0.0)),
        flow("web", errors=(0.9, 0.0)),
    ]
    found = reasoned(swamped(), slow).candidates
    assert (found[0].object.name, found[0].cause) == ("orders", "config.env_wrong")
    assert "RATE_CACHE_TTL_SECONDS: 20 -> 0" in found[0].summary
