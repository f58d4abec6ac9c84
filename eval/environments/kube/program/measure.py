"""Counts spans, and prints them in Prometheus's text form under the span-metrics connector's names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

BOUNDS_MS = (2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000)
SERVER, CLIENT = "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT"
OK, ERROR = "STATUS_CODE_UNSET", "STATUS_CODE_ERROR"
_CALLS = "traces_span_metrics_calls_total"
_DURATION = "traces_span_metrics_duration_milliseconds"

Key = tuple[str, str, str, str, str, str]
"""Service, namespace, span name, kind, status, peer service ("" for server spans)."""


@dataclass(slots=True)
class _Counts:
    calls: int = 0
    sum_ms: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_MS) + 1))


class Measures:
    """The spans of this process since its start."""

    def __init__(self) -> None:
        self._counts: dict[Key, _Counts] = {}

    def record(self, key: Key, ms: float) -> None:
        """Count one span."""
        counts = self._counts.setdefault(key, _Counts())
        counts.calls += 1
        counts.sum_ms += ms
        place = next((i for i, bound in enumerate(BOUNDS_MS) if ms <= bound), len(BOUNDS_MS))
        counts.buckets[place] += 1

    def page(self) -> str:
        """All counters, as a scraper reads them."""
        lines = [f"# TYPE {_CALLS} counter"]
        lines += [
            f"{_CALLS}{{{_labels(key)}}} {counts.calls}" for key, counts in self._counts.items()
        ]
        lines.append(f"# TYPE {_DURATION} histogram")
        for key, counts in self._counts.items():
            lines += _histogram(_labels(key), counts)
        return "\n".join(lines) + "\n"


def _histogram(labels: str, counts: _Counts) -> Iterator[str]:
    total = 0
    bounds = (*(f"{bound:g}" for bound in BOUNDS_MS), "+Inf")
    for le, number in zip(bounds, counts.buckets, strict=True):
        total += number
        yield f'{_DURATION}_bucket{{{labels},le="{le}"}} {total}'
    yield f"{_DURATION}_sum{{{labels}}} {counts.sum_ms:.3f}"
    yield f"{_DURATION}_count{{{labels}}} {counts.calls}"


def _labels(key: Key) -> str:
    service, namespace, span, kind, status, peer = key
    labels = {
        "service_name": service,
        "k8s_namespace_name": namespace,
        "span_name": span,
        "span_kind": kind,
        "status_code": status,
    }
    if peer:
        labels["peer_service"] = peer
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
