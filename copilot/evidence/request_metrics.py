"""Request metrics of the known families, brought to one form: flows.

Sources: OpenTelemetry span metrics and semantic conventions, Tempo service graphs, Istio,
Prometheus client libraries, go-grpc-prometheus, Spring Boot, Linkerd. A series is grouped by the
union of the labels that these families use; grouping by a label that a series lacks is harmless.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connectors.api.values import Series
from copilot.evidence.telemetry import Flow, Level, Points, level

COUNTERS = (
    "traces_span_metrics_calls_total", "traces_spanmetrics_calls_total", "calls_total",
    "span_metrics_calls_total", "traces_service_graph_request_total", "istio_requests_total",
    "http_server_request_duration_seconds_count", "http_server_duration_milliseconds_count",
    "http_server_requests_seconds_count", "http_request_duration_seconds_count",
    "http_requests_total", "http_request_total", "grpc_server_handled_total",
    "rpc_server_duration_milliseconds_count", "request_duration_seconds_count", "response_total",
)  # fmt: skip
"""Counters of requests; the first that exist are used, one per style."""

FAILED = {"traces_service_graph_request_total": "traces_service_graph_request_failed_total"}
"""Families that count failures in a metric of their own."""

DURATIONS = {
    "traces_span_metrics_calls_total": "traces_span_metrics_duration_milliseconds",
    "traces_spanmetrics_calls_total": "traces_spanmetrics_latency",
    "calls_total": "duration_milliseconds",
    "span_metrics_calls_total": "span_metrics_duration_milliseconds",
    "traces_service_graph_request_total": "traces_service_graph_request_server_seconds",
    "istio_requests_total": "istio_request_duration_milliseconds",
    "grpc_server_handled_total": "grpc_server_handling_seconds",
    "http_requests_total": "http_request_duration_seconds",
}
"""The duration histogram beside a counter; a counter that ends with _count is its own."""

NAMESPACES = (
    "destination_workload_namespace", "destination_service_namespace", "k8s_namespace_name",
    "service_namespace", "kubernetes_namespace", "exported_namespace", "namespace",
)  # fmt: skip
SERVERS = (
    "destination_workload", "destination_service_name", "server", "service_name", "service",
    "deployment", "app_kubernetes_io_name", "app", "application", "exported_job", "job",
)  # fmt: skip
PEERS = (
    "peer_service", "net_peer_name", "server_address", "rpc_peer", "upstream", "db_host",
    "dst_service", "destination",
)  # fmt: skip
CALLERS = ("source_workload", "client")
STATUS = (
    "status_code", "http_response_status_code", "http_status_code", "response_code", "code",
    "status", "grpc_code", "rpc_grpc_status_code", "outcome", "classification", "error",
)  # fmt: skip
KINDS = ("span_kind", "reporter", "direction", "kind")
LABELS = (*NAMESPACES, *SERVERS, *PEERS, *CALLERS, *STATUS, *KINDS)

_CLIENT_FAULTS = {"notfound", "invalidargument", "alreadyexists", "cancelled", "canceled",
                  "failedprecondition", "permissiondenied", "unauthenticated", "outofrange", "ok"}  # fmt: skip


def discovery() -> str:
    """Return the query that tells which request counters exist."""
    return 'count by (__name__) ({__name__=~"' + "|".join(COUNTERS) + '"})'


def choose(names: Iterable[str]) -> tuple[str, ...]:
    """Return at most two counters to read: span metrics or mesh metrics before libraries'."""
    present = set(names)
    return tuple(name for name in COUNTERS if name in present)[:2]


def rate_query(metric: str, window: str, labels: Sequence[str] = LABELS) -> str:
    """Return the query for the rate of a metric by its identifying labels."""
    return f"sum by ({', '.join(labels)}) (rate({metric}[{window}]))"


def used_labels(series: Iterable[Series]) -> list[str]:
    """Return the identifying labels that the series have: enough to ask the same again, shorter."""
    present = {name for item in series for name, value in item.labels.items() if value}
    return [name for name in LABELS if name in present]


def duration_metrics(counter: str) -> tuple[str, str] | None:
    """Return the (sum, count) metrics of the durations beside a counter, and their unit by name."""
    base = counter[:-6] if counter.endswith("_count") else DURATIONS.get(counter)
    return (f"{base}_sum", f"{base}_count") if base else None


def seconds_per_unit(metric: str) -> float:
    """Return how many seconds one unit of a duration metric is."""
    return 0.001 if "milliseconds" in metric or metric.endswith("latency_sum") else 1.0


@dataclass(frozen=True, slots=True)
class _Key:
    service: str
    caller: str


def flows(
    query: str,
    series: Sequence[Series],
    failed: Sequence[Series],
    total_time: Sequence[Series],
    counts: Sequence[Series],
    *,
    unit: float,
    namespaces: Sequence[str],
    split: float,
    recent: float,
) -> list[Flow]:
    """Bring series to flows per service and per edge, now against the baseline."""
    calls = gather(series, namespaces)
    errors = gather([s for s in series if is_error(s.labels)], namespaces)
    for key, extra in gather(failed, namespaces).items():
        errors[key] = _add(errors.get(key, ()), extra)
    times, measured = gather(total_time, namespaces), gather(counts, namespaces)
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
            )
        )
    return found


def is_error(labels: dict[str, str]) -> bool:
    """Whether the labels of a series say that the server failed."""
    for name in STATUS:
        value = labels.get(name, "")
        if not value:
            continue
        lowered = value.lower().replace("_", "")
        if name in ("grpc_code", "rpc_grpc_status_code"):
            if lowered not in _CLIENT_FAULTS and lowered != "0":
                return True
        elif value.isdigit():
            number = int(value)
            if (
                number >= 500
                or (name == "status_code" and number == 2)
                or (name == "response_code" and number == 0)
            ):
                return True
        elif (value[0] == "5" and lowered.endswith("xx")) or lowered in (
            "statuscodeerror",
            "error",
            "failure",
            "servererror",
            "true",
            "failed",
        ):
            return True
    return False


def _key(labels: dict[str, str], namespaces: Sequence[str]) -> _Key | None:
    for name in NAMESPACES:
        if labels.get(name) and namespaces and labels[name] not in namespaces:
            return None
        if labels.get(name):
            break
    if labels.get("reporter") == "source":
        return None  # the same request is counted again at its destination
    server = next((labels[n] for n in SERVERS if labels.get(n)), "")
    caller = next((labels[n] for n in CALLERS if labels.get(n)), "")
    peer = next((labels[n] for n in PEERS if labels.get(n)), "")
    kind = labels.get("span_kind", labels.get("kind", "")).upper()
    if kind.endswith(("CLIENT", "PRODUCER")):
        return _Key(peer, server) if peer and server else None
    if kind and not kind.endswith(("SERVER", "CONSUMER")):
        return None
    return _Key(server, caller) if server else None


def gather(series: Iterable[Series], namespaces: Sequence[str]) -> dict[_Key, Points]:
    """Add up series by service and caller."""
    sums: dict[_Key, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for item in series:
        key = _key(item.labels, namespaces)
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
