"""From outcomes to measures: shares with Wilson intervals, and how well confidence is calibrated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

from eval.bench.case import Outcome

_Z = 1.959964
_BINS = 10


@dataclass(frozen=True, slots=True)
class Share:
    """k of n, with a 95 % interval (Wilson, "Probable inference", JASA 1927)."""

    k: int
    n: int

    @property
    def value(self) -> float:
        """The share, 0 where there is nothing."""
        return self.k / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound."""
        if not self.n:
            return (0.0, 1.0)
        p, n, z2 = self.value, self.n, _Z * _Z
        middle, half = p + z2 / (2 * n), _Z * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return (max(0.0, (middle - half) / (1 + z2 / n)), min(1.0, (middle + half) / (1 + z2 / n)))

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.k}/{self.n} {self.value:.2f} [{low:.2f}, {high:.2f}]"


def share(outcomes: Sequence[Outcome], test: Callable[[Outcome], bool]) -> Share:
    """Count the outcomes that pass."""
    return Share(sum(map(test, outcomes)), len(outcomes))


def measures(outcomes: Sequence[Outcome]) -> dict[str, Share]:
    """Return the measures by name; those about faults leave the healthy runs out."""
    faulty = [o for o in outcomes if o.kind]
    healthy = [o for o in outcomes if not o.kind]
    tried = [o for o in faulty if o.repaired is not None]
    found = {
        "detection recall": share(faulty, lambda o: o.detected),
        "localization acc@1": share(faulty, lambda o: o.placed),
        "localization acc@3": share(faulty, lambda o: o.placed_in_3),
        "cause at rank 1": share(faulty, lambda o: o.cause),
        "first mitigation works": share(tried, lambda o: bool(o.repaired)),
        "false alarms": share(healthy, lambda o: o.verdict == "incident"),
        "healthy, not called so": share(healthy, lambda o: not o.detected),
    }
    return {name: value for name, value in found.items() if value.n}


def calibration_error(pairs: Sequence[tuple[float, bool]]) -> float:
    """Return the expected calibration error over ten bins of equal width.

    Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
    for confidence, right in pairs:
        bins[min(int(confidence * _BINS), _BINS - 1)].append((confidence, right))
    gaps = (abs(sum(c for c, _ in b) - sum(r for _, r in b)) for b in bins)
    return sum(gaps) / len(pairs) if pairs else 0.0


def answered(outcomes: Sequence[Outcome]) -> list[tuple[float, bool]]:
    """Return confidence and rightness of all first answers to faults and false alarms."""
    return [(o.confidence, o.right) for o in outcomes if o.answers and o.verdict == "incident"]


def isotonic(pairs: Sequence[tuple[float, bool]]) -> list[tuple[float, float]]:
    """Return the steps (confidence from, probability) of an isotonic fit by pooling violators.

    Zadrozny and Elkan, "Transforming classifier scores into accurate probabilities", 2002.
    """
    blocks: list[list[float]] = []  # from, sum of right ones, number
    for confidence, right in sorted(pairs):
        blocks.append([confidence, float(right), 1.0])
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][2] >= blocks[-1][1] * blocks[-2][2]:
            _, hits, number = blocks.pop()
            blocks[-1][1] += hits
            blocks[-1][2] += number
    return [(low, hits / number) for low, hits, number in blocks]
