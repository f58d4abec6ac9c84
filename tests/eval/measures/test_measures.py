"""Numbers about results, against published values and by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.measures.agreement import cohens_kappa, kappa
from eval.measures.calibration import calibration
from eval.measures.intervals import mean_interval, wilson
from eval.measures.ntam import chain_score, ntam
from eval.measures.paired import compare, mcnemar
from eval.measures.repeats import mean_pass_at_k, pass_at_k


def test_wilson_is_newcombes_example() -> None:
    # Newcombe (1998), table I: 15 of 148, 81 of 263, 0 of 20
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_lies_in_its_interval(pair: tuple[int, int]) -> None:
    hits, number = pair
    low, high = wilson(hits, number)
    assert 0 <= low <= hits / number + 1e-9
    assert hits / number - 1e-9 <= high <= 1


def test_mcnemar_is_the_binomial_test() -> None:
    # two-sided binomial tests of 1/10, 0/6 and 5/10 at one half
    assert mcnemar(1, 9) == pytest.approx(22 / 1024)
    assert mcnemar(0, 6) == pytest.approx(2 / 64)
    assert mcnemar(5, 5) == mcnemar(0, 0) == 1.0


def test_comparing() -> None:
    found = compare([True] * 12 + [False] * 4, [True] * 4 + [False] * 8 + [False] * 4)
    assert (found.both, found.only_first, found.only_second, found.neither) == (4, 8, 0, 4)
    assert found.worse and not found.better
    assert found.difference == -0.5
    assert found.low <= -0.5 <= found.high < 0
    same = compare([True, False], [True, False])
    assert same.p == 1.0 and not same.worse
    with pytest.raises(ValueError):
        compare([], [])


def test_pass_at_k() -> None:
    assert pass_at_k(10, 3, 1) == pytest.approx(0.3)
    assert pass_at_k(5, 2, 3) == pytest.approx(1 - math.comb(3, 3) / math.comb(5, 3))
    assert pass_at_k(4, 4, 2) == 1.0
    assert mean_pass_at_k([[True, False], [False, False]], 1) == pytest.approx(0.25)
    assert mean_pass_at_k([[True]], 2) is None
    with pytest.raises(ValueError):
        pass_at_k(2, 1, 3)


def test_calibration_by_hand() -> None:
    found = calibration([(0.95, True), (0.95, False), (0.15, False)])
    assert found is not None
    assert [(b.number, b.right) for b in found.bins] == [(1, 0.0), (2, 0.5)]
    assert found.ece == pytest.approx(1 / 3 * 0.15 + 2 / 3 * 0.45)
    assert found.brier == pytest.approx((0.05**2 + 0.95**2 + 0.15**2) / 3)
    assert calibration([]) is None


def test_kappa_is_the_textbooks() -> None:
    # 20 both yes, 5 and 10 apart, 15 both no: observed 0.7, expected 0.5, kappa 0.4
    first = ["y"] * 25 + ["n"] * 25
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohens_kappa(first, second) == pytest.approx(0.4)
    found = kappa(first, second)
    assert found.low < 0.4 < found.high
    assert found.agreement == 0.7
    assert cohens_kappa([1, 1], [1, 1]) == 1.0


def test_ntam_falls_with_distance_and_length() -> None:
    edges = {"frontend": ["search"], "search": ["geo"], "geo": ["db"]}
    chain = ["db", "geo", "search"]
    assert ntam(chain, chain, edges) == 1.0
    whole = ntam(["db"], ["db"], edges)
    near, far = (ntam([place], ["db"], edges) for place in ("geo", "search"))
    assert whole == 1.0 and whole > near > far > 0
    assert ntam(["elsewhere"], ["db"], edges) == 0.0
    assert ntam(["db", "x", "y"], ["db"], edges) < 1.0
    assert ntam([], chain, edges) == 0.0


def test_chain_links() -> None:
    assert chain_score([("a", "b"), ("b", "c")], [("a", "b")]) == pytest.approx(2 / 3)
    assert chain_score([], []) == 1.0


def test_mean_with_an_interval() -> None:
    mean, low, high = mean_interval([1.0, 2.0, 3.0, 4.0])
    assert mean == 2.5 and 1.0 <= low < mean < high <= 4.0
    assert mean_interval([3.0]) == (3.0, 3.0, 3.0)
