"""Request metrics in the form of the OpenTelemetry span-metrics connector."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BOUNDS_MS: tuple[float, ...] = (
    2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000,
)  # fmt: skip
"""The connector's default bucket bounds."""

SERVER, CLIENT = "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT"
OK, ERROR = "STATUS_CODE_UNSET", "STATUS_CODE_ERROR"

SpanKey = tuple[str, str, str, str, str, str]
"""Service, namespace, span name, kind, status, peer service ("" for server spans)."""


@dataclass(slots=True)
class Counts:
    """Counters of one kind of span since the beginning. `drawn` are those not in `buckets` yet."""

    calls: int = 0
    sum_ms: float = 0.0
    drawn: dict[tuple[int, int], int] = field(default_factory=dict)
    buckets: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(BOUNDS_MS) + 1, dtype=np.int64)
    )


class SpanMetrics:
    """Counts spans; the scraper reads them."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._counts: dict[SpanKey, Counts] = {}

    def record(self, key: SpanKey, calls: int, mean_ms: float, spread: float) -> None:
        """Count `calls` spans whose durations are log-normal around `mean_ms`."""
        if calls <= 0:
            return
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = Counts()
        counts.calls += calls
        counts.sum_ms += calls * mean_ms
        shape = (round(math.log(mean_ms) * 25) if mean_ms > 0.01 else -115, round(spread * 20))
        counts.drawn[shape] = counts.drawn.get(shape, 0) + calls

    def __iter__(self) -> Iterator[tuple[SpanKey, Counts]]:
        """All counters by key; durations that were not drawn yet are drawn now."""
        for counts in self._counts.values():
            for (step, spread), calls in counts.drawn.items():
                counts.buckets += self._random.multinomial(calls, _shares(step, spread))
            counts.drawn.clear()
        return iter(self._counts.items())


@lru_cache(maxsize=8192)
def _shares(step: int, twentieths: int) -> NDArray[np.float64]:
    """The share of spans per bucket for a mean of e^(step/25) ms and a spread in twentieths."""
    # the mean of a log-normal distribution is exp(mu + sigma²/2)
    spread = max(1, twentieths) / 20
    mu = step / 25 - spread * spread / 2
    below = [
        0.5 * (1 + math.erf((math.log(bound) - mu) / (spread * math.sqrt(2))))
        for bound in BOUNDS_MS
    ]
    shares = np.diff(np.array([0.0, *below, 1.0]))
    shares = np.clip(shares, 0.0, None)
    return np.asarray(shares / shares.sum(), dtype=np.float64)
