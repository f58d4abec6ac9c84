"""Grades a diagnosis of a replay against what was right; whether a repair works, where that can be tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from copilot.model.diagnosis import Diagnosis, RootCause, Verdict
from eval.recording.schema import TruthPart

NOT_GRADABLE = "not gradable"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Grades:
    """What was answered, and for each task whether it is right; None where the truth says nothing.

    `within_3`: the place is among the first three. `mitigation` is None for a bundle that is bound to
    no app: a recording cannot show whether a repair helps.
    """

    answer: dict[str, Any]
    detection: bool | None = None
    localization: bool | None = None
    within_3: bool | None = None
    analysis: bool | None = None
    action: bool | None = None
    mitigation: bool | None = None
    tried: str = ""

    @property
    def right(self) -> bool | None:
        """Whether all that could be graded is right; None when nothing could."""
        graded = [self.detection, self.localization, self.analysis, self.action, self.mitigation]
        known = [one for one in graded if one is not None]
        return all(known) if known else None

    @property
    def data(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "detection": self.detection,
            "localization": self.localization,
            "localization_within_3": self.within_3,
            "analysis": self.analysis,
            "action": self.action,
            "mitigation": NOT_GRADABLE if self.mitigation is None else self.mitigation,
        }


def grade(diagnosis: Diagnosis, truth: TruthPart | None) -> Grades:
    """Compare with the truth; without one there is only the answer."""
    answer = _answer(diagnosis)
    if truth is None:
        return Grades(answer)
    wanted = Verdict.INCIDENT if truth.faulty else Verdict.HEALTHY
    detection = diagnosis.verdict is wanted
    if not truth.faulty:
        return Grades(answer, detection)
    causes = diagnosis.root_causes[:_SHOWN]
    placed = [bool(_names(cause) & set(truth.objects)) for cause in causes]
    first = next(iter(causes), None)
    actions = {
        word
        for mitigation in diagnosis.mitigations[:1]
        for word in (
            f"{mitigation.action.type} {mitigation.action.object}",
            str(mitigation.action.object),
        )
    }
    return Grades(
        answer,
        detection,
        bool(placed and placed[0]) if truth.objects else None,
        any(placed) if truth.objects else None,
        first is not None and first.cause in truth.causes if truth.causes else None,
        bool(actions & set(truth.actions)) if truth.actions else None,
    )


def lines(diagnosis: Diagnosis, grades: Grades) -> list[str]:
    """Return the answer and its grades for people."""
    found = [f"{diagnosis.verdict.value}: {diagnosis.summary}"]
    found += [
        f"  {number}. {cause.object}: {cause.cause} ({cause.confidence:.0%})"
        for number, cause in enumerate(diagnosis.root_causes[:_SHOWN], 1)
    ]
    found += [f"  proposed: {mitigation.title}" for mitigation in diagnosis.mitigations[:1]]
    found += [f"  not available: {text}" for text in diagnosis.missing_sources]
    words = {True: "right", False: "wrong", None: "no truth given"}
    for task, value in grades.data.items():
        found.append(
            f"{task.replace('_', ' ')}: {value if value == NOT_GRADABLE else words[value]}"
        )
    if grades.tried:
        found.append(f"tried on the bound app: {grades.tried}")
    return found


def _answer(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "verdict": diagnosis.verdict.value,
        "summary": diagnosis.summary,
        "causes": [
            {
                "object": str(cause.object),
                "also": [str(other) for other in cause.also],
                "cause": cause.cause,
                "confidence": round(cause.confidence, 4),
            }
            for cause in diagnosis.root_causes[:_SHOWN]
        ],
        "actions": [
            {"type": one.action.type, "object": str(one.action.object), "title": one.title}
            for one in diagnosis.mitigations
        ],
        "missing_sources": list(diagnosis.missing_sources),
    }


def _names(cause: RootCause) -> set[str]:
    return {str(cause.object), *map(str, cause.also)}
