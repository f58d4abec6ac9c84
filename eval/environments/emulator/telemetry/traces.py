"""The emulated Jaeger's storage: whole traces, found by service, time, duration and tags."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from eval.environments.emulator.seams import Span

Trace = tuple[Span, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return a moment as Unix microseconds, Jaeger's unit."""
    return (moment - _EPOCH) // _MICROSECOND


def tag_text(value: str | int | float | bool) -> str:
    """Write a tag's value as searches compare it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """What one span of a trace must fulfil all at once, as in Jaeger's own in-memory store.

    Times are Unix microseconds, both ends included; durations are milliseconds, 0 for no bound.
    """

    service: str
    operation: str = ""
    start: int = 0
    end: int = 2**63 - 1
    min_ms: float = 0.0
    max_ms: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)
    limit: int = 100

    def matches(self, span: Span) -> bool:
        """Whether a span fulfils all of it."""
        if span.service != self.service or (self.operation and span.operation != self.operation):
            return False
        if span.duration_ms < self.min_ms or (self.max_ms and span.duration_ms > self.max_ms):
            return False
        if not self.start <= microseconds(span.start) <= self.end:
            return False
        return all(_has(span, key, value) for key, value in self.tags.items())


def _has(span: Span, key: str, value: str) -> bool:
    found = [tags[key] for tags in (span.tags, span.process) if key in tags]
    return any(tag_text(each) == value for each in found)


@dataclass(slots=True)
class _Kept:
    spans: Trace
    first: int
    last: int


class TraceStore:
    """Keeps the newest traces, `max_spans` spans at most. Fits `seams.TraceSink`.

    Not safe for threads: record and query from one event loop.
    """

    def __init__(self, max_spans: int = 60_000) -> None:
        self._max_spans = max_spans
        self._traces: dict[str, _Kept] = {}
        self._by_service: dict[str, dict[str, None]] = {}
        self._operations: dict[str, Counter[tuple[str, str]]] = {}
        self.span_count = 0

    def __len__(self) -> int:
        """Return the number of traces."""
        return len(self._traces)

    def record(self, spans: Sequence[Span]) -> None:
        """Keep the spans of one trace; more spans of one that is there are added to it."""
        if not spans:
            return
        number = spans[0].trace.zfill(32)
        known = self._traces.pop(number, None)
        if known is not None:
            self._drop(number, known)
            spans = (*known.spans, *spans)
        starts = [microseconds(span.start) for span in spans]
        self._traces[number] = _Kept(tuple(spans), min(starts), max(starts))
        self.span_count += len(spans)
        for span in spans:
            self._by_service.setdefault(span.service, {})[number] = None
            operations = self._operations.get(span.service)
            if operations is None:
                operations = self._operations[span.service] = Counter()
            operations[_operation(span)] += 1
        while self.span_count > self._max_spans and len(self._traces) > 1:
            oldest = next(iter(self._traces))
            self._drop(oldest, self._traces.pop(oldest))

    def services(self) -> list[str]:
        """Return the names of the services with spans."""
        return sorted(self._by_service)

    def operations(self, service: str, kind: str = "") -> list[tuple[str, str]]:
        """Return a service's pairs of operation and span kind ("" where a span has none)."""
        pairs = self._operations.get(service, Counter())
        return sorted(pair for pair in pairs if kind in ("", pair[1]))

    def trace(self, number: str) -> Trace | None:
        """Return a trace by its id; leading zeros do not matter."""
        found = self._traces.get(number.lower().zfill(32))
        return None if found is None else found.spans

    def find(self, query: TraceQuery) -> list[Trace]:
        """Return the newest `limit` (0: all) traces with a span that matches, oldest first."""
        found: list[_Kept] = []
        for number in self._by_service.get(query.service, ()):
            kept = self._traces[number]
            if kept.last < query.start or kept.first > query.end:
                continue
            if any(query.matches(span) for span in kept.spans):
                found.append(kept)
        found.sort(key=lambda kept: microseconds(kept.spans[0].start))
        return [kept.spans for kept in found[-query.limit :]]

    def dependencies(self, start: int, end: int) -> dict[tuple[str, str], int]:
        """Count the calls from service to service in traces that began in (start, end) µs."""
        counts: Counter[tuple[str, str]] = Counter()
        for kept in self._traces.values():
            if not any(start < microseconds(span.start) < end for span in kept.spans):
                continue
            owner = {span.id: span.service for span in kept.spans}
            for span in kept.spans:
                parent = owner.get(span.parent)
                if parent is not None and parent != span.service:
                    counts[parent, span.service] += 1
        return dict(sorted(counts.items()))

    def _drop(self, number: str, kept: _Kept) -> None:
        self.span_count -= len(kept.spans)
        for span in kept.spans:
            traces = self._by_service.get(span.service, {})
            traces.pop(number, None)
            if not traces:
                self._by_service.pop(span.service, None)
            operations = self._operations[span.service]
            operations[_operation(span)] -= 1
            if not operations[_operation(span)]:
                del operations[_operation(span)]


def _operation(span: Span) -> tuple[str, str]:
    return span.operation, str(span.tags.get("span.kind", ""))
