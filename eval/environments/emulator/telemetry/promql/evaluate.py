"""Walks a parsed expression and evaluates it for all steps at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import promql_parser as ast

from eval.environments.emulator.telemetry.promql import aggregate, binary
from eval.environments.emulator.telemetry.promql.errors import BadQuery, ExecutionFailed
from eval.environments.emulator.telemetry.promql.functions import call
from eval.environments.emulator.telemetry.promql.labels import valid_label
from eval.environments.emulator.telemetry.promql.selectors import (
    Frame,
    check_size,
    cut,
    instant_vector,
    milliseconds,
    range_vector,
    reference_times,
    subquery_times,
)
from eval.environments.emulator.telemetry.promql.values import (
    Ints,
    RangeVector,
    Scalar,
    Text,
    Value,
    Vector,
    merged,
    without_name,
)


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates expressions at `times` (ms, ascending)."""

    frame: Frame
    times: Ints

    def value(self, expr: ast.Expr) -> Value:
        """Evaluate any expression. Raises `PromQLError`."""
        match expr:
            case ast.ParenExpr():
                return self.value(expr.expr)
            case ast.NumberLiteral():
                return Scalar(np.full(len(self.times), expr.val))
            case ast.StringLiteral():
                return Text(expr.val)
            case ast.VectorSelector():
                return instant_vector(self.frame, self.times, expr)
            case ast.MatrixSelector():
                return range_vector(self.frame, self.times, expr)
            case ast.SubqueryExpr():
                return self._subquery(expr)
            case ast.UnaryExpr():
                return self._negated(expr)
            case ast.BinaryExpr():
                return self._binary(expr)
            case ast.AggregateExpr():
                return self._aggregate(expr)
            case ast.Call():
                return call(self, expr)
            case _:
                raise ExecutionFailed(f"{type(expr).__name__} is not supported by this server")

    def vector(self, expr: ast.Expr) -> Vector:
        """Evaluate an expression that the parser has checked to be an instant vector."""
        value = self.value(expr)
        if not isinstance(value, Vector):
            raise BadQuery("parse error: expected type instant vector")
        return value

    def scalar(self, expr: ast.Expr) -> Scalar:
        """Evaluate an expression that the parser has checked to be a scalar."""
        value = self.value(expr)
        if not isinstance(value, Scalar):
            raise BadQuery("parse error: expected type scalar")
        return value

    def windows(self, expr: ast.Expr) -> RangeVector:
        """Evaluate an expression that the parser has checked to be a range vector."""
        value = self.value(expr)
        if not isinstance(value, RangeVector):
            raise BadQuery("parse error: expected type range vector")
        return value

    def text(self, expr: ast.Expr) -> str:
        """Return the string of a literal."""
        value = self.value(expr)
        if not isinstance(value, Text):
            raise BadQuery("parse error: expected type string")
        return value.value

    def _subquery(self, expr: ast.SubqueryExpr) -> RangeVector:
        ends = reference_times(self.frame, self.times, expr.offset, expr.at)
        length = milliseconds(expr.range)
        step = milliseconds(expr.step) or self.frame.subquery_step
        result = RangeVector([], ends - length, ends, length)
        times = subquery_times(self.frame, result, step)
        if not len(times):
            return result
        check_size(self.frame, len(times))
        inner = Evaluator(self.frame, times).value(expr.expr)
        if isinstance(inner, Scalar):
            inner = Vector([()], inner.values[None, :], np.ones((1, len(times)), dtype=bool))
        if not isinstance(inner, Vector):
            raise BadQuery("parse error: subquery is only allowed on instant vector")
        for labels, values, present in zip(inner.labels, inner.values, inner.present, strict=True):
            series = cut(self.frame, labels, times[present], values[present], result)
            if series.counts.any():
                result.series.append(series)
        return result

    def _negated(self, expr: ast.UnaryExpr) -> Value:
        value = self.value(expr.expr)
        if isinstance(value, Scalar):
            return Scalar(-value.values)
        if isinstance(value, Vector):
            labels = [without_name(own) for own in value.labels]
            return merged(Vector(labels, -value.values, value.present))
        raise BadQuery("parse error: unary expression only allowed on scalar or instant vector")

    def _binary(self, expr: ast.BinaryExpr) -> Value:
        op = str(expr.op)
        left, right = self.value(expr.lhs), self.value(expr.rhs)
        as_bool = expr.modifier is not None and expr.modifier.return_bool
        drop_name = binary.drops_name(op, self.frame.dialect, as_bool=as_bool)
        if isinstance(left, Scalar) and isinstance(right, Scalar):
            return binary.scalars(op, left, right)
        if isinstance(left, Vector) and isinstance(right, Scalar):
            return binary.vector_scalar(
                op, left, right, swapped=False, as_bool=as_bool, drop_name=drop_name
            )
        if isinstance(left, Scalar) and isinstance(right, Vector):
            return binary.vector_scalar(
                op, right, left, swapped=True, as_bool=as_bool, drop_name=drop_name
            )
        if isinstance(left, Vector) and isinstance(right, Vector):
            matching = _matching(expr.modifier)
            if op in binary.SET_OPERATORS:
                return binary.set_operation(op, left, right, matching)
            return binary.vectors(op, left, right, matching, as_bool=as_bool, drop_name=drop_name)
        raise BadQuery(
            "parse error: binary expression must contain only scalar and instant vector types"
        )

    def _aggregate(self, expr: ast.AggregateExpr) -> Vector:
        op = str(expr.op)
        vector = self.vector(expr.expr)
        names = tuple(expr.modifier.labels) if expr.modifier else ()
        without = expr.modifier is not None and expr.modifier.type == ast.AggModifierType.Without
        if op == "count_values":
            label = self.text(_parameter(expr))
            if not valid_label(label):
                raise ExecutionFailed(f'invalid label name "{label}"')
            return aggregate.count_values(vector, label, names, without=without)
        groups = aggregate.groups_of(vector, names, without=without)
        if op in aggregate.REDUCE:
            return aggregate.reduce(vector, groups, aggregate.REDUCE[op])
        if op == "quantile":
            return aggregate.quantile(vector, groups, self.scalar(_parameter(expr)))
        if op in ("topk", "bottomk"):
            k = self.scalar(_parameter(expr))
            return aggregate.extremes(vector, groups, k, largest=op == "topk")
        raise BadQuery(f'parse error: aggregation "{op}" is not supported by this server')


def _parameter(expr: ast.AggregateExpr) -> ast.Expr:
    if not isinstance(expr.param, ast.Expr):
        raise BadQuery(f"parse error: {expr.op} needs a parameter")
    return expr.param


def _matching(modifier: ast.BinModifier | None) -> binary.Matching:
    """Translate the parser's matching clause."""
    if modifier is None:
        return binary.Matching()
    fill = modifier.fill_values
    if fill is not None and (fill.lhs is not None or fill.rhs is not None):
        raise BadQuery("parse error: fill modifiers are not supported by this server")
    card, many = modifier.card, ""
    if card == ast.VectorMatchCardinality.ManyToOne:
        many = "left"
    elif card == ast.VectorMatchCardinality.OneToMany:
        many = "right"
    clause = modifier.matching
    on = clause is not None and clause.type == ast.LabelModifierType.Include
    return binary.Matching(
        on=on,
        labels=tuple(clause.labels) if clause is not None else (),
        many=many,
        include=tuple(modifier.group_labels or ()),
    )
