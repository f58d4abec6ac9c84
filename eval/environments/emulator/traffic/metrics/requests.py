"""Request metrics: the spans that the app's programs and its users' client made."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from eval.environments.emulator.traffic.metrics.scrape import Labels, Page
from eval.environments.emulator.traffic.spans import BOUNDS_MS, SpanKey, SpanMetrics

_LE = (*(f"{bound:g}" for bound in BOUNDS_MS), "+Inf")
_CALLS = "traces_span_metrics_calls_total"
_DURATION = "traces_span_metrics_duration_milliseconds"


class Requests:
    """`traces_span_metrics_*`, as an OpenTelemetry collector exports them."""

    def __init__(self, spans: SpanMetrics) -> None:
        self._spans = spans

    def export(self, page: Page, now: datetime) -> None:
        """Write all counters."""
        for key, counts in self._spans:
            calls = float(counts.calls)
            totals = counts.buckets.cumsum().astype(float).tolist()
            page.set_all(key, partial(_described, key), [calls, counts.sum_ms, calls, *totals])


def _described(key: SpanKey) -> list[tuple[str, Labels]]:
    plain = _labels(key)
    names = (_CALLS, f"{_DURATION}_sum", f"{_DURATION}_count")
    buckets = [(f"{_DURATION}_bucket", _labels(key, le)) for le in _LE]
    return [*((name, plain) for name in names), *buckets]


def _labels(key: SpanKey, le: str = "") -> Labels:
    service, namespace, span, kind, status, peer = key
    labels = {
        "service_name": service,
        "k8s_namespace_name": namespace,
        "span_name": span,
        "span_kind": kind,
        "status_code": status,
        "job": "otel-collector",
    }
    if peer:
        labels["peer_service"] = peer
    if le:
        labels["le"] = le
    return labels
