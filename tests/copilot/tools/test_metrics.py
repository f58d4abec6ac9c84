from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api.values import Series
from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.model.evidence import Source
from copilot.tools import metric_families as families
from copilot.tools.series import number, shift, sparkline
from retrieval.values import DocumentKind, Hit
from tests.copilot.tools.worlds import NOW, Cluster, Knowledge, Metrics, app, scope, told, toolbox

START = scope().window.start.timestamp()


def series(before: float, after: float, at: float = START + 300, **labels: str) -> Series:
    """A series over baseline and window that jumps `at` a Unix time."""
    begin, end = int(scope().window.baseline_start.timestamp()), int(NOW.timestamp())
    points = tuple((float(t), before if t < at else after) for t in range(begin, end, 30))
    return Series(labels, points)


def names(*metrics: str) -> list[Series]:
    return [Series({"__name__": name}, ((0.0, 1.0),)) for name in metrics]


async def test_what_changed_is_shown_with_onset_and_drawing() -> None:
    metrics = Metrics(
        {
            "count by (__name__)": names("container_cpu_usage_seconds_total", "up"),
            "container_cpu": [series(0.1, 0.9, pod="cart-1"), series(0.2, 0.2, pod="store-1")],
        }
    )
    result = await toolbox(Cluster(), metrics=metrics).call("get_metrics", {})
    lines = result.text.splitlines()
    assert lines[0] == "shop: 1 of 2 series changed in 02:45–03:00 against 02:00–02:45"
    assert lines[1].startswith("CPU by pod, pod=cart-1: 0.1 → 0.9 cores (×9) since 02:50:00 ▁")
    assert lines[1].endswith("█")
    assert "Unchanged: CPU by pod (1)" in lines
    evidence = result.evidence[0]
    assert evidence.source is Source.METRICS
    assert evidence.query.startswith("sum by (pod) (rate(container_cpu_usage_seconds_total{")
    assert "store-1" in evidence.text


async def test_requests_become_rate_error_share_and_latency() -> None:
    metrics = Metrics(
        {
            "count by (__name__)": names(
                "http_requests_total", "http_request_duration_seconds_bucket"
            ),
            "http_requests_total": [
                series(10, 2, service="cart", code="200"),
                series(0, 8, service="cart", code="503"),
                series(5, 5, service="geo", code="200"),
            ],
            "histogram_quantile": [series(0.05, 2.5, service="cart", le="")],
        }
    )
    text = await told(toolbox(Cluster(app("cart")), metrics=metrics), "get_metrics", service="cart")
    assert "http_requests_total error share, cart: 0 → 0.8 since 02:50:00" in text
    assert "http_request_duration_seconds p95, cart: 0.05 → 2.5 (×50)" in text
    assert "Unchanged: http_requests_total rate (1)" in text
    assert "geo" not in text.partition("[ev-")[0]


async def test_raw_promql_stays_in_the_scope() -> None:
    metrics = Metrics(
        {
            "up": [
                series(1, 0, namespace="shop", job="a"),
                series(1, 1, namespace="bank"),
                series(1, 1, namespace="monitoring", exported_namespace="shop", job="b"),
            ]
        }
    )
    box = toolbox(None, metrics=metrics)
    result = await box.call("get_metrics", {"query": "up"})
    assert result.text.startswith("2 series\njob=a namespace=shop: 1 → 0 (×0) since 02:50:00")
    assert "bank" not in result.text
    assert result.caveats == ("1 series of other namespaces are left out",)
    with pytest.raises(CorrectYourCall, match='"bank" is outside'):
        await box.call("get_metrics", {"query": 'up{namespace="bank"}'})
    assert "No data for this expression from 02:00 to 03:00" in await told(
        box, "get_metrics", query="nothing"
    )


async def test_no_usual_metrics_are_said_to_be_missing() -> None:
    box = toolbox(None, metrics=Metrics({"count by": names("my_gauge")}))
    assert "no metrics that are usually compared" in await told(box, "get_metrics")


