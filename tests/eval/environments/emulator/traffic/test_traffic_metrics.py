from __future__ import annotations

from itertools import pairwise

import pytest

from eval.apps.loader import load_app
from eval.environments.emulator.traffic.metrics.quantities import quantity
from tests.eval.environments.emulator.traffic.fake_cluster import World


@pytest.fixture(scope="module")
def hotel() -> World:
    world = World(load_app("hotel_reservation"))
    world.deploy()
    world.pass_time(600)
    return world


def _all(world: World, name: str) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
    return [
        (dict(labels), series.samples)
        for (found, labels), series in world.sink.all.items()
        if found == name
    ]


def test_samples_come_every_fifteen_seconds(hotel: World) -> None:
    _, samples = _all(hotel, "container_cpu_usage_seconds_total")[0]
    assert {later[0] - earlier[0] for earlier, later in pairwise(samples)} == {15.0}
    assert samples[0][0] % 15 == 0


def test_every_metric_is_described(hotel: World) -> None:
    names = {name for name, _ in hotel.sink.all}
    for suffix in ("_bucket", "_sum", "_count"):
        names = {
            name.removesuffix(suffix) if name.startswith("traces_") else name for name in names
        }
    assert names - set(hotel.sink.described) == set()


def test_counters_do_not_go_back(hotel: World) -> None:
    for (name, _), series in hotel.sink.all.items():
        if name.endswith(("_total", "_bucket", "_count", "_sum")):
            values = [value for _, value in series.samples]
            assert values == sorted(values), name


def test_users_requests_are_counted_at_both_ends(hotel: World) -> None:
    sent = hotel.sink.last(
        "traces_span_metrics_calls_total",
        service_name="wrk2-job",
        span_kind="SPAN_KIND_CLIENT",
        peer_service="frontend",
    )
    served = hotel.sink.last(
        "traces_span_metrics_calls_total",
        service_name="frontend",
        span_kind="SPAN_KIND_SERVER",
    )
    assert sent == served == pytest.approx(20 * 600, rel=0.1)


def test_histograms_are_cumulative_and_complete(hotel: World) -> None:
    labels = {"service_name": "geo", "span_kind": "SPAN_KIND_SERVER"}
    name = "traces_span_metrics_duration_milliseconds"
    buckets = {
        have["le"]: samples[-1][1]
        for have, samples in _all(hotel, f"{name}_bucket")
        if labels.items() <= have.items()
    }
    assert list(buckets.values()) == sorted(buckets.values())
    assert buckets["+Inf"] == hotel.sink.last(f"{name}_count", **labels) > 0
    mean = hotel.sink.last(f"{name}_sum", **labels) / buckets["+Inf"]
    assert 0.3 < mean < 1.2


def test_edges_to_stores_can_be_read(hotel: World) -> None:
    labels = {"service_name": "rate", "peer_service": "memcached-rate"}
    assert (
        hotel.sink.last(
            "traces_span_metrics_calls_total",
            span_name="memcached_get_multi_rate",
            k8s_namespace_name="test-hotel-reservation",
            **labels,
        )
        > 0
    )


def test_cpu_follows_the_load(hotel: World) -> None:
    def cpu(pod: str) -> float:
        return hotel.sink.last("container_cpu_usage_seconds_total", pod=f"{pod}-0")

    assert cpu("frontend") > 3 * cpu("user") > 0


def test_what_is_gone_becomes_stale() -> None:
    world = World(load_app("hotel_reservation"))
    world.deploy()
    world.pass_time(60)
    world.cluster.stop_pods("geo")
    world.pass_time(30)
    gone = {name for name, labels, _ in world.sink.stale if labels.get("pod") == "geo-0"}
    assert {"container_cpu_usage_seconds_total", "kube_pod_status_phase"} <= gone


def test_waiting_reasons_come_and_go() -> None:
    world = World(load_app("hotel_reservation"))
    world.deploy()
    pod = next(p for p in world.cluster.items["Pod"] if p["metadata"]["name"] == "geo-0")
    status = pod["status"]["containerStatuses"][0]
    status["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
    status["restartCount"] = 3
    world.pass_time(15)
    name = "kube_pod_container_status_waiting_reason"
    assert world.sink.last(name, pod="geo-0", reason="CrashLoopBackOff") == 1
    assert world.sink.last("kube_pod_container_status_restarts_total", pod="geo-0") == 3
    status["state"] = {"running": {}}
    world.pass_time(15)
    assert [n for n, labels, _ in world.sink.stale if n == name and labels["pod"] == "geo-0"]


@pytest.mark.parametrize(
    ("text", "value"), [("100m", 0.1), ("1Gi", 2**30), ("2", 2.0), ("500k", 5e5), ("1.5", 1.5)]
)
def test_quantities(text: str, value: float) -> None:
    assert quantity(text) == pytest.approx(value)
