from dataclasses import replace
from datetime import UTC, datetime

import pytest

from copilot.model.diagnosis import Diagnosis, RootCause, Verdict
from copilot.model.scope import ObjectRef, Scope, Window
from eval.graders import cause_named, grade_analysis, grade_detection, grade_localization
from eval.judge import parse_verdict
from eval.problems import Task, suite
from eval.protocols import Expected

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SERVICE = ObjectRef("Service", "n", "a")
WORKLOAD = ObjectRef("Deployment", "n", "a")
OTHER = ObjectRef("Deployment", "n", "b")
TRUTH = Expected(
    (SERVICE,), ("service.target_port_mismatch",), "Virtualization", "Misconfiguration"
)


def diagnosis(*causes: RootCause, verdict: Verdict = Verdict.INCIDENT) -> Diagnosis:
    return Diagnosis(verdict, "", Scope("c", ("n",), Window.last(NOW)), root_causes=causes)


RIGHT = RootCause(SERVICE, "service.target_port_mismatch", "", 0.9, ())
WRONG = RootCause(OTHER, "image.pull_unauthorized", "", 0.9, ())


@pytest.mark.parametrize(
    ("verdict", "faulty", "success"),
    [
        (Verdict.INCIDENT, True, True),
        (Verdict.INCIDENT, False, False),
        (Verdict.HEALTHY, False, True),
        (Verdict.HEALTHY, True, False),
        (Verdict.INCONCLUSIVE, True, False),
        (Verdict.INCONCLUSIVE, False, False),
    ],
)
def test_detection(verdict: Verdict, faulty: bool, success: bool) -> None:
    assert grade_detection(diagnosis(verdict=verdict), faulty=faulty).success is success


def test_no_answer_fails_everything() -> None:
    assert not grade_detection(None, faulty=True).success
    assert not grade_detection(None, faulty=False).success
    assert not grade_localization(None, TRUTH).success
    assert not grade_analysis(None, TRUTH).success
    assert not cause_named(None, TRUTH)


def test_localization_counts_rank_one_and_equivalents() -> None:
    assert grade_localization(diagnosis(RIGHT), TRUTH).success
    assert grade_localization(diagnosis(replace(WRONG, also=(SERVICE,))), TRUTH).success
    second = grade_localization(diagnosis(WRONG, RIGHT), TRUTH)
    assert not second.success
    assert second.within_3
    assert not grade_localization(diagnosis(WRONG, WRONG, WRONG, RIGHT), TRUTH).within_3


def test_analysis_needs_both_answers_and_the_cause_is_finer() -> None:
    same_answers = replace(RIGHT, cause="service.selector_mismatch")
    assert grade_analysis(diagnosis(same_answers), TRUTH).success
    assert not cause_named(diagnosis(same_answers), TRUTH)
    assert cause_named(diagnosis(RIGHT), TRUTH)
    half = replace(RIGHT, cause="image.pull_unauthorized")  # Virtualization, Authentication Issue
    assert not grade_analysis(diagnosis(half), TRUTH).success


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ('{"localization": 9, "mechanism": 6, "scope": 3, "reason": "x"}', 6.0),
        ('Sure! ```json\n{"localization": 10, "mechanism": 10, "scope": 10}\n```', 10.0),
        ('{"localization": 11, "mechanism": 6, "scope": 3}', None),
        ('{"localization": 9, "scope": 3}', None),
        ("I cannot judge this.", None),
        ("", None),
    ],
)
def test_a_judges_reply(text: str, score: float | None) -> None:
    assert parse_verdict(text) == score


def test_the_smoke_suite_has_every_fault_and_every_healthy_app() -> None:
    problems = suite("smoke")
    assert len({p.id for p in problems}) == len(problems) >= 9
    assert {p.fault for p in problems} == {
        "",
        "service_target_port",
        "scale_to_zero",
        "wrong_image",
        "revoke_database_login",
    }
    for problem in problems:
        assert problem.tasks == (tuple(Task) if problem.fault else (Task.DETECTION,))
