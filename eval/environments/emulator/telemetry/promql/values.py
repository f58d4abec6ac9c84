"""What expressions evaluate to. All steps of a range query are evaluated at once, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from eval.environments.emulator.telemetry.promql.errors import ExecutionFailed
from eval.environments.emulator.telemetry.series import NAME, Labels

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SAME_LABELS = "vector cannot contain metrics with the same labelset"


class Dialect(Enum):
    """Which major version's semantics to follow.

    V2: ranges and the lookback window include their start, [t-range, t]. V3: they do not,
    (t-range, t], and `rate` caps its extrapolation before it looks for a counter's zero point.
    """

    V2 = 2
    V3 = 3


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number for each step."""

    values: Floats


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal."""

    value: str


@dataclass(frozen=True, slots=True)
class Vector:
    """An instant vector for each step: a row per series, a column per step.

    `present` says in which steps a series has a value (a value may be NaN).
    """

    labels: list[Labels]
    values: Floats
    present: Bools

    @classmethod
    def empty(cls, steps: int) -> Vector:
        """Return a vector without series."""
        return cls([], np.empty((0, steps)), np.empty((0, steps), dtype=bool))

    @classmethod
    def of(cls, rows: Sequence[tuple[Labels, Floats, Bools]], steps: int) -> Vector:
        """Stack rows; those that are never present are left out."""
        kept = [row for row in rows if row[2].any()]
        if not kept:
            return cls.empty(steps)
        return cls(
            [row[0] for row in kept],
            np.stack([row[1] for row in kept]),
            np.stack([row[2] for row in kept]),
        )

    def take(self, rows: Sequence[int]) -> Vector:
        """Return the given rows, in that order."""
        index = np.array(rows, dtype=np.intp)
        return Vector([self.labels[row] for row in rows], self.values[index], self.present[index])


@dataclass(frozen=True, slots=True)
class RangeSeries:
    """The samples of one series, and for each step the window [low, high) of them.

    `times` are milliseconds. Staleness markers are not among the samples.
    """

    labels: Labels
    times: Ints
    values: Floats
    low: NDArray[np.intp]
    high: NDArray[np.intp]

    @property
    def counts(self) -> NDArray[np.intp]:
        """How many samples each window has."""
        return self.high - self.low

    def padded(self) -> tuple[NDArray[np.intp], Floats, Bools]:
        """Return the windows as rows of equal length: sample index, value, and whether it counts."""
        longest = max(1, int(self.counts.max(initial=0)))
        index = self.low[:, None] + np.arange(longest)
        inside = index < self.high[:, None]
        index = np.minimum(index, max(0, len(self.values) - 1))
        if not len(self.values):
            return index, np.zeros(index.shape), inside
        return index, self.values[index], inside


@dataclass(frozen=True, slots=True)
class RangeVector:
    """A range vector for each step: windows (start, end] or [start, end], in ms, `length` long."""

    series: list[RangeSeries]
    starts: Ints
    ends: Ints
    length: int


def in_any(present: Bools) -> Bools:
    """Return in which steps (columns) any of the rows is present."""
    result: Bools = np.logical_or.reduce(present, axis=0)
    return result


Value = Scalar | Text | Vector | RangeVector


def without_name(labels: Labels) -> Labels:
    """Return the labels without the metric name, as after any arithmetic."""
    return tuple(pair for pair in labels if pair[0] != NAME)


def labels_of(mapping: dict[str, str]) -> Labels:
    """Return a mapping as labels; empty values are no labels."""
    return tuple(sorted(pair for pair in mapping.items() if pair[1]))


def merged(vector: Vector, *, error: str = SAME_LABELS) -> Vector:
    """Join rows with the same labels; raise when two of them have a value in the same step."""
    if len(set(vector.labels)) == len(vector.labels):
        return vector
    rows: dict[Labels, list[int]] = {}
    for row, labels in enumerate(vector.labels):
        rows.setdefault(labels, []).append(row)
    joined = []
    for labels, same in rows.items():
        present = vector.present[same]
        if (present.sum(axis=0) > 1).any():
            raise ExecutionFailed(error)
        values = np.where(present, vector.values[same], 0.0).sum(axis=0)
        joined.append((labels, values, in_any(present)))
    return Vector.of(joined, vector.values.shape[1])


def show(labels: Iterable[tuple[str, str]]) -> str:
    """Write labels as Prometheus does in its messages."""
    inner = ", ".join(f'{name}="{_quoted(value)}"' for name, value in labels)
    return f"{{{inner}}}"


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
