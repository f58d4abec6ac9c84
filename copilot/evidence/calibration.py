"""From the ranking's own odds to a probability that people can rely on.

The noisy-OR odds say how much better a cause explains what is seen than its rivals do, and take
every symptom for independent: with many symptoms they are near one for any cause that is upstream
of all. How often such a cause is right depends on what its own evidence says (`Candidate.strength`)
and on its share against rivals. Both are fitted, by `python -m benchmarks.engine_calibration`, to
development cases only; the fit is the package's `calibration.json`.
"""

from __future__ import annotations

import json
import math
from functools import cache
from importlib.resources import files


@cache
def _fit() -> tuple[float, float, float]:
    """Return the weights of the strength's and the share's log-odds, and the constant."""
    text = files("copilot.evidence").joinpath("calibration.json").read_text("utf-8")
    found = json.loads(text)
    return (float(found["strength"]), float(found["share"]), float(found["constant"]))


def features(odds: float, strength: float) -> tuple[float, float]:
    """Return the log-odds of the strength and of the share against rivals, each within four units."""
    return _logit(strength), _logit(odds)


def calibrated(odds: float, strength: float) -> float:
    """Return the probability, 0 to 1, that a cause is right; `odds` is its share against rivals.

    A logistic function of both, as in Platt, "Probabilistic outputs for support vector machines",
    1999, with more than one score.
    """
    a, b, c = _fit()
    one, other = features(odds, strength)
    return 1 / (1 + math.exp(-(a * one + b * other + c)))


def _logit(share: float) -> float:
    held = min(max(share, 0.018), 0.982)
    return math.log(held / (1 - held))
