from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from copilot.model.clock import Clock
from eval.environments.emulator.cluster.clock import VirtualClock
from tests.eval.environments.emulator.cluster.cluster_fakes import START


class Recording:
    def __init__(self) -> None:
        self.steps: list[tuple[datetime, datetime]] = []

    def tick(self, start: datetime, end: datetime) -> None:
        self.steps.append((start, end))


def test_it_fits_the_clock_protocol_and_stands_still() -> None:
    clock: Clock = VirtualClock(START)
    assert clock.now() == clock.now() == START


def test_timers_fire_at_their_instant_and_in_order() -> None:
    clock = VirtualClock(START)
    seen: list[tuple[str, float]] = []

    def note(word: str) -> None:
        seen.append((word, (clock.now() - START).total_seconds()))

    clock.call_later(2.5, lambda: note("b"))
    clock.call_later(1.25, lambda: (note("a"), clock.call_later(0.5, lambda: note("a2")))[0])
    clock.call_later(2.0, lambda: note("never")).cancel()
    clock.call_later(9, lambda: note("later"))
    clock.advance(3)
    assert seen == [("a", 1.25), ("a2", 1.75), ("b", 2.5)]
    assert clock.now() == START + timedelta(seconds=3)


def test_tickers_see_all_time_once_in_steps_of_a_second() -> None:
    clock, ticker = VirtualClock(START), Recording()
    clock.add(ticker)
    clock.advance(2.5)
    clock.advance(0.5)
    seconds = [(end - start).total_seconds() for start, end in ticker.steps]
    assert seconds == [1, 1, 0.5, 0.5]
    assert ticker.steps[0][0] == START and ticker.steps[-1][1] == clock.now()
    assert all(a[1] == b[0] for a, b in zip(ticker.steps, ticker.steps[1:], strict=False))


def test_a_ticker_must_not_advance_the_clock() -> None:
    clock = VirtualClock(START)

    class Bad:
        def tick(self, start: datetime, end: datetime) -> None:
            clock.advance(1)

    clock.add(Bad())
    with pytest.raises(RuntimeError, match="already advancing"):
        clock.advance(1)


async def test_sleeping_advances_and_concurrent_sleepers_share_the_time() -> None:
    clock = VirtualClock(START)
    await asyncio.gather(clock.sleep(30), clock.sleep(10), clock.sleep(20))
    assert 30 <= (clock.now() - START).total_seconds() <= 31


async def test_realtime_moves_the_clock_and_sleepers_wait_for_it() -> None:
    clock = VirtualClock(START)
    task = asyncio.create_task(clock.run_realtime(1000, interval=0.005))
    await asyncio.sleep(0)
    await asyncio.wait_for(clock.sleep(20), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.now() - START >= timedelta(seconds=20)
