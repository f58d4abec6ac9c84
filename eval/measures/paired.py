"""Two agents on the same problems: is one better, or was it luck?"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

_DRAWS = 5000


@dataclass(frozen=True, slots=True)
class Paired:
    """`both` and `neither` agree; `only_first`, `only_second` differ. `p` is two-sided.

    `difference` is second minus first, `low` to `high` its 95 % interval over resampled problems.
    """

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float
    difference: float
    low: float
    high: float

    @property
    def worse(self) -> bool:
        """Whether the second is worse, beyond chance at 5 %."""
        return self.p < 0.05 and self.only_second < self.only_first

    @property
    def better(self) -> bool:
        """Whether the second is better, beyond chance at 5 %."""
        return self.p < 0.05 and self.only_second > self.only_first


def mcnemar(only_first: int, only_second: int) -> float:
    """McNemar's exact test (a binomial test of the pairs that differ): the two-sided p."""
    number = only_first + only_second
    if number == 0:
        return 1.0
    least = min(only_first, only_second)
    tail: float = sum(math.comb(number, k) for k in range(least + 1)) / 2**number
    return min(1.0, 2 * tail)


def compare(first: Sequence[bool], second: Sequence[bool]) -> Paired:
    """Compare successes of the same problems in the same order. Raises `ValueError` for none."""
    if len(first) != len(second) or not first:
        raise ValueError("paired results must be as many, and at least one")
    pairs = list(zip(first, second, strict=True))
    only_first = sum(a and not b for a, b in pairs)
    only_second = sum(b and not a for a, b in pairs)
    differences = [float(b) - float(a) for a, b in pairs]
    dice = random.Random(0)
    means = sorted(fmean(dice.choices(differences, k=len(pairs))) for _ in range(_DRAWS))
    low, high = (means[round(p * (_DRAWS - 1))] for p in (0.025, 0.975))
    return Paired(
        sum(a and b for a, b in pairs),
        only_first,
        only_second,
        sum(not a and not b for a, b in pairs),
        mcnemar(only_first, only_second),
        fmean(differences),
        low,
        high,
    )
