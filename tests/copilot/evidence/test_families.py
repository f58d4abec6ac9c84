"""Several families of request metrics of one service, and series that name only a pod."""

from __future__ import annotations

import pytest

from connectors.api.values import Series
from copilot.evidence.collect_metrics import MetricReads, flow_line
from copilot.evidence.request_labels import Key, Owners, is_error, key_of, program_of
from copilot.evidence.request_metrics import choose, seconds_per_unit
from copilot.evidence.telemetry import Flow, Telemetry
from copilot.model.diagnosis import Verdict
from copilot.tools.sources import Sources
from tests.copilot.evidence.recorded import FixedClock, RecordedMetrics, diagnose
from tests.copilot.evidence.worlds import NOW, World, scope, three_services

END = NOW.timestamp()
TOTAL, TIMES = "http_requests_total", "http_request_duration_seconds"


def series(before: float | None, after: float, **labels: str) -> Series:
    """A series that changes five minutes ago, or begins then."""
    points = [(END - left, before if left > 300 else after) for left in range(3600, -1, -30)]
    return Series(labels, tuple((t, v) for t, v in points if v is not None))


def parcels() -> dict[str, list[Series]]:
    """A counter that knows the status, and a histogram that does not; one program is known by its pod only."""
    quote = {"namespace": "shop", "app": "api", "job": "pods"}
    store = {"namespace": "shop", "job": "pods", "pod": "store-abc12-x1"}
    return {
        f"rate({TOTAL}[": [
            series(1.2, 0.06, **quote, status="200"),
            series(None, 6.3, **quote, status="502"),
            series(2.0, 2.0, **store, status="200"),
        ],
        f"rate({TIMES}_count[": [series(1.2, 6.36, **quote), series(2.0, 2.0, **store)],
        f"rate({TIMES}_sum[": [series(1.2 * 0.003, 6.36 * 2.9, **quote), series(0.02, 0.02, **store)],
    }  # fmt: skip


async def read(world: World, metrics: RecordedMetrics) -> Telemetry:
    reads = MetricReads(metrics, scope(), NOW)
    for one in reads.plan():
        await one.run()
    for one in reads.more(world.objects):
        await one.run()
    return reads.telemetry


async def flows(metrics: RecordedMetrics, world: World | None = None) -> dict[str, Flow]:
    told = await read(world or three_services(), metrics)
    assert len({(f.service, f.caller) for f in told.flows}) == len(told.flows)
    return {f.service: f for f in told.served()}


@pytest.mark.parametrize("present", [[TOTAL, f"{TIMES}_count"], [f"{TIMES}_count", TOTAL]])
async def test_errors_come_from_the_family_that_knows_them(present: list[str]) -> None:
    found = await flows(RecordedMetrics(present, parcels()))
    api = found["api"]
    assert api.rate.now == pytest.approx(6.36)
    assert api.errors.now == pytest.approx(6.3 / 6.36) and api.errors.base == 0
    assert api.latency is not None and api.latency.now == pytest.approx(2.9)
    assert found["store"].rate.now == pytest.approx(2.0)


async def test_each_service_by_the_family_that_it_has() -> None:
    plain = {"namespace": "shop", "app": "store", "job": "pods"}
    told = parcels()
    told[f"rate({TOTAL}["] = told[f"rate({TOTAL}["][:2]
    told["rate(http_server_request_duration_seconds_count["] = [
        series(2.0, 1.0, **plain, http_response_status_code="200"),
        series(None, 1.0, **plain, http_response_status_code="500", error_type="500"),
    ]
    present = [TOTAL, f"{TIMES}_count", "http_server_request_duration_seconds_count"]
    found = await flows(RecordedMetrics(present, told))
    assert found["store"].errors.now == pytest.approx(0.5)
    assert found["api"].errors.now > 0.9


