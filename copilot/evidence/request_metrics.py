"""Request metrics of the known families, brought to one form: flows.

Sources: OpenTelemetry span metrics and semantic conventions, Tempo service graphs, Istio,
Prometheus client libraries, go-grpc-prometheus, Spring Boot, Linkerd, Envoy, ingress controllers. A
series is grouped by the union of the labels that these families use; grouping by a label that a
series lacks is harmless. What the labels mean is read in `request_labels`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from connectors.api.values import Series
from copilot.evidence.request_labels import (
    LABELS,
    NOBODY,
    Key,
    Owners,
    is_error,
    is_judged,
    key_of,
)
from copilot.evidence.telemetry import Flow, Level, Points, level

COUNTERS = (
    "traces_span_metrics_calls_total", "traces_spanmetrics_calls_total", "calls_total",
    "span_metrics_calls_total", "traces_service_graph_request_total", "istio_requests_total",
    "response_total", "http_server_request_duration_seconds_count",
    "http_server_duration_milliseconds_count", "http_server_duration_seconds_count",
    "http_server_requests_seconds_count", "http_requests_total", "http_request_total",
    "http_requests_received_total", "http_server_requests_total", "http_responses_total",
    "flask_http_request_total", "django_http_responses_total_by_status_total",
    "fastapi_responses_total", "starlette_responses_total", "rails_requests_total",
    "gin_requests_total", "ktor_http_server_requests_seconds_count",
    "http_request_duration_seconds_count", "http_request_duration_milliseconds_count",
    "http_request_duration_ms_count", "http_requests_duration_seconds_count",
    "grpc_server_handled_total", "rpc_server_duration_milliseconds_count",
    "rpc_server_duration_seconds_count", "rpc_server_call_duration_seconds_count",
    "request_duration_seconds_count", "envoy_cluster_upstream_rq_xx",
    "nginx_ingress_controller_requests", "traefik_service_requests_total",
    "kong_http_requests_total",
)  # fmt: skip
"""Counters of requests, the most telling first; the first that exist are used."""

FAILED = {"traces_service_graph_request_total": "traces_service_graph_request_failed_total"}
"""Families that count failures in a metric of their own."""

DURATIONS = {
    "traces_span_metrics_calls_total": "traces_span_metrics_duration_milliseconds",
    "traces_spanmetrics_calls_total": "traces_spanmetrics_latency",
    "calls_total": "duration_milliseconds",
    "span_metrics_calls_total": "span_metrics_duration_milliseconds",
    "traces_service_graph_request_total": "traces_service_graph_request_server_seconds",
    "istio_requests_total": "istio_request_duration_milliseconds",
    "response_total": "response_latency_ms",
    "grpc_server_handled_total": "grpc_server_handling_seconds",
    "http_requests_total": "http_request_duration_seconds",
    "http_requests_received_total": "http_request_duration_seconds",
    "http_server_requests_total": "http_server_request_duration_seconds",
    "flask_http_request_total": "flask_http_request_duration_seconds",
    "rails_requests_total": "rails_request_duration_seconds",
    "gin_requests_total": "gin_request_duration_seconds",
    "envoy_cluster_upstream_rq_xx": "envoy_cluster_upstream_rq_time",
    "nginx_ingress_controller_requests": "nginx_ingress_controller_request_duration_seconds",
    "traefik_service_requests_total": "traefik_service_request_duration_seconds",
}
"""The duration histogram beside a counter; a counter that ends with _count is its own."""

_FAMILIES = 3
"""So many families are read: more of them tell the same requests again."""
_OUTSIDE = 7
"""The first of the counters, that are not written by the programs that serve the requests."""


def discovery() -> str:
    """Return the query that tells which request counters exist."""
    return 'count by (__name__) ({__name__=~"' + "|".join(COUNTERS) + '"})'


def choose(names: Iterable[str]) -> tuple[str, ...]:
    """Return the counters to read: span metrics or mesh metrics before libraries', proxies' last."""
    present = set(names)
    return tuple(name for name in COUNTERS if name in present)[:_FAMILIES]


def is_own(counter: str) -> bool:
    """Whether programs write a counter themselves, so that its pod is the program's."""
    return COUNTERS.index(counter) >= _OUTSIDE


