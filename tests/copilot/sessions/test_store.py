from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from copilot.model.action import (
    Manual,
    Mitigation,
    PatchServicePort,
    RemoveNodeSelector,
    Restart,
    Risk,
    RollBack,
    Scale,
    SetImage,
)
from copilot.model.diagnosis import (
    Diagnosis,
    Finding,
    RootCause,
    Severity,
    SimilarIncident,
    Step,
    Verdict,
)
from copilot.model.errors import NotFoundError, UnavailableError
from copilot.model.events import (
    AnswerGiven,
    DiagnosisReady,
    EvidenceFound,
    InvestigationStarted,
    QuestionAsked,
    ToolFinished,
)
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import ObjectRef, Scope, Window
from copilot.sessions.database import open_database
from copilot.sessions.store import SessionStore

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
OBJECT = ObjectRef("Service", "shop", "orders")
SCOPE = Scope("prod", ("shop",), Window.last(NOW))
EVIDENCE = Evidence.of(
    Source.LOGS, "kubectl logs orders", "boom\n" * 500, start=NOW, end=NOW, objects=(OBJECT,)
)
ACTIONS = (
    PatchServicePort(OBJECT, 80, "http"),
    PatchServicePort(OBJECT, 80, 8080),
    SetImage(OBJECT, "app", "shop/orders:1"),
    RollBack(OBJECT),
    Scale(OBJECT, 3),
    Restart(OBJECT),
    RemoveNodeSelector(OBJECT, "disk"),
    Manual(OBJECT, "grant the role"),
)
DIAGNOSIS = Diagnosis(
    Verdict.INCIDENT,
    "orders is down",
    SCOPE,
    root_causes=(
        RootCause(OBJECT, "service.missing", "gone", 0.9, (EVIDENCE.id,), chain=(Step("a"),)),
    ),
    findings=(Finding("x.y", OBJECT, Severity.CRITICAL, "boom", (EVIDENCE.id,), NOW),),
    evidence=(EVIDENCE,),
    mitigations=tuple(
        Mitigation(f"m{i}", "service.missing", "t", action, Risk.LOW, "u", "k")
        for i, action in enumerate(ACTIONS)
    ),
    similar_incidents=(
        SimilarIncident("INC-1", "t", "2025-01-01", "c", "f", None, 0.5, "why", "p"),
    ),
)


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    engine = open_database(f"sqlite:///{tmp_path}/state/copilot.db")
    return SessionStore(engine)


def test_what_goes_in_comes_out_also_from_another_process(
    store: SessionStore, tmp_path: Path
) -> None:
    stream = [
        QuestionAsked("why?", "ann"),
        InvestigationStarted(SCOPE),
        EvidenceFound(EVIDENCE),
        ToolFinished("c1", "get_logs", True, 0.5, "text", (EVIDENCE.id,)),
        DiagnosisReady(DIAGNOSIS),
        AnswerGiven("it is gone", "engine"),
    ]
    session = store.create(NOW, title="why?\nreally", user="ann")
    for event in stream:
        store.append(session, event, NOW)
    other = SessionStore(open_database(f"sqlite:///{tmp_path}/state/copilot.db"))
    assert other.events(session) == stream
    assert other.info(session).title == "why? really"
    assert other.info(session).created_at == NOW


def test_evidence_is_stored_once_however_often_it_is_named(store: SessionStore) -> None:
    session = store.create(NOW)
    for _ in range(3):
        store.append(session, EvidenceFound(EVIDENCE), NOW)
    store.append(session, DiagnosisReady(DIAGNOSIS), NOW)
    assert store.evidence(session) == [EVIDENCE]
    with store.engine.connect() as db:
        size = db.exec_driver_sql("SELECT sum(length(body)) FROM events").scalar_one()
    assert size < len(EVIDENCE.text) * 3


def test_sessions_are_apart(store: SessionStore) -> None:
    first, second = store.create(NOW), store.create(NOW)
    store.append(first, QuestionAsked("a"), NOW)
    store.append(second, QuestionAsked("b"), NOW)
    assert store.events(first) == [QuestionAsked("a")]
    assert [info.id for info in store.recent(1)] == [store.recent(2)[0].id]


def test_an_unknown_session_is_refused(store: SessionStore) -> None:
    with pytest.raises(NotFoundError, match="s-none"):
        store.events("s-none")


def test_a_database_that_cannot_be_made_is_refused_in_one_line() -> None:
    with pytest.raises(UnavailableError) as caught:
        open_database("sqlite:////proc/nowhere/copilot.db")
    assert "\n" not in str(caught.value)


def test_evidence_ids_depend_on_what_was_seen() -> None:
    other = Evidence.of(Source.LOGS, EVIDENCE.query, "fine", start=NOW, end=NOW)
    same = Evidence.of(Source.LOGS, EVIDENCE.query, EVIDENCE.text, start=NOW, end=NOW)
    assert other.id != EVIDENCE.id
    assert same.id == EVIDENCE.id
    assert replace(EVIDENCE, id="") != EVIDENCE