async def test_a_family_that_a_release_left_for_another_is_not_the_end_of_its_requests() -> None:
    about = {"namespace": "shop", "app": "api"}
    told = {
        f"rate({TOTAL}[": [series(2.0, 0.0, **about, status="200")],
        "rate(http_server_request_duration_seconds_count[": [
            series(None, 2.0, **about, http_response_status_code="200")
        ],
    }
    present = [TOTAL, "http_server_request_duration_seconds_count"]
    api = (await flows(RecordedMetrics(present, told)))["api"]
    assert (api.rate.now, api.rate.base) == (2.0, 2.0)


async def test_a_label_of_many_programs_gives_way_to_the_pod() -> None:
    def by_pod(bad: float, pod: str, **more: str) -> list[Series]:
        about = {"namespace": "shop", "app": "acme", "job": "pods", **more}
        about |= {"pod": pod} if pod else {}
        return [series(2.0, 2.0 - bad, **about, code="200"), series(None, bad, **about, code="500")]

    world = three_services()
    address = world.get("Pod", "web-abc12-x1")["status"]["podIP"]
    asked = [
        *by_pod(1.0, "api-abc12-x1"),
        *by_pod(0.0, "store-abc12-x1"),
        *by_pod(0.5, "", instance=f"{address}:8080"),
    ]
    metrics = RecordedMetrics([TOTAL], {f"rate({TOTAL}[": asked})
    found = await flows(metrics, world)
    shares = {name: round(flow.errors.now, 2) for name, flow in found.items()}
    assert shares == {"api": 0.5, "store": 0.0, "web": 0.25}
    assert any("pod" in q and TOTAL in q for q in metrics.queries)


async def test_failures_that_nobody_counts_are_not_said_to_be_none() -> None:
    api = (await flows(RecordedMetrics([f"{TIMES}_count"], parcels())))["api"]
    assert not api.judged and "failures not counted" in flow_line(api)
    edge = {"client": "web", "server": "api"}
    graph = "traces_service_graph_request_total"
    told = await read(
        three_services(), RecordedMetrics([graph], {f"rate({graph}[": [series(1, 1, **edge)]})
    )
    assert [f.judged for f in told.flows] == [True]


async def test_no_more_is_asked_where_the_labels_tell_the_programs() -> None:
    metrics = RecordedMetrics([TOTAL, f"{TIMES}_count"], parcels())
    reads = MetricReads(metrics, scope(), NOW)
    planned = reads.plan()
    for one in planned:
        await one.run()
    assert [one.tool for one in planned].count("metrics_queues") == 1 and len(planned) == 5
    assert reads.more(three_services().objects) == []
    assert len(set(metrics.queries)) == len(metrics.queries)


async def test_the_failing_service_is_blamed() -> None:
    world = three_services()
    metrics = RecordedMetrics([TOTAL, f"{TIMES}_count"], parcels())
    found = await diagnose(Sources(FixedClock(NOW), world.cluster, metrics), scope())
    assert found.verdict is Verdict.INCIDENT
    assert found.root_causes[0].object.name == "api"
    assert any("99 % of its requests fail" in f.summary for f in found.findings)


@pytest.mark.parametrize(
    ("labels", "key"),
    [
        ({"deployment": "api", "direction": "inbound"}, Key("api", "")),
        (
            {"deployment": "web", "direction": "outbound", "dst_deployment": "api"},
            Key("api", "web"),
        ),
        (
            {"envoy_cluster_name": "outbound|80||api.shop.svc.cluster.local", "pod": "web-0"},
            Key("api.shop.svc.cluster.local", "web"),
        ),
        ({"envoy_cluster_name": "inbound|80||", "pod": "web-0"}, Key("web", "")),
        ({"envoy_cluster_name": "api", "pod": "web-0"}, Key("api", "web")),
        ({"exported_service": "api", "service": "ingress-metrics"}, Key("api", "")),
        ({"service": "shop-api-8080@kubernetes"}, Key("api", "")),
        ({"service": "shop.api.80"}, Key("api", "")),
        ({"namespace": "other", "app": "api"}, None),
        ({"destination_workload": "api", "reporter": "source"}, None),
    ],
)
def test_whose_requests_a_series_counts(labels: dict[str, str], key: Key | None) -> None:
    assert key_of(labels, ["shop"], Owners(names=frozenset({"api", "web"}))) == key


