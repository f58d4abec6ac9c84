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
            page.set(_CALLS, key, partial(_labels, key), float(counts.calls))
            page.set(f"{_DURATION}_sum", key, partial(_labels, key), counts.sum_ms)
            page.set(f"{_DURATION}_count", key, partial(_labels, key), float(counts.calls))
            total = 0
            for le, number in zip(_LE, counts.buckets.tolist(), strict=True):
                total += number
                page.set(
                    f"{_DURATION}_bucket",
                    (key, le),
                    partial(_labels, key, le),
                    float(total),
                )


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
