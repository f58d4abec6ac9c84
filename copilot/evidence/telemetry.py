"""Measured values: request flows and container resources, now against a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import pairwise
from statistics import mean, median
from typing import Any

Points = tuple[tuple[float, float], ...]


def _restore(self: Any, state: Sequence[object]) -> None:
    """Take over kept values; what an earlier version did not know yet has its default."""
    known = fields(self)
    for one, value in zip(known, (*state, *(f.default for f in known[len(state) :])), strict=True):
        object.__setattr__(self, one.name, value)


@dataclass(frozen=True, slots=True)
class Level:
    """One quantity now and before: mean of the latest points, median and spread of the baseline.

    `base` is None where there was nothing before to compare with. `peak` is the highest point since.
    """

    now: float
    base: float | None
    spread: float = 0.0
    onset: datetime | None = None
    peak: float = 0.0

    def above(self, least: float, factor: float = 1.0) -> bool:
        """Whether it rose by at least `least`, to `factor` times, beyond four spreads of noise."""
        base = self.base or 0.0
        return self.now - base >= max(least, 4 * self.spread) and self.now >= factor * base


@dataclass(frozen=True, slots=True)
class Flow:
    """Requests served by `service` (`caller` "") or sent by `caller` to `service`.

    `rate` is requests per second, `errors` the failing share 0 to 1, `latency` seconds (mean).
    `judged` is False where nothing says how the requests ended, so that `errors` is unknown.
    """

    service: str
    caller: str
    query: str
    rate: Level
    errors: Level
    latency: Level | None = None
    judged: bool = True

    __setstate__ = _restore


@dataclass(frozen=True, slots=True)
class Usage:
    """One resource of one container: "cpu" (cores), "memory" (bytes) or "throttled" (share)."""

    resource: str
    namespace: str
    pod: str
    container: str
    query: str
    level: Level
    growing: bool = False


@dataclass(frozen=True, slots=True)
class Meter:
    """One quantity of a queue or of a worker, as `program` (or an exporter) counts it.

    `kind` is "backlog" (messages that wait), "consumers" (how many are connected), or a rate per
    second: "done", "failed" or "redelivered" messages. `queue` and `group` (who consumes) are "" where
    no label tells them. `now` is the latest value, `most` the highest before; `rise` is how much it
    gained without a step down until now, since `since`. Of the others, `still` is for how many seconds it
    has been zero, `paused` the longest pause before that, and `active` how many points were above zero.
    """

    kind: str
    metric: str
    namespace: str
    program: str
    queue: str
    group: str
    query: str
    now: float
    most: float
    rise: float = 0.0
    since: datetime | None = None
    still: float = 0.0
    paused: float = 0.0
    active: int = 0

    @property
    def stands_still(self) -> bool:
        """Whether it went on at a steady rate, and for much longer than it ever paused does no more."""
        return self.active >= 2 and self.still >= max(60.0, 3 * self.paused)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """All that the metrics store told."""

    flows: tuple[Flow, ...] = ()
    usages: tuple[Usage, ...] = ()
    meters: tuple[Meter, ...] = ()

    __setstate__ = _restore

    def served(self) -> tuple[Flow, ...]:
        """Return the flows seen by the services themselves."""
        return tuple(flow for flow in self.flows if not flow.caller)

    def edges(self) -> tuple[Flow, ...]:
        """Return the flows seen between two services."""
        return tuple(flow for flow in self.flows if flow.caller)


def level(points: Points, *, split: float, recent: float) -> Level | None:
    """Compare the points after `recent` with those before `split` (Unix seconds).

    The onset is the first point after which the series stays nearer to the present level than
    to the baseline's. None without a recent point.
    """
    now_points = [v for t, v in points if t >= recent]
    if not now_points:
        return None
    now = mean(now_points)
    peak = max((v for t, v in points if t >= split), default=now)
    before = [v for t, v in points if t < split]
    if len(before) < 3:  # a young store: its first third stands for the time before
        older = [v for t, v in points if t < recent]
        before = older[: max(len(older) // 3, 3)]
    if len(before) < 3:
        return Level(now, None, peak=peak)
    base = median(before)
    spread = 1.4826 * median(abs(v - base) for v in before)
    return Level(now, base, spread, _onset(points, base, now), peak)


def _onset(points: Points, base: float, now: float) -> datetime | None:
    middle = (base + now) / 2
    onset: float | None = None
    for moment, value in reversed(points):
        if (value > middle) != (now > middle):
            break
        onset = moment
    if onset is None or base == now:
        return None
    return datetime.fromtimestamp(onset, UTC)


def is_growing(points: Points) -> bool:
    """Whether a series climbs steadily: most steps up, and a clear gain from start to end."""
    values = [v for _, v in points]
    if len(values) < 8 or values[0] <= 0:
        return False
    ups = sum(b > a for a, b in pairwise(values))
    return ups >= 0.6 * (len(values) - 1) and values[-1] >= 1.3 * values[0]
