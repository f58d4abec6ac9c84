"""Request metrics in the form of the OpenTelemetry span-metrics connector."""

from __future__ import annotations

import math
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


class SpanMetrics:
    """Counts spans; the scraper reads them. A kind of span keeps its place once it has been counted."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._places: dict[SpanKey, int] = {}
        self._calls: list[int] = []
        self._sums: list[float] = []
        self._drawn: dict[tuple[int, int, int], int] = {}
        self._buckets = np.zeros((0, len(BOUNDS_MS) + 1), dtype=np.int64)

    def record(self, key: SpanKey, calls: int, mean_ms: float, spread: float) -> None:
        """Count `calls` spans whose durations are log-normal around `mean_ms`."""
        if calls <= 0:
            return
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._calls)
            self._calls.append(0)
            self._sums.append(0.0)
        self._calls[place] += calls
        self._sums[place] += calls * mean_ms
        step = round(math.log(mean_ms) * 25) if mean_ms > 0.01 else -115
        shape = place, step, round(spread * 20)
        self._drawn[shape] = self._drawn.get(shape, 0) + calls

    @property
    def keys(self) -> list[SpanKey]:
        """The kinds of spans in the order of their places; new ones come at the end."""
        return list(self._places)

    def __len__(self) -> int:
        return len(self._calls)

    def rows(self) -> NDArray[np.float64]:
        """For every kind of span: calls, sum of ms, calls, and the buckets, each with those below."""
        size, width = len(self._calls), len(BOUNDS_MS) + 1
        if len(self._buckets) < size:
            more = np.zeros((size - len(self._buckets), width), dtype=np.int64)
            self._buckets = np.concatenate([self._buckets, more])
        if self._drawn:
            shares = np.array([_shares(step, spread) for _, step, spread in self._drawn])
            fallen = self._random.multinomial(list(self._drawn.values()), shares)
            np.add.at(self._buckets, [place for place, _, _ in self._drawn], fallen)
            self._drawn.clear()
        found = np.empty((size, width + 3))
        found[:, 0] = found[:, 2] = self._calls
        found[:, 1] = self._sums
        np.cumsum(self._buckets, axis=1, out=found[:, 3:])
        return found


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
