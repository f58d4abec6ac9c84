"""Answers against the truth, compat and strict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from eval.oracles.answers import (
    analysis_compat,
    analysis_strict,
    detection_compat,
    detection_strict,
    localization_compat,
    localization_strict,
)
from eval.oracles.truth import Truth
from eval.problems import Broken, Labels, Problem, Task

BROKEN = Problem(
    "p",
    Task.LOCALIZATION,
    "app",
    (Broken("kind", "geo"),),
    Labels(("geo", "mongodb-geo"), "A", "B"),
)
HEALTHY = Problem("h", Task.DETECTION, "app")
TRUTH = Truth((), (frozenset({"geo", "mongodb-geo"}),), (("A", "C"),), frozenset({"cause"}))
TWO = replace(TRUTH, places=(frozenset({"geo"}), frozenset({"rate"})))


@pytest.mark.parametrize(
    ("said", "compat", "strict"),
    [("Yes", True, True), (" yes ", True, True), ("Yes.", False, True), ("Yes, surely", False, True),
     ("No", False, False), (None, False, False), ([], False, False), (["Yes"], False, False)],
)  # fmt: skip
def test_detection(said: Any, compat: bool, strict: bool) -> None:
    assert detection_compat(BROKEN, said).success is compat
    assert detection_strict(BROKEN, said).success is strict
    assert detection_compat(HEALTHY, "No").success
    assert not detection_strict(HEALTHY, said).success or said == "No"


@pytest.mark.parametrize(
    ("said", "exact", "subset", "third", "strict"),
    [(["geo"], True, False, True, True), ("geo", True, False, True, True),
     (["mongodb-geo", "geo"], False, True, True, True), (["geo", "rate"], False, True, True, False),
     (["a", "b", "c", "geo"], False, True, False, False), ([], False, False, False, False),
     (None, False, False, False, False), (["rate"], False, False, False, False)],
)  # fmt: skip
def test_localization(said: Any, exact: bool, subset: bool, third: bool, strict: bool) -> None:
    compat = localization_compat(BROKEN, TRUTH, said)
    assert (compat.success, compat.subset, compat.within_3) == (exact, subset, third)
    assert localization_strict(BROKEN, TRUTH, said).success is strict


def test_of_two_faults_both_must_be_named_and_no_other() -> None:
    problem = replace(BROKEN, labels=Labels())
    assert localization_strict(problem, TWO, ["rate", "geo"]).success
    assert not localization_strict(problem, TWO, ["geo"]).success
    assert not localization_strict(problem, TWO, ["geo", "rate", "user"]).success
    assert localization_compat(problem, TWO, ["rate", "geo"]).success
    assert localization_compat(problem, TWO, ["geo"]).subset
    assert not localization_compat(problem, TWO, ["geo", "user"]).success


def test_analysis() -> None:
    labels = {"system_level": "A", "fault_type": "B"}
    own = {"system_level": "A", "fault_type": "C"}
    assert analysis_compat(BROKEN, labels).success
    assert not analysis_compat(BROKEN, own).success
    assert analysis_compat(BROKEN, own).subset
    assert analysis_strict(BROKEN, TRUTH, own).success
    assert analysis_strict(BROKEN, TRUTH, labels).success
    assert not analysis_strict(BROKEN, TRUTH, {}).success
    assert not analysis_compat(BROKEN, ["A", "B"]).success
