"""Answers against the truth, task by task."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.model.causes import CAUSES
from copilot.model.diagnosis import Diagnosis, Verdict
from eval.problems import Task
from eval.protocols import Expected


@dataclass(frozen=True, slots=True)
class Grade:
    """One task's result. `detail` says what was answered; `within_3` is success at rank 3 or better."""

    task: Task
    success: bool
    detail: str
    within_3: bool | None = None


def grade_detection(diagnosis: Diagnosis | None, *, faulty: bool) -> Grade:
    """An incident must be called one, a healthy app healthy; "inconclusive" is neither."""
    verdict = diagnosis.verdict if diagnosis else None
    wanted = Verdict.INCIDENT if faulty else Verdict.HEALTHY
    return Grade(Task.DETECTION, verdict is wanted, verdict.value if verdict else "no answer")


def grade_localization(diagnosis: Diagnosis | None, expected: Expected) -> Grade:
    """The first root cause, or one of its equivalents, must be an object that counts."""
    causes = diagnosis.root_causes[:3] if diagnosis else ()
    hits = [bool({c.object, *c.also} & set(expected.objects)) for c in causes]
    answer = str(causes[0].object) if causes else "nothing named"
    return Grade(Task.LOCALIZATION, bool(hits and hits[0]), answer, any(hits))


def grade_analysis(diagnosis: Diagnosis | None, expected: Expected) -> Grade:
    """AIOpsLab's two answers, system level and fault type, must both be those of the truth."""
    causes = diagnosis.root_causes[:3] if diagnosis else ()
    known = [CAUSES.get(c.cause, CAUSES["unknown"]) for c in causes]
    truth = (expected.system_level, expected.fault_type)
    hits = [(k.system_level, k.fault_type) == truth for k in known]
    answer = causes[0].cause if causes else "nothing named"
    return Grade(Task.ANALYSIS, bool(hits and hits[0]), answer, any(hits))


def cause_named(diagnosis: Diagnosis | None, expected: Expected) -> bool:
    """Whether the cause id at rank 1 is right: finer than AIOpsLab's two answers."""
    causes = diagnosis.root_causes[:1] if diagnosis else ()
    return any(c.cause in expected.causes for c in causes)
