"""Function calls by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import promql_parser as ast

from eval.environments.emulator.telemetry.promql import rates
from eval.environments.emulator.telemetry.promql.errors import BadQuery, ExecutionFailed
from eval.environments.emulator.telemetry.promql.histogram import histogram_quantile
from eval.environments.emulator.telemetry.promql.instant import (
    CALENDAR,
    MATH,
    larger,
    round_to,
    smaller,
)
from eval.environments.emulator.telemetry.promql.labels import (
    absent_labels,
    label_join,
    label_replace,
)
from eval.environments.emulator.telemetry.promql.over_time import (
    OVER_TIME,
    over_time,
    quantile_over_time,
)
from eval.environments.emulator.telemetry.promql.rates import Answer
from eval.environments.emulator.telemetry.promql.selectors import (
    Frame,
    instant_vector,
    matchers_of,
)
from eval.environments.emulator.telemetry.promql.values import (
    SAME_LABELS,
    Floats,
    Ints,
    RangeSeries,
    RangeVector,
    Scalar,
    Value,
    Vector,
    in_any,
    merged,
    without_name,
)
from eval.environments.emulator.telemetry.series import Labels


class Evaluates(Protocol):
    """What a function needs of the evaluator that calls it."""

    @property
    def frame(self) -> Frame:
        """The query."""
        ...

    @property
    def times(self) -> Ints:
        """The steps, in ms."""
        ...

    def vector(self, expr: ast.Expr) -> Vector:
        """Evaluate an instant vector."""
        ...

    def scalar(self, expr: ast.Expr) -> Scalar:
        """Evaluate a scalar."""
        ...

    def windows(self, expr: ast.Expr) -> RangeVector:
        """Evaluate a range vector."""
        ...

    def text(self, expr: ast.Expr) -> str:
        """Return a string literal."""
        ...


Args = list[ast.Expr]
PerSeries = Callable[[RangeSeries], Answer]


def call(on: Evaluates, expr: ast.Call) -> Value:
    """Evaluate a function call. Raises `PromQLError`."""
    name, args = expr.func.name, list(expr.args)
    if name in MATH:
        return _map(on.vector(args[0]), MATH[name])
    if name in CALENDAR:
        vector = on.vector(args[0]) if args else _single(on.times / 1000)
        return _map(vector, CALENDAR[name])
    if name in OVER_TIME:
        function = OVER_TIME[name]
        keep = name == "last_over_time"
        return _over(on, args[0], lambda series: over_time(function, series), keep_name=keep)
    if name in _CALLS:
        return _CALLS[name](on, args)
    raise BadQuery(f'parse error: function "{name}" is not supported by this server')


def _single(values: Floats) -> Vector:
    """Make a vector of one series without labels."""
    return Vector([()], values[None, :], np.ones((1, len(values)), dtype=bool))


def _map(vector: Vector, function: Callable[[Floats], Floats]) -> Vector:
    labels = [without_name(own) for own in vector.labels]
    return merged(Vector(labels, function(vector.values), vector.present))


def _over(on: Evaluates, expr: ast.Expr, function: PerSeries, *, keep_name: bool = False) -> Vector:
    """Apply a function to the windows of each series."""
    return _each(on.windows(expr), function, len(on.times), keep_name=keep_name)


def _each(
    windows: RangeVector, function: PerSeries, steps: int, *, keep_name: bool = False
) -> Vector:
    rows = []
    seen: set[Labels] = set()
    for series in windows.series:
        values, present = function(series)
        labels = series.labels if keep_name else without_name(series.labels)
        if not present.any():
            continue
        # unlike elsewhere it does not matter here whether they meet in one step
        if labels in seen:
            raise ExecutionFailed(SAME_LABELS)
        seen.add(labels)
        rows.append((labels, values, present))
    return Vector.of(rows, steps)


def _extrapolated(*, counter: bool, per_second: bool) -> Callable[[Evaluates, Args], Value]:
    def function(on: Evaluates, args: Args) -> Value:
        windows = on.windows(args[0])
        dialect = on.frame.dialect
        return _each(
            windows,
            lambda series: rates.extrapolated(
                windows, series, dialect, counter=counter, per_second=per_second
            ),
            len(on.times),
        )

    return function


def _windowed(function: PerSeries) -> Callable[[Evaluates, Args], Value]:
    return lambda on, args: _over(on, args[0], function)


def _deriv(series: RangeSeries) -> Answer:
    slope, _, ok = rates.regression(series, None)
    return slope, ok


def _predict_linear(on: Evaluates, args: Args) -> Value:
    ahead = on.scalar(args[1]).values

    def function(series: RangeSeries) -> Answer:
        slope, now, ok = rates.regression(series, on.times)
        return slope * ahead + now, ok

    return _over(on, args[0], function)


def _quantile_over_time(on: Evaluates, args: Args) -> Value:
    q = on.scalar(args[0]).values
    return _over(on, args[1], lambda series: quantile_over_time(series, q))


def _absent(on: Evaluates, args: Args) -> Value:
    there = in_any(on.vector(args[0]).present)
    return Vector.of([(_pinned(args[0]), np.ones(len(there)), ~there)], len(there))


def _absent_over_time(on: Evaluates, args: Args) -> Value:
    there = np.zeros(len(on.times), dtype=bool)
    for series in on.windows(args[0]).series:
        there |= series.counts > 0
    return Vector.of([(_pinned(args[0]), np.ones(len(there)), ~there)], len(there))


def _pinned(expr: ast.Expr) -> Labels:
    selector = _bare(expr)
    if isinstance(selector, ast.MatrixSelector):
        selector = selector.vector_selector
    return absent_labels(matchers_of(selector)) if isinstance(selector, ast.VectorSelector) else ()


def _bare(expr: ast.Expr) -> ast.Expr:
    while isinstance(expr, ast.ParenExpr):
        expr = expr.expr
    return expr


def _clamp(on: Evaluates, args: Args) -> Value:
    low, high = on.scalar(args[1]).values, on.scalar(args[2]).values
    vector = _map(on.vector(args[0]), lambda v: larger(low, smaller(high, v)))
    sane = ~(high < low)
    rows = zip(vector.labels, vector.values, vector.present & sane, strict=True)
    return Vector.of(list(rows), len(on.times))


def _clamp_min(on: Evaluates, args: Args) -> Value:
    low = on.scalar(args[1]).values
    return _map(on.vector(args[0]), lambda v: larger(low, v))


def _clamp_max(on: Evaluates, args: Args) -> Value:
    high = on.scalar(args[1]).values
    return _map(on.vector(args[0]), lambda v: smaller(high, v))


def _round(on: Evaluates, args: Args) -> Value:
    unit = on.scalar(args[1]).values if len(args) > 1 else np.ones(len(on.times))
    return _map(on.vector(args[0]), lambda values: round_to(values, unit))


def _timestamp(on: Evaluates, args: Args) -> Value:
    selector = _bare(args[0])
    if isinstance(selector, ast.VectorSelector):
        vector = instant_vector(on.frame, on.times, selector, timestamps=True)
        return _map(vector, lambda values: values)
    now = on.times / 1000
    return _map(on.vector(args[0]), lambda values: np.broadcast_to(now, values.shape))


def _scalar(on: Evaluates, args: Args) -> Value:
    vector = on.vector(args[0])
    if not vector.labels:
        return Scalar(np.full(len(on.times), np.nan))
    alone = vector.present.sum(axis=0) == 1
    values = np.where(vector.present, vector.values, 0.0).sum(axis=0)
    return Scalar(np.where(alone, values, np.nan))


def _sorted(on: Evaluates, args: Args, *, descending: bool) -> Value:
    """Sort by value, NaN last; of a range query only the (irrelevant) first step counts."""
    vector = on.vector(args[0])
    if not vector.labels:
        return vector
    first = vector.values[:, 0]
    order = np.lexsort((-first if descending else first, np.isnan(first)))
    return vector.take(order.tolist())


def _label_replace(on: Evaluates, args: Args) -> Value:
    target, replacement, source, pattern = (on.text(arg) for arg in args[1:])
    return label_replace(on.vector(args[0]), target, replacement, source, pattern)


def _label_join(on: Evaluates, args: Args) -> Value:
    target, separator, *sources = (on.text(arg) for arg in args[1:])
    return label_join(on.vector(args[0]), target, separator, sources)


_CALLS: dict[str, Callable[[Evaluates, Args], Value]] = {
    "absent": _absent,
    "absent_over_time": _absent_over_time,
    "changes": _windowed(lambda series: rates.count_steps(series, only_down=False)),
    "clamp": _clamp,
    "clamp_max": _clamp_max,
    "clamp_min": _clamp_min,
    "delta": _extrapolated(counter=False, per_second=False),
    "deriv": _windowed(_deriv),
    "histogram_quantile": lambda on, args: histogram_quantile(
        on.scalar(args[0]), on.vector(args[1])
    ),
    "idelta": _windowed(lambda series: rates.instantaneous(series, per_second=False)),
    "increase": _extrapolated(counter=True, per_second=False),
    "irate": _windowed(lambda series: rates.instantaneous(series, per_second=True)),
    "label_join": _label_join,
    "label_replace": _label_replace,
    "pi": lambda on, args: Scalar(np.full(len(on.times), np.pi)),
    "predict_linear": _predict_linear,
    "quantile_over_time": _quantile_over_time,
    "rate": _extrapolated(counter=True, per_second=True),
    "resets": _windowed(lambda series: rates.count_steps(series, only_down=True)),
    "round": _round,
    "scalar": _scalar,
    "sort": lambda on, args: _sorted(on, args, descending=False),
    "sort_desc": lambda on, args: _sorted(on, args, descending=True),
    "time": lambda on, args: Scalar(on.times / 1000),
    "timestamp": _timestamp,
    "vector": lambda on, args: _single(on.scalar(args[0]).values),
}
