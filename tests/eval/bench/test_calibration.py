"""The fit of the engine's confidence: it learns what separates, and judges no kind by itself."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.engine_calibration import Row, at_first_sight, fit, interval, probability, validated
from copilot.evidence.calibration import calibrated
from eval.bench.measures import calibration_error


def made(number: int, seed: int = 3) -> list[Row]:
    """Answers whose rightness follows the strength's log-odds exactly."""
    random = np.random.default_rng(seed)
    found = []
    for index in range(number):
        strength = random.normal(0, 2)
        right = random.random() < 1 / (1 + np.exp(-strength))
        found.append(Row(f"kind-{index % 12}", float(strength), bool(right)))
    return found


def test_the_fit_finds_the_weights_that_made_the_answers() -> None:
    strength, constant = fit(made(4000))
    assert abs(strength - 1) < 0.12 and abs(constant) < 0.15


def test_what_is_left_out_by_kind_is_calibrated() -> None:
    cases = made(1500)
    judged = validated(cases)
    assert len(judged) == len(cases)
    error = calibration_error([(sure, right) for _, sure, right in judged])
    low, high = interval(judged)
    assert error < 0.05 and low <= high
    assert probability(fit(cases), cases[0]) > 0


@given(st.floats(0, 1), st.floats(0, 1))
def test_confidence_grows_with_the_evidence(less: float, more: float) -> None:
    low, high = sorted((less, more))
    assert 0 < calibrated(low) <= calibrated(high) < 1


def test_answers_at_first_sight_are_of_more_than_one_set_and_some_are_wrong() -> None:
    found = at_first_sight()
    assert len({row.source for row in found}) > 1
    assert {row.right for row in found} == {True, False}
    assert len({row.kind for row in found}) == len(found)