@pytest.mark.parametrize(
    ("labels", "wrong"),
    [
        ({"error_type": "java.net.ConnectException"}, True),
        ({"error_type": "503", "http_response_status_code": "503"}, True),
        ({"error_type": "404", "http_response_status_code": "404"}, False),
        ({"error_type": "BadRequest", "http_response_status_code": "400"}, False),
        ({"envoy_response_code_class": "5"}, True),
        ({"envoy_response_code_class": "2"}, False),
        ({"outcome": "error"}, True),
        ({"outcome": "CLIENT_ERROR"}, False),
        ({"code": "Unavailable"}, True),
        ({"rpc_grpc_status_code": "5"}, False),
        ({"rpc_grpc_status_code": "14"}, True),
        ({"http_status": "500"}, True),
        ({"status": "5XX"}, True),
    ],
)
def test_which_series_tell_of_failures(labels: dict[str, str], wrong: bool) -> None:
    assert is_error(labels) is wrong


def test_names() -> None:
    assert [program_of(p) for p in ("rates-6477f778dd-8mtpg", "db-0", "agent-r4nq8", "web")] == [
        "rates", "db", "agent", "web",
    ]  # fmt: skip
    assert program_of("label-worker-6b7c9d-x2v9k") == "label-worker"
    assert seconds_per_unit("traces_spanmetrics_latency_sum") == 1.0
    assert seconds_per_unit("response_latency_ms_sum") == 0.001
    assert len(choose(["istio_requests_total", TOTAL, "http_request_total", "calls_total"])) == 3


def usage_of(pod: str, now: float, before: float | None = None) -> Series:
    return series(before, now, namespace="shop", pod=pod)


async def test_what_is_known_by_pod_only_is_found_and_counted_once() -> None:
    world = three_services()
    store = {
        "rate(container_cpu_cfs_throttled_periods_total{container=\"\"": [usage_of("store-abc12-x1", 0.95)],
    }  # fmt: skip
    metrics = RecordedMetrics([], store)
    told = await read(world, metrics)
    assert [(u.resource, u.container, u.level.now) for u in told.usages] == [
        ("throttled", "", 0.95)
    ]
    assert all("max by (namespace, pod)" in q for q in metrics.queries if 'container=""' in q)


async def test_a_lowered_cpu_limit_that_holds_a_new_pod_back() -> None:
    world = three_services()
    limited = {"resources": {"limits": {"cpu": "12m"}}}
    deployment = world.deployment("store")
    new = world.get("ReplicaSet", "store-abc12")
    old_spec = {**new["spec"], "template": {"metadata": {}, "spec": {"containers": [
        {**deployment["spec"]["template"]["spec"]["containers"][0]}]}}}  # fmt: skip
    world.add("ReplicaSet", "store-old11", spec=old_spec, metadata={
        "annotations": {"deployment.kubernetes.io/revision": "0"},
        "ownerReferences": [{"kind": "Deployment", "name": "store", "controller": True}],
    })  # fmt: skip
    new["metadata"]["creationTimestamp"] = NOW.strftime("%Y-%m-%dT11:56:00Z")
    for holder in (deployment, new):
        holder["spec"] = {**holder["spec"], "template": {"metadata": {"labels": {"app": "store"}}, "spec": {
            "containers": [{**old_spec["template"]["spec"]["containers"][0], **limited}]}}}  # fmt: skip
    throttled = {
        "rate(container_cpu_cfs_throttled_periods_total{container=\"\"": [usage_of("store-abc12-x1", 0.95)],
    }  # fmt: skip
    metrics = RecordedMetrics([], throttled)
    found = await diagnose(Sources(FixedClock(NOW), world.cluster, metrics), scope())
    assert found.verdict is Verdict.INCIDENT
    first = found.root_causes[0]
    assert (first.object.name, first.cause) == ("store", "resources.cpu_throttling")
    assert "12m" in first.summary
