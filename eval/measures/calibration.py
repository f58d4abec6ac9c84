"""Does "80 % sure" come true in 80 % of the cases?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

_BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of like confidence: its mean, the share that was right, and how many they are."""

    confidence: float
    right: float
    number: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """`ece` is the expected calibration error over ten bins, `brier` the mean squared error."""

    bins: tuple[Bin, ...]
    ece: float
    brier: float
    number: int


def calibration(answers: Sequence[tuple[float, bool]]) -> Calibration | None:
    """Measure (confidence, right) pairs; None for none."""
    if not answers:
        return None
    by_bin: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in answers:
        by_bin.setdefault(min(_BINS - 1, int(confidence * _BINS)), []).append((confidence, right))
    bins = tuple(
        Bin(fmean(c for c, _ in found), fmean(float(r) for _, r in found), len(found))
        for _, found in sorted(by_bin.items())
    )
    number = len(answers)
    return Calibration(
        bins,
        sum(b.number / number * abs(b.confidence - b.right) for b in bins),
        fmean((c - float(r)) ** 2 for c, r in answers),
        number,
    )
