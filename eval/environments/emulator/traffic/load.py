"""Queues in front of a program: its workers, its CPU, and the pools of its clients.

Each is a fluid queue over the steps of the simulation: what was asked for in one step decides how
long requests wait in the next one. Below saturation waiting follows Sakasegawa's approximation of
the M/G/c queue.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from eval.apps.model import Pool

PERIOD_MS = 100.0
"""The period of the CPU quota (CFS)."""

_LONGEST_WAIT_MS = 60_000.0
_JITTER = (
    0.5  # (1 + cv²) / 2 for service times with a coefficient of variation near 0.35, rounded down
)


@dataclass(slots=True)
class Load:
    """What was asked of one process in this step, and how it waits because of the step before.

    `wait_ms` is what a request waits before it is worked on, `refused` the share that is turned away,
    `throttled` the share of CPU periods in which the quota ran out, `stretch_ms` what that adds to
    each request. `used_cores` and `used_seconds` are the CPU of the last step and of all steps.
    """

    offered: int = 0
    admitted: int = 0
    cpu_ms: float = 0.0
    held_ms: float = 0.0
    cpu_backlog_ms: float = 0.0
    waiting: float = 0.0
    wait_ms: float = 0.0
    refused: float = 0.0
    stretch_ms: float = 0.0
    throttled: float = 0.0
    periods: float = 0.0
    throttled_periods: float = 0.0
    throttled_seconds: float = 0.0
    used_cores: float = 0.0
    used_seconds: float = 0.0
    in_flight: float = 0.0
    _cpu_each: float = 0.0
    _held_each: float = 0.0

    def settle(
        self, seconds: float, cores: float, limit: float, idle: float, workers: int, queue: int
    ) -> None:
        """End a step of `seconds`, with so many cores to use; `limit` is the quota (0: none)."""
        if not (self.offered or self.cpu_backlog_ms or self.waiting or self.cpu_ms):
            self._rest(seconds, limit, idle)
            return
        if self.admitted:
            self._cpu_each = self.cpu_ms / self.admitted
            self._held_each = self.held_ms / self.admitted
        rate = self.admitted / seconds
        cores = max(0.001, cores - idle)
        span = seconds * 1000
        cpu_wait = self._cpu(rate, cores, span)
        worker_wait, refused = self._workers(seconds, workers, queue) if workers else (0.0, 0.0)
        if queue and not workers:
            # a queue in front of the CPU alone: what does not fit in it is turned away
            room = queue * max(self._cpu_each, 0.01) / cores
            if cpu_wait > room:
                demand = self.offered * self._cpu_each
                refused = min(1.0, max(0.0, 1 - cores * span / demand)) if demand else 0.0
                cpu_wait, self.cpu_backlog_ms = room, room * cores
        self.wait_ms = min(_LONGEST_WAIT_MS, cpu_wait + worker_wait)
        self.refused = refused
        self.in_flight = rate * (self._held_each + self.wait_ms) / 1000
        self._quota(seconds, limit, idle)
        self.offered = self.admitted = 0
        self.cpu_ms = self.held_ms = 0.0

    def _rest(self, seconds: float, limit: float, idle: float) -> None:
        self.wait_ms = self.refused = self.stretch_ms = self.throttled = self.in_flight = 0.0
        cores = min(idle, limit) if limit else idle
        self.used_cores = cores
        self.used_seconds += cores * seconds
        self.throttled = 1.0 if limit and idle > limit else 0.0
        if limit:
            self.periods += seconds * 10
            self.throttled_periods += seconds * 10 * self.throttled

    def _cpu(self, rate: float, cores: float, span: float) -> float:
        before = self.cpu_backlog_ms
        capacity = cores * span
        self.cpu_backlog_ms = max(0.0, before + self.cpu_ms - capacity)
        done = before + self.cpu_ms - self.cpu_backlog_ms
        self.used_cores = done / span
        self.cpu_backlog_ms = min(self.cpu_backlog_ms, _LONGEST_WAIT_MS * cores)
        servers = max(1.0, cores)
        alone = self._cpu_each if cores >= 1 else self._cpu_each / cores
        busy = self.cpu_ms / capacity
        wait = queueing_ms(busy, servers, alone) if busy < 1 else 0.0
        return wait + self.cpu_backlog_ms / cores

    def _workers(self, seconds: float, workers: int, queue: int) -> tuple[float, float]:
        held = max(self._held_each, 0.01)
        capacity = workers * seconds * 1000 / held
        asked = float(self.offered)
        waiting = max(0.0, self.waiting + asked - capacity)
        refused = 0.0
        if queue and waiting > queue:
            refused = min(1.0, (waiting - queue) / asked) if asked else 0.0
            waiting = float(queue)
        self.waiting = min(waiting, workers * _LONGEST_WAIT_MS / held)
        busy = asked / capacity
        wait = queueing_ms(busy, float(workers), held) if busy < 1 else 0.0
        return wait + self.waiting * held / workers, refused

    def _quota(self, seconds: float, limit: float, idle: float) -> None:
        self.used_cores += idle if not limit else min(idle, max(0.0, limit - self.used_cores))
        self.used_seconds += self.used_cores * seconds
        self.throttled = self.stretch_ms = 0.0
        if not limit:
            return
        quota = limit * PERIOD_MS
        each = self._cpu_each
        wanted = self.cpu_ms / seconds / 10 + idle * PERIOD_MS
        spread = math.sqrt(max(1e-9, self.cpu_ms / seconds / 10 * each * 1.12))
        if self.cpu_backlog_ms > 0:
            self.throttled = 1.0
        else:
            self.throttled = 0.5 * math.erfc((quota - wanted) / (spread * math.sqrt(2)))
        if each > quota:
            # one request alone needs several periods
            self.stretch_ms = math.floor(each / quota) * PERIOD_MS - each
        self.stretch_ms = max(0.0, self.stretch_ms) + self.throttled * PERIOD_MS * 0.3
        self.periods += seconds * 10
        self.throttled_periods += seconds * 10 * self.throttled
        self.throttled_seconds += seconds * self.throttled * 0.5


@dataclass(slots=True)
class PoolState:
    """The use of one client's pool of connections in this step, and what follows for the next."""

    calls: int = 0
    held_ms: float = 0.0
    wait_ms: float = 0.0
    exhausted: float = 0.0
    in_use: float = 0.0

    def settle(self, seconds: float, pool: Pool) -> None:
        """End a step."""
        each = self.held_ms / self.calls if self.calls else 0.0
        busy = self.held_ms / (seconds * 1000) / pool.size
        self.in_use = min(1.0, busy) * pool.size
        if busy >= 1:
            self.exhausted, self.wait_ms = 1 - 1 / busy, pool.wait_ms
        else:
            self.wait_ms = queueing_ms(busy, float(pool.size), each)
            delayed = busy ** math.sqrt(2 * (pool.size + 1)) if busy else 0.0
            slack = pool.size * (1 - busy) * pool.wait_ms / each if each else math.inf
            self.exhausted = delayed * math.exp(-min(slack, 700.0))
        self.calls, self.held_ms = 0, 0.0


@dataclass(slots=True)
class Pools:
    """The pools of one process by callee."""

    states: dict[str, PoolState] = field(default_factory=dict)

    def of(self, callee: str) -> PoolState:
        """Return the pool for a callee, made when new."""
        return self.states.setdefault(callee, PoolState())


def queueing_ms(busy: float, servers: float, service_ms: float) -> float:
    """Return the mean wait in an M/G/c queue (Sakasegawa), in ms; `busy` is below 1."""
    if busy <= 0 or service_ms <= 0:
        return 0.0
    busy = min(busy, 0.995)
    delayed = math.pow(busy, math.sqrt(2 * (servers + 1)) - 1)
    return service_ms * delayed / (servers * (1 - busy)) * _JITTER


def late_share(mean_ms: float, sigma: float, limit_ms: float) -> float:
    """Return the share of log-normal durations around `mean_ms` that exceed `limit_ms`."""
    if limit_ms <= 0 or mean_ms <= 0 or (mean_ms * 8 < limit_ms and sigma < 0.6):
        return 0.0
    mu = math.log(mean_ms) - sigma * sigma / 2
    return 0.5 * math.erfc((math.log(limit_ms) - mu) / (sigma * math.sqrt(2)))
