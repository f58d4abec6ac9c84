"""Functions over windows that look at neighbours and slopes: rate and its relatives."""

from __future__ import annotations

import numpy as np

from eval.environments.emulator.telemetry.promql.values import (
    Bools,
    Dialect,
    Floats,
    Ints,
    RangeSeries,
    RangeVector,
)

Answer = tuple[Floats, Bools]
"""For each step a value, and whether there is one."""


def _edges(series: RangeSeries) -> tuple[Ints, Ints, Floats, Floats]:
    """Return times (ms) and values of the first and last sample of each window."""
    first = np.minimum(series.low, len(series.times) - 1)
    last = np.maximum(series.high - 1, 0)
    return (
        series.times[first],
        series.times[last],
        series.values[first],
        series.values[last],
    )


def extrapolated(
    windows: RangeVector, series: RangeSeries, dialect: Dialect, *, counter: bool, per_second: bool
) -> Answer:
    """Compute `rate` (counter, per second), `increase` (counter) or `delta`, as Prometheus does.

    The change between the first and the last sample is extended to the borders of the window, at
    most by half the average distance of samples where the series seems to begin or end inside it.
    """
    counts = series.counts
    ok = counts >= 2
    if not ok.any():
        return np.zeros(len(counts)), ok
    first_t, last_t, first_v, last_v = _edges(series)
    result = last_v - first_v
    if counter:
        result = _add_resets(series, result)
    to_start = (first_t - windows.starts) / 1000
    to_end = (windows.ends - last_t) / 1000
    sampled = (last_t - first_t) / 1000
    average = sampled / (counts - 1)
    threshold = average * 1.1
    if dialect is Dialect.V3:
        to_start = np.where(to_start >= threshold, average / 2, to_start)
    if counter:
        to_zero = sampled * (first_v / result)
        closer = (result > 0) & (first_v >= 0) & (to_zero < to_start)
        to_start = np.where(closer, to_zero, to_start)
    if dialect is Dialect.V2:
        to_start = np.where(to_start < threshold, to_start, average / 2)
    to_end = np.where(to_end < threshold, to_end, average / 2)
    factor = (sampled + to_start + to_end) / sampled
    if per_second:
        factor = factor / (windows.length / 1000)
    return result * factor, ok


def _add_resets(series: RangeSeries, result: Floats) -> Floats:
    """Add what a counter had reached before each of its resets inside the window."""
    drops = np.flatnonzero(series.values[1:] < series.values[:-1])
    for drop in drops:
        inside = (series.low <= drop) & (drop + 1 < series.high)
        result = np.where(inside, result + series.values[drop], result)
    return result


def instantaneous(series: RangeSeries, *, per_second: bool) -> Answer:
    """Compute `irate` (per second, counter resets respected) or `idelta` from the last two samples."""
    ok = series.counts >= 2
    if not ok.any():
        return np.zeros(len(ok)), ok
    last = np.maximum(series.high - 1, 1)
    before, now = series.values[last - 1], series.values[last]
    result = now - before
    if per_second:
        seconds = (series.times[last] - series.times[last - 1]) / 1000
        result = np.where(now < before, now, result) / seconds
    return result, ok


def count_steps(series: RangeSeries, *, only_down: bool) -> Answer:
    """Compute `changes`, or `resets` with `only_down`: how often neighbours differ."""
    before, now = series.values[:-1], series.values[1:]
    both_nan = np.isnan(before) & np.isnan(now)
    events = (now < before) if only_down else ((now != before) & ~both_nan)
    total = np.concatenate([[0], np.cumsum(events)]).astype(np.float64)
    ok = series.counts >= 1
    if not ok.any():
        return np.zeros(len(ok)), ok
    last = np.maximum(series.high - 1, 0)
    first = np.minimum(series.low, len(total) - 1)
    return total[last] - total[first], ok


def regression(series: RangeSeries, intercept_at: Ints | None) -> tuple[Floats, Floats, Bools]:
    """Fit a line by least squares; return slope per second, value at `intercept_at`, validity.

    Without `intercept_at` (ms, one for each step) time counts from each window's first sample.
    """
    ok = series.counts >= 2
    if not ok.any():
        nothing = np.zeros(len(ok))
        return nothing, nothing, ok
    index, y, inside = series.padded()
    origin = _edges(series)[0] if intercept_at is None else intercept_at
    x = np.where(inside, (series.times[index] - origin[:, None]) / 1000, 0.0)
    y = np.where(inside, y, 0.0)
    n = series.counts.astype(np.float64)
    sum_x, sum_y = x.sum(axis=1), y.sum(axis=1)
    covariance = (x * y).sum(axis=1) - sum_x * sum_y / n
    variance = (x * x).sum(axis=1) - sum_x * sum_x / n
    slope = covariance / variance
    intercept = sum_y / n - slope * sum_x / n
    start = y[:, 0]
    constant = ((y == start[:, None]) | ~inside).all(axis=1)
    flat = np.where(np.isinf(start), np.nan, 0.0)
    slope = np.where(constant, flat, slope)
    return slope, np.where(constant, start + flat, intercept), ok
