"""How many of many attempts a Service without backends refuses, and how soon."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eval.environments.emulator.traffic.refusals import Refusals

START = datetime(2026, 3, 2, 8, 0)


def test_few_attempts_are_all_refused_at_once() -> None:
    refusals, random = Refusals(), np.random.default_rng(0)
    for step in range(10):
        at = START + timedelta(seconds=5 * step)
        assert refusals.spread("10.0.0.1", at, 5.0, 4, 10_000, random) == [(4, 0.0)]


def test_many_are_refused_once_a_second_and_the_others_wait_in_vain() -> None:
    refusals, random = Refusals(), np.random.default_rng(0)
    seen = [
        refusals.spread("10.0.0.1", START + timedelta(seconds=5 * k), 5.0, 200, 4_000, random)
        for k in range(20)
    ]
    refused = [sum(count for count, _ in step) for step in seen]
    assert refused[0] == 11  # the burst comes on top
    assert 3 < sum(refused[1:]) / len(refused[1:]) <= 5
    assert {wait for step in seen for _, wait in step} == {0.0, 1000.0, 3000.0}
    assert refusals.spread("10.0.0.2", START, 5.0, 8, 4_000, random) == [(8, 0.0)]


def test_nobody_waits_longer_than_the_patience() -> None:
    found = Refusals().spread("10.0.0.1", START, 1.0, 100, 200, np.random.default_rng(0))
    assert {wait for _, wait in found} == {0.0}


def test_who_asks_later_in_a_step_is_refused_as_often() -> None:
    refusals, random = Refusals(), np.random.default_rng(0)
    first = later = 0
    for k in range(200):
        at = START + timedelta(seconds=5 * k)
        first += sum(c for c, _ in refusals.spread("10.0.0.1", at, 5.0, 50, 4_000, random))
        later += sum(c for c, _ in refusals.spread("10.0.0.1", at, 5.0, 50, 4_000, random))
    assert later > 0.6 * first
    assert first + later <= 6 + 200 * 5


@given(st.lists(st.tuples(st.integers(1, 500), st.floats(0.5, 15)), min_size=1, max_size=20))
def test_never_more_than_one_a_second_after_the_burst(steps: list[tuple[int, float]]) -> None:
    refusals, random = Refusals(), np.random.default_rng(1)
    at, refused = START, 0
    for n, seconds in steps:
        refused += sum(c for c, _ in refusals.spread("a", at, seconds, n, 10_000, random))
        at += timedelta(seconds=seconds)
    assert refused <= 6 + (at - START).total_seconds() + 1e-3
