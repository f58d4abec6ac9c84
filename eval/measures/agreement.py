"""Do two who judge the same things agree more than by chance?"""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa with its 95 % bootstrap interval, and the plain share of agreement."""

    kappa: float
    low: float
    high: float
    agreement: float
    number: int


def cohens_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float:
    """Cohen's kappa (1960): (observed − expected) / (1 − expected); 1 when both say one thing only.

    Raises `ValueError` for no pairs or unequal lengths.
    """
    if len(first) != len(second) or not first:
        raise ValueError("labels must come in pairs, and at least one")
    number = len(first)
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / number
    labels = {*first, *second}
    expected = sum(first.count(x) * second.count(x) for x in labels) / number**2
    return 1.0 if expected == 1 else (observed - expected) / (1 - expected)


def kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> Kappa:
    """Cohen's kappa with a percentile interval over resampled pairs. Raises `ValueError`."""
    value = cohens_kappa(first, second)
    pairs = list(zip(first, second, strict=True))
    dice = random.Random(0)
    drawn = []
    for _ in range(_DRAWS):
        sample = dice.choices(pairs, k=len(pairs))
        drawn.append(cohens_kappa([a for a, _ in sample], [b for _, b in sample]))
    drawn.sort()
    low, high = (drawn[round(p * (_DRAWS - 1))] for p in (0.025, 0.975))
    same = sum(a == b for a, b in pairs) / len(pairs)
    return Kappa(value, low, high, same, len(pairs))
