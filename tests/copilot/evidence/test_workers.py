"""Queues, workers and waits: what has no caller shows at its queue, in its counters and in its log."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from connectors.api.values import Series
from copilot.evidence.analyzers import stalled
from copilot.evidence.case import Case
from copilot.evidence.ledger import Ledger
from copilot.evidence.loglines import ContainerLog, parse_log
from copilot.evidence.queue_metrics import kind_of, meters, queue_query
from copilot.evidence.snapshot import Snapshot
from copilot.model.diagnosis import Diagnosis, Verdict
from copilot.tools.sources import Sources
from tests.copilot.evidence.recorded import FixedClock, RecordedMetrics, diagnose
from tests.copilot.evidence.worlds import NOW, World, ago, scope, three_services

END = NOW.timestamp()
QUEUES = "rabbitmq_"
LOCK = (
    "[label-worker] waiting for leadership: lock /lease/leader.lock is held by"
    " label-worker-6b7c9d-x2v9k since 2026-11-19T02:11:04Z"
)
POISON = (
    "[label-worker] ERROR job failed, requeueing: cannot render label:"
    ' message {"id": "P-4711"} has no field \'weight\''
)


def series(name: str, value: Callable[[float], float | None], **labels: str) -> Series:
    """A series of an hour; `value` is given the seconds until now."""
    points = [(END - left, value(left)) for left in range(3600, -1, -30)]
    return Series({"__name__": name, "namespace": "shop", **labels},
                  tuple((t, v) for t, v in points if v is not None))  # fmt: skip


def growing(since: float, pace: float = 0.9) -> Callable[[float], float]:
    return lambda left: max(0.0, (since - left) * pace)


def backlog(value: Callable[[float], float | None]) -> Series:
    return series("rabbitmq_queue_messages_ready", value, pod="mq-abc12-x1", queue="labels")


def consumers(value: Callable[[float], float | None]) -> Series:
    return series("rabbitmq_queue_consumers", value, pod="mq-abc12-x1", queue="labels")


def done(value: Callable[[float], float | None]) -> Series:
    return series("jobs_processed_total", value, pod="label-worker-abc12-x1", queue="labels")


def parcels() -> World:
    """Web puts messages into a broker, and a worker without a Service takes them out."""
    world = World()
    world.service("web", env={"MQ_ADDR": "mq:5672"})
    world.service("mq", 5672)
    world.service("label-worker", 8090, env={"MQ_ADDR": "mq:5672"})
    services = world.objects["Service"]
    services.remove(world.get("Service", "label-worker"))
    return world


async def look(world: World, found: list[Series]) -> Diagnosis:
    metrics = RecordedMetrics([], {QUEUES: found})
    return await diagnose(Sources(FixedClock(NOW), world.cluster, metrics), scope())


def first(diagnosis: Diagnosis) -> tuple[str, str, str]:
    assert diagnosis.verdict is Verdict.INCIDENT, [f.summary for f in diagnosis.findings]
    cause = diagnosis.root_causes[0]
    return cause.object.kind, cause.object.name, cause.cause


async def test_a_queue_that_its_last_consumer_left_is_the_workers_fault() -> None:
    found = [
        backlog(growing(200)),
        consumers(lambda left: 1.0 if left > 200 else 0.0),
        done(lambda left: 4000 - left if left > 200 else None),
    ]
    diagnosis = await look(parcels(), found)
    assert first(diagnosis) == ("Deployment", "label-worker", "queue.consumer_lag")
    assert "grew from 0 to 180 messages" in diagnosis.root_causes[0].summary


async def test_a_worker_scaled_to_zero_is_missed_at_its_queue() -> None:
    world = parcels()
    world.deployment("label-worker")["spec"]["replicas"] = 0
    world.objects["Pod"] = [p for p in world.objects["Pod"] if "label" not in p["metadata"]["name"]]
    world.event("Deployment", "label-worker", "ScalingReplicaSet",
                "Scaled down replica set label-worker-abc12 to 0", type="Normal", count=1, last=200, first=200)  # fmt: skip
    found = [backlog(growing(200)), consumers(lambda left: 1.0 if left > 200 else 0.0)]
    diagnosis = await look(world, found)
    assert first(diagnosis) == ("Deployment", "label-worker", "workload.scaled_to_zero")


async def test_scaled_to_zero_and_missed_by_nobody_is_worth_a_word() -> None:
    world = World()
    world.service("web")
    world.service("reporter", 8090)
    world.objects["Service"].remove(world.get("Service", "reporter"))
    world.deployment("reporter")["spec"]["replicas"] = 0
    world.objects["Pod"] = [
        p for p in world.objects["Pod"] if "reporter" not in p["metadata"]["name"]
    ]
    world.event("Deployment", "reporter", "ScalingReplicaSet",
                "Scaled down replica set reporter-abc12 to 0", type="Normal", count=1, last=200, first=200)  # fmt: skip
    diagnosis = await look(world, [])
    assert diagnosis.verdict is Verdict.HEALTHY
    assert "Deployment reporter was scaled to zero" in diagnosis.summary


async def test_a_worker_that_hangs_while_it_is_connected() -> None:
    found = [
        backlog(growing(240)),
        consumers(lambda _: 1.0),
        done(lambda left: 4000 - max(left, 240.0)),
    ]
    assert first(await look(parcels(), found)) == (
        "Deployment",
        "label-worker",
        "queue.consumer_lag",
    )


@pytest.mark.parametrize(
    "found",
    [
        [backlog(lambda left: (left / 30) % 4), consumers(lambda _: 1.0)],
        [backlog(lambda _: 500.0), consumers(lambda _: 0.0)],
        [backlog(lambda left: 30.0 if left < 60 else 0.0), done(lambda left: 4000 - left)],
        [backlog(lambda _: 0.0), done(lambda left: 4000 - max(left, 240.0))],
        [done(lambda left: 100 - left // 900)],
        [
            backlog(lambda left: 30 - left % 1200 / 40),
            consumers(lambda left: float(left % 1200 > 1150)),
        ],
        [
            backlog(lambda left: max(0.0, 40 - left / 4)),
            consumers(lambda _: 1.0),
            done(lambda left: 4000 - left),
            series("jobs_failed_total", lambda left: 40 - left / 90, pod="label-worker-abc12-x1"),
        ],
    ],
    ids=[
        "noise",
        "never taken from",
        "a burst",
        "nothing to do",
        "works in batches",
        "is emptied every 20 minutes",
        "fails now and then",
    ],
)
async def test_what_queues_do_when_all_is_well(found: list[Series]) -> None:
    assert (await look(parcels(), found)).verdict is Verdict.HEALTHY


async def test_the_lock_of_a_pod_that_is_gone_is_found_where_it_is_kept() -> None:
    world = parcels()
    spec = world.deployment("label-worker")["spec"]["template"]["spec"]
    spec["volumes"] = [{"name": "lease", "configMap": {"name": "label-worker-leader"}}]
    spec["containers"][0]["volumeMounts"] = [{"name": "lease", "mountPath": "/lease"}]
    world.add("ConfigMap", "label-worker-leader", data={"leader.lock": "label-worker-6b7c9d-x2v9k"})
    world.log("label-worker", *((120 - 5 * i, LOCK) for i in range(24)))
    diagnosis = await look(world, [])
    assert first(diagnosis) == ("Deployment", "label-worker", "queue.consumer_lag")
    text = diagnosis.root_causes[0].summary
    assert "ConfigMap label-worker-leader" in text and "label-worker-6b7c9d-x2v9k" in text


@pytest.mark.parametrize(
    ("lines", "weight"),
    [
        (
            "failed to acquire lease shop/worker-lock, lock is held by label-worker-6b7c9d-x2v9k_1f",
            0.8,
        ),
        ("waiting to acquire migration lock", 0.6),
        ("waiting for leadership: lock is held by web-abc12-x1", 0.0),
        ("waiting for mq:5672: [Errno 111] Connection refused", 0.0),
    ],
)
def test_what_a_program_waits_for(lines: str, weight: float) -> None:
    world = parcels()
    world.log("label-worker", *((120 - 5 * i, lines) for i in range(24)))
    logs = [
        ContainerLog(
            "shop", "label-worker-abc12-x1", "label-worker", False, "logs", parse_log(text)
        )
        for text in world.logs.values()
    ]
    snapshot = Snapshot(scope(), NOW, world.objects, logs=logs)
    found = list(stalled.waiting(Case(snapshot, Ledger(scope(), NOW))))
    assert [clue.weight for clue in found] == ([weight] if weight else [])
    if "lease" in lines:
        assert found[0].claims[0].facts["lock"] == "Lease/worker-lock"


async def test_one_of_two_waits_by_nature() -> None:
    world = parcels()
    twin = dict(world.get("Pod", "label-worker-abc12-x1"))
    twin["metadata"] = {**twin["metadata"], "name": "label-worker-6b7c9d-x2v9k"}
    world.objects["Pod"].append(twin)
    world.log("label-worker", *((120 - 5 * i, LOCK) for i in range(24)))
    assert (await look(world, [])).verdict is Verdict.HEALTHY


@pytest.mark.parametrize(
    "line",
    [
        "[*] Waiting for messages. To exit press CTRL+C",
        "waiting for new jobs on queue labels",
        "still waiting for the next task",
        "INFO idle, waiting for work",
    ],
)
async def test_idle_workers_are_well(line: str) -> None:
    world = parcels()
    world.log("label-worker", *((120 - 5 * i, line) for i in range(24)))
    assert (await look(world, [])).verdict is Verdict.HEALTHY


async def test_the_same_message_again_and_again() -> None:
    world = parcels()
    lines = [(900.0 - 15 * i, f"[label-worker] processed {i} labels so far") for i in range(50)]
    world.log("label-worker", *lines, *((100.0 - i, POISON) for i in range(100)))
    assert first(await look(world, [])) == ("Deployment", "label-worker", "queue.poison_message")
    found = [
        backlog(growing(100)),
        consumers(lambda _: 1.0),
        done(lambda left: 4000 - max(left, 100.0)),
        series("jobs_failed_total", lambda left: max(0, 100 - left), pod="label-worker-abc12-x1"),
        series("rabbitmq_queue_messages_redelivered_total", lambda left: max(0, 100 - left),
               pod="mq-abc12-x1", queue="labels"),
    ]  # fmt: skip
    assert first(await look(world, found)) == ("Deployment", "label-worker", "queue.poison_message")


async def test_other_messages_each_time_are_no_poison() -> None:
    world = parcels()
    lines = [(100.0 - i, POISON.replace("4711", str(4700 + i))) for i in range(100)]
    world.log("label-worker", *lines)
    causes = {c.cause for c in (await look(world, [])).root_causes}
    assert "queue.poison_message" not in causes


async def test_an_autoscaler_without_a_metrics_server() -> None:
    message = (
        "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get"
        " metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could"
        " not find the requested resource (get pods.metrics.k8s.io)"
    )
    active = {
        "type": "ScalingActive",
        "status": "False",
        "lastTransitionTime": ago(60),
        "reason": "FailedGetResourceMetric",
        "message": message,
    }
    condition = json.dumps([active])
    world = three_services()
    world.add(
        "HorizontalPodAutoscaler", "api",
        spec={"scaleTargetRef": {"kind": "Deployment", "name": "api"}, "maxReplicas": 6},
        metadata={"annotations": {"autoscaling.alpha.kubernetes.io/conditions": condition}},
    )  # fmt: skip
    scaler = world.get("HorizontalPodAutoscaler", "api")
    scaler["metadata"]["creationTimestamp"] = ago(120)
    assert first(await look(world, [])) == (
        "HorizontalPodAutoscaler",
        "api",
        "autoscaling.no_metrics",
    )
    scaler["metadata"]["creationTimestamp"] = ago(90_000)
    old = condition.replace(ago(60), ago(86_400))
    scaler["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/conditions"] = old
    assert (await look(world, [])).verdict is Verdict.HEALTHY


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("rabbitmq_queue_messages_ready", "backlog"),
        ("rabbitmq_detailed_queue_messages", "backlog"),
        ("kafka_consumergroup_lag", "backlog"),
        ("kafka_consumer_fetch_manager_records_lag_max", "backlog"),
        ("nats_consumer_num_pending", "backlog"),
        ("celery_queue_length", "backlog"),
        ("sidekiq_queue_size", "backlog"),
        ("bullmq_jobs_waiting", "backlog"),
        ("aws_sqs_approximate_number_of_messages_visible_average", "backlog"),
        ("pulsar_subscription_back_log", "backlog"),
        ("activemq_queue_size", "backlog"),
        ("rabbitmq_queue_consumers", "consumers"),
        ("rabbitmq_queue_messages_redelivered_total", "redelivered"),
        ("jobs_processed_total", "done"),
        ("app_messages_consumed_total", "done"),
        ("jobs_failed_total", "failed"),
        ("http_requests_total", ""),
        ("process_cpu_seconds_total", ""),
    ],
)
def test_what_metrics_measure(metric: str, kind: str) -> None:
    assert kind_of(metric) == kind
    assert ("shop" in queue_query(["shop"])) and "namespace=~" not in queue_query([])


def test_counters_that_start_anew_and_pods_that_follow_each_other() -> None:
    calls = [
        series("jobs_processed_total", lambda left: 9000 - left if left > 600 else None,
               pod="worker-5d8f7c6b9d-abcde"),
        series("jobs_processed_total", lambda left: 600 - left if left <= 600 else None,
               pod="worker-7f9c5b8d4c-fghij"),
    ]  # fmt: skip
    (found,) = meters("q", calls, end=END, step=30)
    assert (found.program, found.kind) == ("worker", "done")
    assert found.now == pytest.approx(1.0)
    assert not found.stands_still
