"""Aggregations over time: each window of a series becomes one number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from eval.environments.emulator.telemetry.promql.rates import Answer
from eval.environments.emulator.telemetry.promql.values import Bools, Floats, RangeSeries

OverTime = Callable[[Floats, Bools], Floats]
"""Windows as rows of a table, and which of its cells count, to one number per row."""


def _sum(values: Floats, inside: Bools) -> Floats:
    """Add with Neumaier's compensation, as Prometheus does; the plain sum where it is not finite."""
    values = np.where(inside, values, 0.0)
    plain: Floats = values.sum(axis=1)
    # compensation only shows where large terms cancel
    if not (np.abs(values).sum(axis=1) > 1e3 * np.abs(plain)).any():
        return plain
    total, lost = np.zeros(len(values)), np.zeros(len(values))
    for column in values.T:
        added = total + column
        bigger = np.abs(total) >= np.abs(column)
        lost += np.where(bigger, (total - added) + column, (column - added) + total)
        total = added
    return np.where(np.isfinite(total), total + lost, plain)


def _avg(values: Floats, inside: Bools) -> Floats:
    result: Floats = _sum(values, inside) / inside.sum(axis=1)
    return result


def _variance(values: Floats, inside: Bools) -> Floats:
    # counted from the first value, so that equal values have no deviation at all
    values = values - values[:, :1]
    mean = _avg(values, inside)
    squares = np.where(inside, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
    result: Floats = squares / inside.sum(axis=1)
    return result


def _deviation(values: Floats, inside: Bools) -> Floats:
    return np.sqrt(_variance(values, inside))


def _min(values: Floats, inside: Bools) -> Floats:
    result: Floats = np.fmin.reduce(np.where(inside, values, np.nan), axis=1)
    return result


def _max(values: Floats, inside: Bools) -> Floats:
    result: Floats = np.fmax.reduce(np.where(inside, values, np.nan), axis=1)
    return result


def _count(values: Floats, inside: Bools) -> Floats:
    result: Floats = inside.sum(axis=1).astype(np.float64)
    return result


def _last(values: Floats, inside: Bools) -> Floats:
    index = np.maximum(inside.sum(axis=1) - 1, 0)
    result: Floats = values[np.arange(len(values)), index]
    return result


def _present(values: Floats, inside: Bools) -> Floats:
    return np.ones(len(values))


OVER_TIME: dict[str, OverTime] = {
    "avg_over_time": _avg,
    "count_over_time": _count,
    "last_over_time": _last,
    "max_over_time": _max,
    "min_over_time": _min,
    "present_over_time": _present,
    "stddev_over_time": _deviation,
    "stdvar_over_time": _variance,
    "sum_over_time": _sum,
}


def over_time(function: OverTime, series: RangeSeries) -> Answer:
    """Apply a function of `OVER_TIME`; a window without samples gives nothing."""
    ok = series.counts > 0
    if not ok.any():
        return np.zeros(len(ok)), ok
    _, values, inside = series.padded()
    return function(values, inside), ok


def quantile_over_time(series: RangeSeries, q: Floats) -> Answer:
    """Compute the quantile `q` (one for each step) of each window."""
    ok = series.counts > 0
    if not ok.any():
        return np.zeros(len(ok)), ok
    _, values, inside = series.padded()
    return quantiles(q, values, inside), ok


def quantiles(q: Floats, values: Floats, inside: Bools) -> Floats:
    """Return the quantile of each row's cells that count, interpolated; NaN sorts lowest."""
    n = inside.sum(axis=1)
    # absent cells last, NaN first: NumPy sorts NaN last, so sort ranks by hand for such rows
    ordered = np.sort(np.where(inside, values, np.inf), axis=1)
    for row in np.flatnonzero((np.isnan(values) & inside).any(axis=1)):
        cells = values[row][inside[row]]
        nan = np.isnan(cells)
        ordered[row, : len(cells)] = np.concatenate([cells[nan], np.sort(cells[~nan])])
    rank = np.nan_to_num(q * (n - 1), nan=0.0, posinf=0.0, neginf=0.0)
    low = np.clip(np.floor(rank), 0, np.maximum(n - 1, 0)).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(n - 1, 0))
    weight = rank - np.floor(rank)
    rows = np.arange(len(ordered))
    result = ordered[rows, low] * (1 - weight) + ordered[rows, high] * weight
    result = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, result))
    return np.where(np.isnan(q) | (n == 0), np.nan, result)
