"""What was submitted, against the truth: AIOpsLab's way (compat), and strictly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.oracles.truth import Truth
from eval.problems import Problem


@dataclass(frozen=True, slots=True)
class Judged:
    """One oracle's word. `detail` says what decided it; `more` are the reference's own result keys."""

    success: bool
    detail: str
    subset: bool | None = None
    within_3: bool | None = None


def detection_compat(problem: Problem, solution: Any) -> Judged:
    """String equality, lower-cased and stripped; anything else than a string has no format."""
    wanted = "yes" if problem.faulty else "no"
    if not isinstance(solution, str):
        return Judged(False, "Invalid Format")
    right = solution.strip().lower() == wanted
    return Judged(right, "Correct" if right else "Incorrect")


def detection_strict(problem: Problem, solution: Any) -> Judged:
    """The first word, whatever stands behind it; nothing submitted is wrong."""
    words = str(solution or "").strip().lower().replace(",", " ").replace(".", " ").split()
    wanted = "yes" if problem.faulty else "no"
    return Judged(bool(words) and words[0] == wanted, words[0] if words else "nothing submitted")


def localization_compat(problem: Problem, truth: Truth, solution: Any) -> Judged:
    """One exact name; a right one among others is a subset and no success.

    Where the reference has no labels: one name for each fault.
    """
    names = _names(solution)
    if names is None:
        return Judged(False, "Invalid Format", subset=False, within_3=False)
    places = [frozenset(problem.labels.services)] if problem.labels.services else truth.places
    exact = len(names) == len(places) > 0 and all(place & set(names) for place in places)
    known = frozenset().union(*places)
    return Judged(
        exact,
        ", ".join(names),
        subset=bool(known & set(names)) and not exact,
        within_3=bool(known & set(names[:3])),
    )


def localization_strict(problem: Problem, truth: Truth, solution: Any) -> Judged:
    """Every fault's place, and no place that has none; any object to blame may name the place."""
    names = list(dict.fromkeys(_names(solution) or []))
    missed = [place for place in truth.places if not place & set(names)]
    allowed = frozenset().union(*truth.places, problem.labels.services)
    wrong = [name for name in names if name not in allowed]
    first = set(names[:3])
    hit = [place for place in truth.places if place & first]
    return Judged(
        bool(names) and not missed and not wrong,
        ", ".join(names) or "nothing submitted",
        subset=bool(names) and not missed,
        within_3=len(hit) == len(truth.places),
    )


def analysis_compat(problem: Problem, solution: Any) -> Judged:
    """Both fields exactly."""
    wanted = (problem.labels.system_level, problem.labels.fault_type)
    if not isinstance(solution, dict):
        return Judged(False, "Invalid Format", subset=False)
    return _both(solution, [wanted])


def analysis_strict(problem: Problem, truth: Truth, solution: Any) -> Judged:
    """Both fields are those of a cause that is really there, or the reference's labels."""
    if not isinstance(solution, dict):
        return Judged(False, "nothing submitted", subset=False)
    labels = (problem.labels.system_level, problem.labels.fault_type)
    return _both(solution, [*truth.answers, *([labels] if all(labels) else [])])


def _both(solution: dict[str, Any], accepted: Sequence[tuple[str, str]]) -> Judged:
    given = (str(solution.get("system_level", "")), str(solution.get("fault_type", "")))
    one = any(a == b for pair in accepted for a, b in zip(given, pair, strict=True))
    return Judged(given in accepted, " / ".join(given), subset=one)


def _names(solution: Any) -> list[str] | None:
    if isinstance(solution, str):
        return [solution.strip()] if solution.strip() else []
    if isinstance(solution, list | tuple):
        return [str(item).strip() for item in solution]
    return None
