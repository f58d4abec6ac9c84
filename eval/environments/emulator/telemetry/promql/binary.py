"""Binary operators on scalars and vectors, and how two vectors are matched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eval.environments.emulator.telemetry.promql.errors import BadQuery, ExecutionFailed
from eval.environments.emulator.telemetry.promql.values import (
    Bools,
    Dialect,
    Floats,
    Scalar,
    Vector,
    labels_of,
    merged,
    show,
    without_name,
)
from eval.environments.emulator.telemetry.series import NAME, Labels

ARITHMETIC: dict[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISONS: dict[str, Callable[[Floats, Floats], Bools]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
SET_OPERATORS = frozenset({"and", "or", "unless"})


@dataclass(frozen=True, slots=True)
class Matching:
    """How series of two vectors find each other.

    `on`: only `labels` count; else all but `labels` and the name. `many` is the side ("left",
    "right" or neither, "") that may have several series for one of the other side; `include` are
    labels that results take from that other side.
    """

    on: bool = False
    labels: tuple[str, ...] = ()
    many: str = ""
    include: tuple[str, ...] = ()

    def signature(self, labels: Labels) -> Labels:
        """Return the part of the labels that has to be equal."""
        if self.on:
            return tuple(p for p in labels if p[0] in self.labels)
        return tuple(p for p in labels if p[0] not in self.labels and p[0] != NAME)

    def result(self, many: Labels, one: Labels, *, drop_name: bool) -> Labels:
        """Return the labels of what a match of two series gives."""
        labels = dict(without_name(many) if drop_name else many)
        if not self.many:
            keep = {name for name in labels if (name in self.labels) is self.on}
            labels = {name: value for name, value in labels.items() if name in keep}
        if self.include:
            other = dict(one)
            labels.update({name: other.get(name, "") for name in self.include})
        return labels_of(labels)


def drops_name(op: str, dialect: Dialect, *, as_bool: bool) -> bool:
    """Whether results lose the metric name; 2.x forgot to drop it for `atan2`."""
    if op == "atan2" and dialect is Dialect.V2:
        return as_bool
    return op in ARITHMETIC or as_bool


def apply(op: str, left: Floats, right: Floats, *, as_bool: bool) -> tuple[Floats, Bools]:
    """Apply an operator to numbers; return the results and which of them a filter keeps.

    A comparison without `bool` gives the left number where it holds.
    """
    if op in ARITHMETIC:
        result = ARITHMETIC[op](left, right)
        return result, np.ones(result.shape, dtype=bool)
    if op not in COMPARISONS:
        raise BadQuery(f"unknown operator {op}")
    holds = COMPARISONS[op](left, right)
    if as_bool:
        return holds.astype(np.float64), np.ones(holds.shape, dtype=bool)
    return np.broadcast_to(left, holds.shape), holds


def scalars(op: str, left: Scalar, right: Scalar) -> Scalar:
    """Combine two scalars; comparisons give 0 or 1."""
    return Scalar(apply(op, left.values, right.values, as_bool=True)[0])


def vector_scalar(
    op: str, vector: Vector, scalar: Scalar, *, swapped: bool, as_bool: bool, drop_name: bool
) -> Vector:
    """Combine each series with a number; `swapped` says that the number stood on the left."""
    left, right = vector.values, np.broadcast_to(scalar.values, vector.values.shape)
    if swapped:
        left, right = right, left
    values, keep = apply(op, left, right, as_bool=as_bool)
    labels = [without_name(own) for own in vector.labels] if drop_name else vector.labels
    if op in COMPARISONS and not as_bool:
        values = vector.values
    return merged(_without_empty(Vector(labels, values, vector.present & keep)))


def set_operation(op: str, left: Vector, right: Vector, matching: Matching) -> Vector:
    """Compute `and`, `or`, `unless`, which look at the presence of series only."""
    steps = left.values.shape[1]
    base, other = (right, left) if op == "or" else (left, right)
    seen: dict[Labels, Bools] = {}
    for labels, present in zip(other.labels, other.present, strict=True):
        key = matching.signature(labels)
        seen[key] = seen[key] | present if key in seen else present
    nowhere = np.zeros(steps, dtype=bool)
    rows = []
    for labels, values, present in zip(base.labels, base.values, base.present, strict=True):
        there = seen.get(matching.signature(labels), nowhere)
        rows.append((labels, values, present & (there if op == "and" else ~there)))
    if op == "or":
        mine = zip(left.labels, left.values, left.present, strict=True)
        rows = [*mine, *rows]
    return merged(Vector.of(rows, steps))


def vectors(
    op: str, left: Vector, right: Vector, matching: Matching, *, as_bool: bool, drop_name: bool
) -> Vector:
    """Combine the series of two vectors that match, one to one or many to one."""
    many, one = (right, left) if matching.many == "right" else (left, right)
    steps = many.values.shape[1]
    both = many.present.any(axis=0) & one.present.any(axis=0)
    ones: dict[Labels, list[int]] = {}
    for row, labels in enumerate(one.labels):
        ones.setdefault(matching.signature(labels), []).append(row)
    for key, rows in ones.items():
        clash = (one.present[rows].sum(axis=0) > 1) & both
        if clash.any():
            _refuse_duplicates(one, rows, int(np.argmax(clash)), key, matching)
    pairs = [
        (row, partner)
        for row, labels in enumerate(many.labels)
        for partner in ones.get(matching.signature(labels), ())
    ]
    if not pairs:
        return Vector.empty(steps)
    index = np.array(pairs, dtype=np.intp)
    mine, partner = many.values[index[:, 0]], one.values[index[:, 1]]
    a, b = (partner, mine) if matching.many == "right" else (mine, partner)
    values, keep = apply(op, a, b, as_bool=as_bool)
    present = many.present[index[:, 0]] & one.present[index[:, 1]] & keep
    names = [matching.result(many.labels[m], one.labels[o], drop_name=drop_name) for m, o in pairs]
    signatures = [matching.signature(many.labels[m]) for m, _ in pairs]
    _check_unique(signatures, names, present, matching)
    return merged(_without_empty(Vector(names, values, present)))


def _without_empty(vector: Vector) -> Vector:
    return vector.take(np.flatnonzero(vector.present.any(axis=1)).tolist())


def _check_unique(
    signatures: list[Labels], names: list[Labels], present: Bools, matching: Matching
) -> None:
    """Refuse several results for one match group (one to one) or one result labelset."""
    groups: dict[tuple[Labels, Labels], list[int]] = {}
    for row, (key, name) in enumerate(zip(signatures, names, strict=True)):
        groups.setdefault((key, name if matching.many else ()), []).append(row)
    for rows in groups.values():
        if len(rows) > 1 and (present[rows].sum(axis=0) > 1).any():
            raise ExecutionFailed(
                "multiple matches for labels: grouping labels must ensure unique matches"
                if matching.many
                else "multiple matches for labels: many-to-one matching must be explicit "
                "(group_left/group_right)"
            )


def _refuse_duplicates(
    one: Vector, rows: list[int], step: int, key: Labels, matching: Matching
) -> None:
    first, second = [row for row in rows if one.present[row, step]][:2]
    side = "left" if matching.many == "right" else "right"
    raise ExecutionFailed(
        f"found duplicate series for the match group {show(key)} on the {side} hand-side of the "
        f"operation: [{show(one.labels[second])}, {show(one.labels[first])}];"
        "many-to-many matching not allowed: matching labels must be unique on one side"
    )
