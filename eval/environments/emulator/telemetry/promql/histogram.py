"""`histogram_quantile` over classic histograms (series with an `le` label)."""

from __future__ import annotations

import math

import numpy as np

from eval.environments.emulator.telemetry.promql.values import Bools, Floats, Scalar, Vector, in_any
from eval.environments.emulator.telemetry.series import NAME, Labels


def histogram_quantile(q: Scalar, vector: Vector) -> Vector:
    """Estimate the quantile of each histogram by linear interpolation inside a bucket."""
    steps = vector.values.shape[1]
    histograms: dict[Labels, list[tuple[float, int]]] = {}
    for row, labels in enumerate(vector.labels):
        bound = _upper_bound(dict(labels).get("le", ""))
        if bound is not None:
            key = tuple(p for p in labels if p[0] not in ("le", NAME))
            histograms.setdefault(key, []).append((bound, row))
    rows = []
    for labels, buckets in histograms.items():
        buckets.sort()
        bounds = np.array([bound for bound, _ in buckets])
        members = [row for _, row in buckets]
        values, present = _estimate(
            q.values, bounds, vector.values[members], vector.present[members]
        )
        rows.append((labels, values, present))
    return Vector.of(rows, steps)


def _upper_bound(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _estimate(q: Floats, bounds: Floats, counts: Floats, present: Bools) -> tuple[Floats, Bools]:
    """Estimate step by step: which buckets are there may change from one step to the next."""
    some = in_any(present)
    result = np.zeros(len(q))
    for step in np.flatnonzero(some):
        there = present[:, step]
        result[step] = _quantile(float(q[step]), bounds[there], counts[there, step])
    return result, some


def _quantile(q: float, bounds: Floats, counts: Floats) -> float:
    """Estimate one quantile from cumulative counts, in the order of their upper bounds."""
    if math.isnan(q):
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    if bounds[-1] != math.inf:
        return math.nan
    bounds, first = np.unique(bounds, return_index=True)
    cumulative = np.add.reduceat(counts, first)
    # a scrape may have seen buckets at slightly different times
    cumulative = np.fmax.accumulate(cumulative)
    total = float(cumulative[-1])
    if len(bounds) < 2 or total == 0 or math.isnan(total):
        return math.nan
    rank = q * total
    bucket = min(int(np.searchsorted(cumulative, rank, side="left")), len(bounds) - 1)
    if bucket == len(bounds) - 1:
        return float(bounds[-2])
    end, count = float(bounds[bucket]), float(cumulative[bucket])
    if bucket == 0:
        if end <= 0:
            return end
        start = 0.0
    else:
        start = float(bounds[bucket - 1])
        count -= float(cumulative[bucket - 1])
        rank -= float(cumulative[bucket - 1])
    return start + (end - start) * (rank / count) if count else math.nan
