"""Uncertainty: intervals of shares and means. Everything is exact or seeded."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `number`, with a 95 % interval (Wilson's score interval)."""

    hits: int
    number: int

    @property
    def value(self) -> float | None:
        """The share, None of nothing."""
        return self.hits / self.number if self.number else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson (1927): holds for small numbers, and at 0 and 1."""
        return wilson(self.hits, self.number)


def wilson(hits: int, number: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share; all that is possible for nothing."""
    if number == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = hits / number
    middle = share + z * z / (2 * number)
    half = z * math.sqrt(share * (1 - share) / number + z * z / (4 * number * number))
    whole = 1 + z * z / number
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float, float]:
    """Return mean and bootstrap percentile interval; raises `ValueError` for no values."""
    if not values:
        raise ValueError("the mean of nothing")
    dice = random.Random(0)
    mean = fmean(values)
    if len(values) == 1:
        return mean, mean, mean
    means = sorted(fmean(dice.choices(values, k=len(values))) for _ in range(_DRAWS))
    tail = (1 - level) / 2
    low, high = (means[round(p * (_DRAWS - 1))] for p in (tail, 1 - tail))
    return mean, low, high
