"""The stores behind the replayed APIs: each refuses what was not recorded, in its API's own terms."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime

from eval.environments.emulator.seams import Span
from eval.environments.emulator.telemetry.jaeger_api import JaegerError
from eval.environments.emulator.telemetry.logql.errors import LogQLError
from eval.environments.emulator.telemetry.logs import Entry, Labels, nanoseconds
from eval.environments.emulator.telemetry.matchers import Matcher, MatchOp
from eval.environments.emulator.telemetry.promql import ExecutionFailed
from eval.environments.emulator.telemetry.series import (
    NAME,
    STALE_NAN,
    SeriesStore,
    StoredSeries,
    to_ms,
)
from eval.environments.emulator.telemetry.traces import (
    Trace,
    TraceQuery,
    TraceStore,
    microseconds,
)
from eval.recording.bundle import Bundle
from eval.recording.schema import LogStorePart, MetricsPart, TracesPart
from eval.recording.scope import Recorded, not_recorded

_SLACK_MS = 1000
"""Clients round times to seconds."""


class RecordedSeries(SeriesStore):
    """The recorded samples; a selector for anything else raises `ExecutionFailed`."""

    def __init__(self, bundle: Bundle, part: MetricsPart) -> None:
        super().__init__(retention=10 * 365 * 86400)
        self._part, self._recorded = part, Recorded(bundle.manifest)
        self._start, self._end = to_ms(part.start.timestamp()), to_ms(part.end.timestamp())
        for line in bundle.series:
            labels = tuple(sorted((k, v) for k, v in line.labels.items() if v))
            times = [at / 1000 for at, _ in line.samples]
            values = [STALE_NAN if v == "stale" else float(v) for _, v in line.samples]
            self.with_labels(labels).extend(times, values)
        self._names = {line.labels[NAME] for line in bundle.series} | set(part.absent)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[StoredSeries]:
        """Return the series that satisfy all matchers. Raises `ExecutionFailed`, `ValueError`."""
        # Lists of labels and series may name no period: then all that there is is meant.
        if start_ms > 0 and start_ms < self._start - _SLACK_MS:
            raise ExecutionFailed(
                not_recorded(f"samples before {self._part.start:%Y-%m-%d %H:%M:%S}Z")
            )
        if end_ms < 10**14 and end_ms > self._end + _SLACK_MS:
            raise ExecutionFailed(
                not_recorded(f"samples after {self._part.end:%Y-%m-%d %H:%M:%S}Z")
            )
        for matcher in matchers:
            if matcher.name == NAME:
                self._named(matcher)
        why = self._recorded.labels(matchers)
        if why:
            raise ExecutionFailed(why)
        return super().select(matchers, start_ms, end_ms)

    def _named(self, matcher: Matcher) -> None:
        if matcher.op is MatchOp.EQUAL and matcher.value not in self._names:
            why = self._part.left_out.get(matcher.value, "")
            raise ExecutionFailed(
                not_recorded(f"metric {matcher.value}{f' ({why})' if why else ''}")
            )
        if matcher.op is MatchOp.REGEX and not any(map(matcher.matches, self._names)):
            raise ExecutionFailed(not_recorded(f"metrics like {matcher.value}"))


class RecordedStreams:
    """The recorded lines of the log store; a query for anything else raises `LogQLError`.

    Fits `logql.evaluate.Streams`.
    """

    def __init__(self, bundle: Bundle, part: LogStorePart) -> None:
        self._recorded, self._part = Recorded(bundle.manifest), part
        self._start, self._end = nanoseconds(part.start), nanoseconds(part.end)
        self._streams = [
            (dict(line.labels), [(nanoseconds(at), text) for at, text in line.lines])
            for line in bundle.streams
        ]

    def select(
        self, matchers: Sequence[Matcher], start: int, end: int
    ) -> Iterator[tuple[Labels, Sequence[Entry]]]:
        """Yield the matching streams with their lines in [start, end) ns. Raises `LogQLError`."""
        slack = _SLACK_MS * 1_000_000
        if start < self._start - slack or end > self._end + slack:
            period = f"{self._part.start:%Y-%m-%d %H:%M:%S}Z to {self._part.end:%H:%M:%S}Z"
            raise LogQLError(not_recorded(f"lines outside of {period}"))
        why = self._recorded.labels(matchers)
        if why:
            raise LogQLError(why)
        for labels, entries in self._streams:
            if all(matcher.accepts(labels) for matcher in matchers):
                low = bisect_left(entries, (start, ""))
                high = bisect_left(entries, (end, ""))
                if low < high:
                    yield labels, entries[low:high]


class RecordedTraces(TraceStore):
    """The recorded traces; a search for anything else raises `JaegerError` 404."""

    def __init__(self, bundle: Bundle, part: TracesPart) -> None:
        super().__init__(max_spans=10**9)
        self._part = part
        for line in bundle.traces:
            self.record(
                [
                    Span(
                        trace=line.id.lower(),
                        id=span.id,
                        parent=span.parent,
                        service=span.service,
                        operation=span.operation,
                        start=span.start,
                        duration_ms=span.duration_ms,
                        tags={
                            **span.tags,
                            **({"span.kind": span.kind} if span.kind else {}),
                            **({"error": True} if span.error else {}),
                        },
                        process=span.process,
                    )
                    for span in line.spans
                ]
            )

    def services(self) -> list[str]:
        """Return the services that sent spans, with and without a recorded trace."""
        return sorted({*self._part.services, *super().services()})

    def operations(self, service: str, kind: str = "") -> list[tuple[str, str]]:
        """Return a recorded service's operations. Raises `JaegerError`."""
        self._known(service)
        return super().operations(service, kind)

    def trace(self, number: str) -> Trace | None:
        """Return a recorded trace. Raises `JaegerError`."""
        found = super().trace(number)
        if found is None:
            raise JaegerError(404, not_recorded(f"trace {number.lstrip('0') or number}"))
        return found

    def find(self, query: TraceQuery) -> list[Trace]:
        """Return the newest matching traces. Raises `JaegerError`."""
        self._known(query.service)
        self._within(query.start, query.end)
        return super().find(query)

    def dependencies(self, start: int, end: int) -> dict[tuple[str, str], int]:
        """Count calls in the recorded traces. Raises `JaegerError`."""
        self._within(start, end)
        return super().dependencies(start, end)

    def _known(self, service: str) -> None:
        if service not in self.services():
            raise JaegerError(404, not_recorded(f"service {service}"))

    def _within(self, start: int, end: int) -> None:
        first, last = self._part.start, self._part.end
        slack = _SLACK_MS * 1000
        if start < microseconds(first) - slack or end > microseconds(last) + slack:
            raise JaegerError(404, not_recorded(f"traces outside of {_period(first, last)}"))


def _period(first: datetime, last: datetime) -> str:
    return f"{first:%Y-%m-%d %H:%M:%S}Z to {last:%H:%M:%S}Z"
