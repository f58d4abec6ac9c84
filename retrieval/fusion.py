"""Several rankings to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def normalised(scores: Mapping[int, float]) -> dict[int, float]:
    """Return scores spread from 0 (the worst) to 1 (the best); equal ones are all 1."""
    if not scores:
        return {}
    low, high = min(scores.values()), max(scores.values())
    if high <= low:
        return dict.fromkeys(scores, 1.0)
    return {key: (score - low) / (high - low) for key, score in scores.items()}


def convex(parts: Sequence[tuple[float, Mapping[int, float]]]) -> dict[int, float]:
    """Return the weighted sum of the normalised (weight, scores) parts, 0 to 1.

    The weights add up to 1. What a part does not hold counts 0 there.
    """
    total: dict[int, float] = {}
    for weight, scores in parts:
        for key, score in normalised(scores).items():
            total[key] = total.get(key, 0.0) + weight * score
    return total