async def test_alerts_are_those_of_the_scope() -> None:
    started = NOW.timestamp() - 600
    metrics = Metrics(
        {
            "ALERTS{": [
                Series(
                    {"alertname": "Slow", "alertstate": "firing", "namespace": "shop"}, ((0, 1),)
                ),
                Series({"alertname": "No", "alertstate": "firing", "namespace": "b"}, ((0, 1),)),
            ],
            "ALERTS_FOR_STATE": [
                Series({"alertname": "Slow", "namespace": "shop"}, ((0, started),))
            ],
        }
    )
    text = await told(toolbox(None, metrics=metrics), "get_alerts")
    assert text.startswith("FIRING Slow since 02:50:00 (10m): namespace=shop\n")
    assert "No " not in text
    assert "No alert is pending" in await told(toolbox(None, metrics=Metrics()), "get_alerts")
    with pytest.raises(
        NotAvailable, match=r"No source of alerts is configured \(settings: prometheus.url"
    ):
        await told(toolbox(Cluster()), "get_alerts")


@pytest.mark.parametrize(
    ("labels", "bad"),
    [
        ({"code": "503"}, True),
        ({"code": "5xx"}, True),
        ({"code": "404"}, False),
        ({"status_code": "STATUS_CODE_ERROR"}, True),
        ({"status_code": "STATUS_CODE_UNSET"}, False),
        ({"grpc_code": "OK"}, False),
        ({"grpc_code": "Unavailable"}, True),
        ({"job": "x"}, None),
    ],
)
def test_labels_tell_failed_requests(labels: dict[str, str], bad: bool | None) -> None:
    assert families.failed(labels) is bad


def test_the_monitoring_system_is_not_the_app() -> None:
    found = families.request_counters(
        ["prometheus_http_requests_total", "http_requests_total", "go_gc_duration_seconds_count"]
    )
    assert found == ["http_requests_total"]


@given(st.floats(0.1, 1e6), st.lists(st.floats(-0.02, 0.02), min_size=40, max_size=80))
def test_noise_is_no_change(level: float, noise: list[float]) -> None:
    points = tuple((float(i), level * (1 + n)) for i, n in enumerate(noise))
    assert not shift(points, len(noise) * 0.75).changed


@given(st.floats(0.1, 1e6), st.floats(2, 50))
def test_a_jump_is_a_change_with_its_onset(level: float, factor: float) -> None:
    points = tuple((float(i), level * (factor if i >= 35 else 1)) for i in range(60))
    move = shift(points, 30.0)
    assert move.changed
    assert move.since == 35.0


def test_a_series_that_appears_or_vanishes_is_a_change() -> None:
    assert shift(((40.0, 1.0),), 30.0).changed
    assert shift(((10.0, 1.0),), 30.0).changed
    assert not shift((), 30.0).changed
    assert not shift(((10.0, math.nan), (40.0, math.nan)), 30.0).changed


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=200))
def test_any_values_can_be_drawn(values: list[float]) -> None:
    assert len(sparkline(values)) <= 24


def test_numbers_are_short() -> None:
    shown = [number(value) for value in (0.01234, 12.34, 1234.5, 34567, 5.6e6, 7.8e9, None)]
    assert shown == ["0.0123", "12.3", "1234", "34.6k", "5.6M", "7.8G", "no data"]


async def test_knowledge_is_quoted_with_its_place() -> None:
    hit = Hit("rb-7", DocumentKind.RUNBOOK, "Cart", "Fix", "Restart it.", 0.9, "a.md", True)
    past = Hit("inc-1", DocumentKind.INCIDENT, "Down", "", "x", 0.5, "b", metadata={"fix": "scale"})
    box = toolbox(None, knowledge=Knowledge([hit, past]))
    result = await box.call("search_knowledge", {"query": "cart down"})
    assert "[runbook rb-7 (built-in)] Cart · Fix (0.90)\nRestart it." in result.text
    assert "fix: scale" in result.text
    assert result.evidence[0].query == "search 'cart down'"
    assert "inc-1" not in await told(box, "search_knowledge", query="x", kind="runbook")
    with pytest.raises(CorrectYourCall, match="kind: Input should be"):
        await box.call("search_knowledge", {"query": "x", "kind": "book"})
