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
    """Counters of one kind of span since the beginning."""

    calls: int = 0
    sum_ms: float = 0.0
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
        step = round(math.log(max(mean_ms, 0.01)) * 50)
        counts.buckets += self._random.multinomial(calls, _shares(step, round(spread, 2)))

    def __iter__(self) -> Iterator[tuple[SpanKey, Counts]]:
        return iter(self._counts.items())


@lru_cache(maxsize=8192)
def _shares(step: int, spread: float) -> NDArray[np.float64]:
    """The share of spans per bucket for a mean of e^(step/50) ms."""
    # the mean of a log-normal distribution is exp(mu + sigma²/2)
    mu = step / 50 - spread * spread / 2
    below = [
        0.5 * (1 + math.erf((math.log(bound) - mu) / (spread * math.sqrt(2))))
        for bound in BOUNDS_MS
    ]
    shares = np.diff(np.array([0.0, *below, 1.0]))
    shares = np.clip(shares, 0.0, None)
    return np.asarray(shares / shares.sum(), dtype=np.float64)