def rate_query(metric: str, window: str, labels: Sequence[str] = LABELS) -> str:
    """Return the query for the rate of a metric by its identifying labels."""
    return f"sum by ({', '.join(labels)}) (rate({metric}[{window}]))"


_MILLISECONDS = ("_ms_sum", "upstream_rq_time_sum")


def duration_metrics(counter: str) -> tuple[str, str] | None:
    """Return the (sum, count) metrics of the durations beside a counter, and their unit by name."""
    base = counter[:-6] if counter.endswith("_count") else DURATIONS.get(counter)
    return (f"{base}_sum", f"{base}_count") if base else None


def seconds_per_unit(metric: str) -> float:
    """Return how many seconds one unit of a duration metric is."""
    return 0.001 if "milliseconds" in metric or metric.endswith(_MILLISECONDS) else 1.0


def flows(
    query: str,
    series: Sequence[Series],
    failed: Sequence[Series] | None,
    total_time: Sequence[Series],
    counts: Sequence[Series],
    *,
    unit: float,
    namespaces: Sequence[str],
    split: float,
    recent: float,
    owners: Owners = NOBODY,
) -> list[Flow]:
    """Bring series to flows per service and per edge, now against the baseline.

    `failed` are the failures where the family counts them apart, None where it does not.
    """
    calls = gather(series, namespaces, owners)
    errors = gather([s for s in series if is_error(s.labels)], namespaces, owners)
    for key, extra in gather(failed or (), namespaces, owners).items():
        errors[key] = _add(errors.get(key, ()), extra)
    judged = {key_of(s.labels, namespaces, owners) for s in series if is_judged(s.labels)}
    if failed is not None:
        judged |= set(calls)
    times = gather(total_time, namespaces, owners)
    measured = gather(counts, namespaces, owners)
    found = []
    for key, points in calls.items():
        rate = level(points, split=split, recent=recent)
        share = level(ratio(errors.get(key, ()), points), split=split, recent=recent)
        took = ratio(times.get(key, ()), measured.get(key, ()), unit, absent=None)
        if rate is None:
            before = [v for t, v in points if t < split]
            if not before:
                continue
            rate = Level(0.0, sum(before) / len(before))
        found.append(
            Flow(
                service=key.service,
                caller=key.caller,
                query=query,
                rate=rate,
                errors=share or Level(0.0, None),
                latency=level(took, split=split, recent=recent),
                judged=key in judged,
            )
        )
    return found


def merge(known: Flow, other: Flow) -> Flow:
    """Return what two families tell of the same requests.

    Failures come from the one that says how requests ended, times from the one that has them. A family
    that was written no more, while the other goes on, is out of use.
    """
    if known.rate.now <= 0 < other.rate.now:
        base = other.rate.base or known.rate.base
        return replace(other, rate=replace(other.rate, base=base))
    if other.judged and not known.judged and not other.rate.now <= 0 < known.rate.now:
        return replace(other, latency=known.latency or other.latency)
    return replace(known, latency=known.latency or other.latency)


def gather(
    series: Iterable[Series], namespaces: Sequence[str], owners: Owners = NOBODY
) -> dict[Key, Points]:
    """Add up series by service and caller."""
    sums: dict[Key, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for item in series:
        key = key_of(item.labels, namespaces, owners)
        if key is None:
            continue
        for moment, value in item.points:
            if value == value:
                sums[key][moment] += value
    return {key: tuple(sorted(points.items())) for key, points in sums.items()}


def _add(left: Points, right: Points) -> Points:
    total: dict[float, float] = defaultdict(float)
    for moment, value in (*left, *right):
        total[moment] += value
    return tuple(sorted(total.items()))


def ratio(top: Points, bottom: Points, unit: float = 1.0, absent: float | None = 0.0) -> Points:
    """Divide point by point; `absent` stands for a missing dividend."""
    tops = dict(top)
    return tuple(
        (moment, unit * float(tops.get(moment, absent) or 0.0) / value)
        for moment, value in bottom
        if value > 0 and (absent is not None or moment in tops)
    )
