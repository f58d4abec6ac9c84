"""Measures of a ranking against its relevant documents, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

Judged = Mapping[str, float]
"""How relevant each relevant document is: 1 and more; what is not named is not relevant."""

NAMES = ("R@1", "R@3", "R@5", "MRR", "nDCG@10")


def measures(ranking: Sequence[str], judged: Judged) -> tuple[float, ...]:
    """Return recall at 1, 3 and 5, the reciprocal rank of the first, and nDCG at 10.

    Recall at k counts against the most that k places could hold.
    """
    hits = [judged.get(document, 0.0) for document in ranking]
    recalls = [sum(1 for gain in hits[:k] if gain > 0) / min(k, len(judged)) for k in (1, 3, 5)]
    first = next((1 / place for place, gain in enumerate(hits, 1) if gain > 0), 0.0)
    best = _gain(sorted(judged.values(), reverse=True))
    return (*recalls, first, _gain(hits) / best if best else 0.0)


def _gain(gains: Sequence[float]) -> float:
    return sum((2**gain - 1) / math.log2(place + 1) for place, gain in enumerate(gains[:10], 1))


def interval(values: Sequence[float], rounds: int = 1000, seed: int = 0) -> tuple[float, float]:
    """Return the bootstrap 95 % interval of a mean."""
    data = np.asarray(values)
    chance = np.random.default_rng(seed)
    means = data[chance.integers(0, len(data), (rounds, len(data)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
