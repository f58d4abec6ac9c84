"""From the ranking's own odds to a probability that people can rely on.

The noisy-OR odds say how much better a cause explains what is seen than its rivals do, and take
every symptom for independent: with many symptoms they are near one for any cause that is upstream
of all. How often such a cause is right depends on what its own evidence says (`Candidate.strength`).
The curve is fitted to the development half of the benchmark's cases, isotonic as in Zadrozny and
Elkan, "Transforming classifier scores into accurate probabilities", 2002, and drawn towards the
middle, since no new system is quite like those.
"""

from __future__ import annotations

from itertools import pairwise

CURVE = ((0.0, 0.02), (0.25, 0.1), (0.4, 0.25), (0.5, 0.32), (0.6, 0.65), (0.7, 0.88), (1.0, 0.97))
"""Points (strength, probability of a cause without rivals), in between on a line."""


def calibrated(odds: float, strength: float) -> float:
    """Return the probability, 0 to 1, that a cause is right; `odds` is its share against rivals."""
    sure = min(max(strength, 0.0), 1.0)
    bottom, top = next((a, b) for a, b in pairwise(CURVE) if sure <= b[0])
    alone = bottom[1] + (top[1] - bottom[1]) * (sure - bottom[0]) / (top[0] - bottom[0])
    return alone * (0.5 + 0.5 * odds)
