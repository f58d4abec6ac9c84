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
        self._blocks: list[tuple[int, int]] = []

    def export(self, page: Page, now: datetime) -> None:
        """Write all counters: those that began between the same two scrapes together."""
        rows = self._spans.rows()
        known = self._blocks[-1][1] if self._blocks else 0
        if len(rows) > known:
            self._blocks.append((known, len(rows)))
        for block in self._blocks:
            first, last = block
            page.set_all((self, block), partial(self._described, block), rows[first:last].ravel())

    def _described(self, block: tuple[int, int]) -> list[tuple[str, Labels]]:
        first, last = block
        return [item for key in self._spans.keys[first:last] for item in _described(key)]


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
