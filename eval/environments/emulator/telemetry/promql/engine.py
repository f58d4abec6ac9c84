"""The query engine: text in, series out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import promql_parser as ast

from eval.environments.emulator.telemetry.matchers import Matcher
from eval.environments.emulator.telemetry.promql.errors import BadQuery, ExecutionFailed
from eval.environments.emulator.telemetry.promql.evaluate import Evaluator
from eval.environments.emulator.telemetry.promql.selectors import Frame, matchers_of
from eval.environments.emulator.telemetry.promql.values import (
    Dialect,
    Floats,
    Ints,
    Scalar,
    Text,
    Value,
    Vector,
)
from eval.environments.emulator.telemetry.series import Labels, SeriesStore, to_ms

MAX_POINTS = 11_000
"""How many points a range query may have per series, as in Prometheus."""

_MAX_LENGTH = 50_000
_MAX_DEPTH = 200

Points = list[tuple[int, float]]
"""(Unix milliseconds, value)"""


@dataclass(frozen=True, slots=True)
class Answer:
    """A query's result: `type` is "vector", "matrix", "scalar" or "string".

    A vector's series have one point each; a scalar is one series without labels.
    """

    type: str
    series: list[tuple[Labels, Points]]
    text: str = ""


class Engine:
    """Evaluates PromQL over a store. `lookback` and `subquery_step` (the default one) are seconds."""

    def __init__(
        self,
        store: SeriesStore,
        *,
        dialect: Dialect = Dialect.V2,
        lookback: float = 300.0,
        subquery_step: float = 60.0,
        max_samples: int = 50_000_000,
    ) -> None:
        self._store = store
        self._dialect = dialect
        self._lookback = to_ms(lookback)
        self._subquery_step = to_ms(subquery_step)
        self._max_samples = max_samples

    def instant(self, expression: str, at: float) -> Answer:
        """Evaluate at `at` Unix seconds. Raises `PromQLError`."""
        moment = to_ms(at)
        value = self._evaluate(parse(expression), np.array([moment], dtype=np.int64), moment)
        match value:
            case Text():
                return Answer("string", [((), [(moment, 0.0)])], value.value)
            case Scalar():
                return Answer("scalar", [((), [(moment, float(value.values[0]))])])
            case Vector():
                return Answer(
                    "vector",
                    [
                        (labels, [(moment, float(row[0]))])
                        for labels, row in zip(value.labels, value.values, strict=True)
                    ],
                )
            case _:
                matrix = [
                    (s.labels, _points(s.times[s.low[0] : s.high[0]], s.values[s.low[0] :]))
                    for s in value.series
                ]
                return Answer("matrix", sorted(matrix, key=lambda row: row[0]))

    def range(self, expression: str, start: float, end: float, step: float) -> Answer:
        """Evaluate every `step` seconds from `start` to `end` Unix seconds. Raises `PromQLError`."""
        first, last, every = to_ms(start), to_ms(end), to_ms(step)
        if last < first:
            raise BadQuery('invalid parameter "end": end timestamp must not be before start time')
        if every <= 0:
            raise BadQuery(
                'invalid parameter "step": zero or negative query resolution step widths are not '
                "accepted. Try a positive integer"
            )
        if (last - first) // every > MAX_POINTS:
            raise BadQuery(
                "exceeded maximum resolution of 11,000 points per timeseries. "
                "Try decreasing the query resolution (?step=XX)"
            )
        times = np.arange(first, last + 1, every, dtype=np.int64)
        value = self._evaluate(parse(expression), times, last)
        if isinstance(value, Scalar):
            return Answer("matrix", [((), _points(times, value.values))])
        if not isinstance(value, Vector):
            kind = "string" if isinstance(value, Text) else "range vector"
            raise BadQuery(
                f'invalid parameter "query": invalid expression type "{kind}" for range query, '
                "must be Scalar or instant Vector"
            )
        rows = [
            (labels, _points(times[there], row[there]))
            for labels, row, there in zip(value.labels, value.values, value.present, strict=True)
        ]
        return Answer("matrix", sorted(rows, key=lambda row: row[0]))

    def _evaluate(self, expr: ast.Expr, times: Ints, end: int) -> Value:
        frame = Frame(
            self._store,
            int(times[0]),
            end,
            self._dialect,
            self._lookback,
            self._subquery_step,
            self._max_samples,
        )
        try:
            with np.errstate(all="ignore"):
                return Evaluator(frame, times).value(expr)
        except RecursionError as error:
            raise ExecutionFailed("the expression is nested too deeply") from error


def _points(times: Ints, values: Floats) -> Points:
    return list(zip(times.tolist(), values[: len(times)].tolist(), strict=True))


@lru_cache(maxsize=256)
def parse(expression: str) -> ast.Expr:
    """Parse PromQL. Raises `BadQuery` with the parser's own text."""
    if len(expression) > _MAX_LENGTH or _depth(expression) > _MAX_DEPTH:
        raise BadQuery('invalid parameter "query": parse error: the expression is too long or deep')
    try:
        return ast.parse(expression)
    except ValueError as error:
        raise BadQuery(f'invalid parameter "query": parse error: {error}') from error


def parse_selector(text: str) -> list[Matcher]:
    """Parse a series selector such as `up{job="x"}`. Raises `BadQuery`."""
    expr = parse(text)
    if not isinstance(expr, ast.VectorSelector) or expr.offset is not None or expr.at is not None:
        raise BadQuery(f'invalid parameter "match[]": parse error: not a series selector: {text}')
    return matchers_of(expr)


def _depth(expression: Iterable[str]) -> int:
    """Return how deeply parentheses are nested, counting those in strings too."""
    deepest = depth = 0
    for char in expression:
        if char == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif char == ")":
            depth -= 1
    return deepest
