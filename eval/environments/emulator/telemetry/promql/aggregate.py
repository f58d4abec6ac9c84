"""Aggregation operators: many series of a step become few."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from eval.environments.emulator.telemetry.promql.errors import ExecutionFailed
from eval.environments.emulator.telemetry.promql.formats import positional
from eval.environments.emulator.telemetry.promql.over_time import quantiles
from eval.environments.emulator.telemetry.promql.values import (
    Bools,
    Floats,
    Scalar,
    Vector,
    in_any,
    labels_of,
)
from eval.environments.emulator.telemetry.series import NAME, Labels

Reduce = Callable[[Floats, Bools], Floats]
"""The rows of one group (series × steps), and where they are present, to one row."""


def _sum(values: Floats, present: Bools) -> Floats:
    result: Floats = np.where(present, values, 0.0).sum(axis=0)
    return result


def _avg(values: Floats, present: Bools) -> Floats:
    result: Floats = _sum(values, present) / present.sum(axis=0)
    return result


def _variance(values: Floats, present: Bools) -> Floats:
    # counted from the first value, so that equal values have no deviation at all
    first = np.take_along_axis(values, np.argmax(present, axis=0)[None, :], axis=0)
    values = values - first
    distance = np.where(present, values - _avg(values, present), 0.0)
    result: Floats = (distance**2).sum(axis=0) / present.sum(axis=0)
    return result


def _deviation(values: Floats, present: Bools) -> Floats:
    return np.sqrt(_variance(values, present))


def _min(values: Floats, present: Bools) -> Floats:
    result: Floats = np.fmin.reduce(np.where(present, values, np.nan), axis=0)
    return result


def _max(values: Floats, present: Bools) -> Floats:
    result: Floats = np.fmax.reduce(np.where(present, values, np.nan), axis=0)
    return result


def _count(values: Floats, present: Bools) -> Floats:
    result: Floats = present.sum(axis=0).astype(np.float64)
    return result


def _group(values: Floats, present: Bools) -> Floats:
    return np.ones(values.shape[1])


REDUCE: dict[str, Reduce] = {
    "sum": _sum,
    "avg": _avg,
    "min": _min,
    "max": _max,
    "count": _count,
    "group": _group,
    "stddev": _deviation,
    "stdvar": _variance,
}


def groups_of(vector: Vector, names: Collection[str], *, without: bool) -> dict[Labels, list[int]]:
    """Return the rows of each group, groups in the order in which they are first seen."""
    wanted = frozenset(names)
    found: dict[Labels, list[int]] = {}
    for row, labels in enumerate(vector.labels):
        if without:
            key = tuple(p for p in labels if p[0] not in wanted and p[0] != NAME)
        else:
            key = tuple(p for p in labels if p[0] in wanted)
        found.setdefault(key, []).append(row)
    return found


def reduce(vector: Vector, groups: dict[Labels, list[int]], function: Reduce) -> Vector:
    """Make one row of each group."""
    rows = []
    for labels, members in groups.items():
        present = vector.present[members]
        rows.append((labels, function(vector.values[members], present), in_any(present)))
    return Vector.of(rows, vector.values.shape[1])


def quantile(vector: Vector, groups: dict[Labels, list[int]], q: Scalar) -> Vector:
    """Compute the `quantile` aggregation."""

    def function(values: Floats, present: Bools) -> Floats:
        return quantiles(q.values, values.T, present.T)

    return reduce(vector, groups, function)


def extremes(
    vector: Vector, groups: dict[Labels, list[int]], k: Scalar, *, largest: bool
) -> Vector:
    """Compute `topk` or `bottomk`: whole series are kept, best first. NaN counts as worst."""
    if bool((~np.isfinite(k.values)).any()) or bool((np.abs(k.values) >= 2**63).any()):
        worst = next(v for v in k.values.tolist() if not abs(v) < 2**63)
        raise ExecutionFailed(f"Scalar value {positional(worst)} overflows int64")
    wanted = np.trunc(k.values)
    rows: list[int] = []
    kept = np.zeros_like(vector.present)
    for members in groups.values():
        values, present = vector.values[members], vector.present[members]
        key = np.where(np.isnan(values), np.inf, -values if largest else values)
        # three ranks: a number, NaN, absent
        tier = np.where(present, np.where(np.isnan(values), 1, 0), 2)
        order = np.lexsort((key, tier), axis=0)
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(len(members))[:, None], axis=0)
        kept[members] = present & (ranks < wanted)
        rows.extend(members[row] for row in order[:, 0])
    chosen = Vector(vector.labels, vector.values, kept)
    return chosen.take([row for row in rows if kept[row].any()])


def count_values(vector: Vector, label: str, names: Collection[str], *, without: bool) -> Vector:
    """Count, for each group, how often each value occurs; the value becomes `label`."""
    wanted = frozenset(names)
    counts: dict[Labels, Floats] = {}
    steps = vector.values.shape[1]
    for labels, values, present in zip(vector.labels, vector.values, vector.present, strict=True):
        kept = {
            name: value
            for name, value in labels
            if (name not in wanted and name != NAME if without else name in wanted)
        }
        numbers = values[present]
        for number in set(numbers[~np.isnan(numbers)].tolist()):
            key = labels_of({**kept, label: positional(number)})
            counts[key] = counts.get(key, np.zeros(steps)) + (present & (values == number))
        if np.isnan(numbers).any():
            key = labels_of({**kept, label: "NaN"})
            counts[key] = counts.get(key, np.zeros(steps)) + (present & np.isnan(values))
    return Vector.of([(labels, row, row > 0) for labels, row in counts.items()], steps)
