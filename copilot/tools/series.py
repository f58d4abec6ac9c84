"""Compares a time series with its own baseline, robustly, and draws it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

from connectors.api.values import Series

_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Shift:
    """How a series moved: medians before and in the window, and how surprising that is.

    `score` counts robust standard deviations; `since` is the Unix time from which on it stayed
    outside of what was usual, None when it came back.
    """

    before: float | None
    now: float | None
    score: float
    since: float | None

    @property
    def changed(self) -> bool:
        """Whether the change is more than noise and more than a tenth of the value."""
        if self.before is None or self.now is None:
            return self.before is not self.now
        return self.score >= 4 and abs(self.now - self.before) > 0.1 * abs(self.before)


def shift(points: tuple[tuple[float, float], ...], start: float) -> Shift:
    """Compare the points from `start` on (Unix seconds) with those before."""
    good = [(time, value) for time, value in points if math.isfinite(value)]
    old = [value for time, value in good if time < start]
    new = [(time, value) for time, value in good if time >= start]
    if not old or not new:
        return Shift(
            median(old) if old else None,
            median(value for _, value in new) if new else None,
            math.inf if old or new else 0.0,
            new[0][0] if new else None,
        )
    usual = median(old)
    spread = 1.4826 * median(abs(value - usual) for value in old)
    # A series that never moved has no spread: then a twentieth of its value counts as noise.
    noise = max(spread, 0.05 * abs(usual), 1e-9)
    # The later half, so that a change in mid-window is not averaged away.
    recent = median(value for _, value in new[len(new) // 2 :])
    outside = [abs(value - usual) > 4 * noise for _, value in new]
    since = None
    if outside[-1]:
        index = len(outside)
        while index and outside[index - 1]:
            index -= 1
        since = new[index][0]
    return Shift(usual, recent, abs(recent - usual) / noise, since)


def sparkline(values: list[float], width: int = 24) -> str:
    """Draw `values` in at most `width` bars, from zero (or the least) to the greatest."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    size = max(math.ceil(len(finite) / width), 1)
    # Halved, so that neither the sum nor the span of the largest floats overflows.
    means = [
        sum(value / 2 / len(part) for value in part)
        for part in (finite[i : i + size] for i in range(0, len(finite), size))
    ]
    low, high = min(0.0, *means), max(means)
    span = (high - low) or 1.0
    return "".join(_BARS[min(int((value - low) / span * len(_BARS)), 7)] for value in means)


def number(value: float | None) -> str:
    """Write a value with three significant digits: "0.0123", "12.3", "4.56M"."""
    if value is None:
        return "no data"
    if not math.isfinite(value):
        return str(value)
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def label_text(labels: dict[str, str]) -> str:
    """Write labels for people: "pod=cart-1 code=500"; empty ones are left out."""
    return " ".join(f"{k}={v}" for k, v in sorted(labels.items()) if v and k != "__name__")


def total(series: list[Series]) -> tuple[tuple[float, float], ...]:
    """Return the sum of several series, point by point."""
    sums: dict[float, float] = {}
    for one in series:
        for time, value in one.points:
            if math.isfinite(value):
                sums[time] = sums.get(time, 0.0) + value
    return tuple(sorted(sums.items()))
