"""Virtual time: it passes by decree, through timers and tickers, and never by the machine's clock."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from eval.environments.emulator.seams import Ticker


class Timer:
    """A callback due at an instant of virtual time."""

    __slots__ = ("callback", "cancelled", "when")

    def __init__(self, when: datetime, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Never call it."""
        self.cancelled = True


class VirtualClock:
    """A `copilot.model.clock.Clock` whose time passes when it is told to.

    Timers run at their exact instant. Tickers see time in steps of at most `step` seconds, in the
    order in which they were added, after the timers of that step.
    """

    def __init__(self, start: datetime, *, step: float = 1.0) -> None:
        self._now = start.astimezone(UTC)
        self._step = timedelta(seconds=step)
        self._tickers: list[Ticker] = []
        self._heap: list[tuple[datetime, int, Timer]] = []
        self._sequence = 0
        self._advancing = False
        self._paced = 0
        self._passed = asyncio.Event()

    def now(self) -> datetime:
        """Return the present virtual instant, in UTC."""
        return self._now

    def add(self, ticker: Ticker) -> None:
        """Let `ticker` live on this clock from now on."""
        self._tickers.append(ticker)

    def call_at(self, when: datetime, callback: Callable[[], None]) -> Timer:
        """Call `callback` when virtual time reaches `when`; a past instant means the next advance."""
        timer = Timer(max(when, self._now), callback)
        self._sequence += 1
        heapq.heappush(self._heap, (timer.when, self._sequence, timer))
        return timer

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` after `seconds` of virtual time."""
        return self.call_at(self._now + timedelta(seconds=seconds), callback)

    def advance(self, seconds: float) -> None:
        """Let `seconds` of virtual time pass, now. Raises RuntimeError when called by a ticker."""
        if self._advancing:
            raise RuntimeError("virtual time is already advancing: a ticker must not advance it")
        self._advancing = True
        target = self._now + timedelta(seconds=seconds)
        try:
            self._fire(self._now)
            while self._now < target:
                start = self._now
                end = min(target, start + self._step) if self._tickers else target
                self._fire(end)
                self._now = end
                for ticker in self._tickers:
                    ticker.tick(start, end)
        finally:
            self._advancing = False
            self._passed.set()

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass: by advancing, or by waiting while `run_realtime` moves the clock.

        Others on the event loop run between the steps; concurrent sleepers share the time.
        """
        deadline = self._now + timedelta(seconds=seconds)
        while self._now < deadline:
            if self._paced:
                self._passed.clear()
                await self._passed.wait()
            else:
                self.advance(min(self._step, deadline - self._now).total_seconds())
                await asyncio.sleep(0)

    async def run_realtime(self, factor: float = 1.0, *, interval: float = 0.05) -> None:
        """Move the clock with real time, `factor` times as fast, until cancelled.

        For outside clients that wait by themselves (kubectl, browsers).
        """
        loop = asyncio.get_running_loop()
        last = loop.time()
        self._paced += 1
        try:
            while True:
                await asyncio.sleep(interval)
                present = loop.time()
                self.advance((present - last) * factor)
                last = present
        finally:
            self._paced -= 1
            self._passed.set()

    def _fire(self, until: datetime) -> None:
        heap = self._heap
        while heap and heap[0][0] <= until:
            when, _, timer = heapq.heappop(heap)
            if timer.cancelled:
                continue
            self._now = max(self._now, when)
            timer.callback()
