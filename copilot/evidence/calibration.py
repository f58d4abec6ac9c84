"""From the strength of a cause's own evidence to a probability that people can rely on.

The noisy-OR odds of the ranking say how much better a cause explains what is seen than its rivals do, and
take every symptom for independent: with many symptoms they are near one for any cause that is upstream of
all. How often such a cause is right depends on what its own evidence says (`Candidate.strength`). That is
fitted, by `python -m benchmarks.engine_calibration`, to development cases and to answers at first sight;
the fit is the package's `calibration.json`.
"""

from __future__ import annotations

import json
import math
from functools import cache
from importlib.resources import files


@cache
def _fit() -> tuple[float, float]:
    """Return the weight of the strength's log-odds, and the constant."""
    text = files("copilot.evidence").joinpath("calibration.json").read_text("utf-8")
    found = json.loads(text)
    return (float(found["strength"]), float(found["constant"]))


def log_odds(strength: float) -> float:
    """Return the log-odds of a strength, 0 to 1, within four units."""
    held = min(max(strength, 0.018), 0.982)
    return math.log(held / (1 - held))


def calibrated(strength: float) -> float:
    """Return the probability, 0 to 1, that a cause with such evidence is right.

    A logistic function, as in Platt, "Probabilistic outputs for support vector machines", 1999.
    """
    weight, constant = _fit()
    return 1 / (1 + math.exp(-(weight * log_odds(strength) + constant)))
