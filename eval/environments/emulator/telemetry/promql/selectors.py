"""Reading the store: selectors, offsets and @, lookback, staleness, windows, subqueries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import promql_parser as ast

from eval.environments.emulator.telemetry.matchers import Matcher, MatchOp
from eval.environments.emulator.telemetry.promql.errors import BadQuery, ExecutionFailed
from eval.environments.emulator.telemetry.promql.values import (
    Bools,
    Dialect,
    Floats,
    Ints,
    RangeSeries,
    RangeVector,
    Vector,
)
from eval.environments.emulator.telemetry.series import (
    NAME,
    STALE_BITS,
    SeriesStore,
    StoredSeries,
)

_MS = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Frame:
    """What a query is evaluated against. Times and durations are milliseconds.

    `start` and `end` are the query's own, which `@ start()` and `@ end()` mean even in subqueries.
    """

    store: SeriesStore
    start: int
    end: int
    dialect: Dialect
    lookback: int
    subquery_step: int
    max_samples: int


def milliseconds(duration: timedelta | None) -> int:
    """Return a duration as whole milliseconds; none is 0."""
    return 0 if duration is None else duration // _MS


def matchers_of(selector: ast.VectorSelector) -> list[Matcher]:
    """Return a parsed selector's conditions, its metric name among them."""
    if selector.matchers.or_matchers:
        raise BadQuery("parse error: 'or' between label matchers is not PromQL")
    found = [Matcher(m.name, _operator(m.op), m.value) for m in selector.matchers.matchers]
    if selector.name:
        found.insert(0, Matcher(NAME, MatchOp.EQUAL, selector.name))
    return found


def _operator(op: ast.MatchOp) -> MatchOp:
    if op == ast.MatchOp.Equal:
        return MatchOp.EQUAL
    if op == ast.MatchOp.NotEqual:
        return MatchOp.NOT_EQUAL
    return MatchOp.REGEX if op == ast.MatchOp.Re else MatchOp.NOT_REGEX


def reference_times(
    frame: Frame, times: Ints, offset: timedelta | None, at: ast.AtModifier | None
) -> Ints:
    """Return for each step the time that a selector with `offset` and `@` looks at."""
    if at is not None:
        if at.type == ast.AtModifierType.Start:
            fixed = frame.start
        elif at.type == ast.AtModifierType.End:
            fixed = frame.end
        else:
            fixed = round(((at.at or _EPOCH) - _EPOCH) / _MS)
        times = np.full_like(times, fixed)
    return times - milliseconds(offset)


def _select(frame: Frame, selector: ast.VectorSelector, start: int, end: int) -> list[StoredSeries]:
    try:
        return frame.store.select(matchers_of(selector), start, end)
    except ValueError as error:
        raise BadQuery(f"parse error: {error}") from error


def instant_vector(
    frame: Frame, times: Ints, selector: ast.VectorSelector, *, timestamps: bool = False
) -> Vector:
    """Evaluate a vector selector: the latest sample within the lookback, unless it marks an end.

    With `timestamps` the values are the samples' times in Unix seconds.
    """
    moments = reference_times(frame, times, selector.offset, selector.at)
    earliest, latest = int(moments.min()) - frame.lookback, int(moments.max())
    chosen = _select(frame, selector, earliest, latest)
    check_size(frame, len(chosen) * len(times))
    rows = []
    for series in chosen:
        at, values = series.samples(earliest, latest)
        index = np.searchsorted(at, moments, side="right") - 1
        found = np.maximum(index, 0)
        age = moments - at[found]
        fresh = age <= frame.lookback if frame.dialect is Dialect.V2 else age < frame.lookback
        present = (index >= 0) & fresh & ~_stale(values)[found]
        rows.append((series.labels, at[found] / 1000 if timestamps else values[found], present))
    return Vector.of(rows, len(times))


def _stale(values: Floats) -> Bools:
    result: Bools = values.view(np.uint64) == np.uint64(STALE_BITS)
    return result


def range_vector(frame: Frame, times: Ints, selector: ast.MatrixSelector) -> RangeVector:
    """Evaluate a range selector."""
    inner = selector.vector_selector
    ends = reference_times(frame, times, inner.offset, inner.at)
    length = milliseconds(selector.range)
    earliest, latest = int(ends.min()) - length, int(ends.max())
    result = RangeVector([], ends - length, ends, length)
    total = 0
    for series in _select(frame, inner, earliest, latest):
        at, values = series.samples(earliest, latest)
        live = ~_stale(values)
        windows = cut(frame, series.labels, at[live], values[live], result)
        total += int(windows.counts.max(initial=0)) + len(times)
        check_size(frame, total)
        if windows.counts.any():
            result.series.append(windows)
    return result


def cut(
    frame: Frame,
    labels: tuple[tuple[str, str], ...],
    times: Ints,
    values: Floats,
    windows: RangeVector,
) -> RangeSeries:
    """Find the samples of one series that lie in each window."""
    closed = frame.dialect is Dialect.V2
    low = np.searchsorted(times, windows.starts, side="left" if closed else "right")
    high = np.searchsorted(times, windows.ends, side="right")
    return RangeSeries(labels, times, values, low, np.maximum(low, high))


def subquery_times(frame: Frame, windows: RangeVector, step: int) -> Ints:
    """Return when a subquery's expression is evaluated: at multiples of `step` inside the windows."""
    earliest, latest = int(windows.starts.min()), int(windows.ends.max())
    first = -(-earliest // step) * step
    if frame.dialect is Dialect.V3 and first == earliest:
        first += step
    return np.arange(first, latest + 1, step, dtype=np.int64)


def check_size(frame: Frame, samples: int) -> None:
    """Refuse what would need too much memory."""
    if samples > frame.max_samples:
        raise ExecutionFailed(
            "query processing would load too many samples into memory in query execution"
        )
