"""The ledger, feedback, quality, exports; and their commands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from copilot.agent.bookings import Booking
from copilot.cli.ask import rate_by_line
from copilot.cli.main import app
from copilot.model.errors import NotFoundError, UsageError
from copilot.model.events import (
    AnswerGiven,
    DiagnosisReady,
    EvidenceFound,
    QuestionAsked,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from copilot.sessions.database import open_database
from copilot.sessions.finetuning import split
from copilot.sessions.ledger import Answered, AnswerJournal, AnswerLedger, begun_at
from copilot.sessions.quality import groups, regressions
from copilot.sessions.session import Session
from copilot.sessions.store import SessionStore
from copilot.sessions.usage import sums
from retrieval.documents import Document
from retrieval.values import DocumentKind
from tests.copilot.agent.world import DIAGNOSIS, LOGS

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
BOOKING = Booking("m", "abcd1234", input=1000, output=100, cached=800, money=0.01, seconds=2.0, steps=3, tool_calls=4, claims=5, verified=5)  # fmt: skip


class Now:
    def now(self) -> datetime:
        return NOW

    async def sleep(self, seconds: float) -> None:
        raise AssertionError


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("INCIDENT_COPILOT_STATE__FOLDER", str(tmp_path))
    from copilot.config.settings import load_settings

    engine = open_database(load_settings().state.database_url)
    yield engine
    engine.dispose()


def answered(db: Engine, *, user: str = "ada", money: float | None = 0.01) -> str:
    store = SessionStore(db)
    id = store.create(NOW)
    for event in (
        QuestionAsked("why?", user),
        ToolStarted("c1", "get_logs", '{"service": "a"}'),
        EvidenceFound(LOGS),
        ToolFinished("c1", "get_logs", True, 0.2, "text", (LOGS.id,)),
        TextDelta("It "),
        AnswerGiven("It is the port.", "m"),
        DiagnosisReady(DIAGNOSIS),
    ):
        store.append(id, event, NOW)
    journal = AnswerJournal(db, Now(), id, 0, user=user, team="shop")
    journal.book(replace(BOOKING, money=money))
    return id


def test_the_journal_is_there_until_the_answer_is(db: Engine) -> None:
    id = SessionStore(db).create(NOW)
    journal = AnswerJournal(db, Now(), id, 4, user="", team="")
    assert journal.get("reply 0") is None
    journal.put("reply 0", {"a": 1})
    journal.put("reply 0", {"a": 2})
    assert journal.get("reply 0") == {"a": 2}
    assert begun_at(db, id) == 4
    journal.clear()
    assert begun_at(db, id) is None


def test_usage_is_summed_and_unknown_prices_are_said(db: Engine) -> None:
    answered(db)
    answered(db, user="bob", money=None)
    rows = AnswerLedger(db).answered()
    (team,) = sums(rows, "team")
    assert (team.name, team.answers, team.input, team.cached, team.unpriced) == (
        "shop", 2, 2000, 1600, 1,
    )  # fmt: skip
    assert {s.name for s in sums(rows, "user")} == {"ada", "bob"}
    assert AnswerLedger(db).answered(since=NOW + timedelta(days=1)) == []
    assert [r.user for r in AnswerLedger(db).answered(user="bob")] == ["bob"]


def test_answers_are_rated(db: Engine) -> None:
    id = answered(db)
    ledger = AnswerLedger(db)
    assert ledger.rate(id, 2, NOW, user="ada") == 0
    ledger.rate(id, 5, NOW, user="ada", text="right at once")
    ledger.rate(id, 3, NOW, user="bob")
    assert sorted(ledger.answered()[0].ratings) == [3, 5]
    given = ledger.ratings(session=id).given
    assert ("ada", 5, "right at once") in [(one.user, one.useful, one.text) for one in given]
    with pytest.raises(UsageError, match="9 is not a rating"):
        ledger.rate(id, 9, NOW)
    with pytest.raises(NotFoundError, match="no question at position 3"):
        ledger.rate(id, 3, NOW, turn=3)
    with pytest.raises(NotFoundError, match="no session"):
        ledger.rate("s-none", 3, NOW)
    with pytest.raises(NotFoundError, match="no answer yet"):
        ledger.rate(SessionStore(db).create(NOW), 3, NOW)


def test_ratings_are_read_for_an_evaluation(db: Engine) -> None:
    first, second = answered(db), answered(db)
    ledger = AnswerLedger(db)
    assert (ledger.ratings().mean, ledger.ratings().useful_share) == (None, None)
    assert str(ledger.ratings()) == "not rated yet"
    for session, user, useful in ((first, "ada", 5), (first, "bob", 2), (second, "ada", 3)):
        ledger.rate(session, useful, NOW, user=user, text="x" if useful == 5 else "")
    whole = ledger.ratings()
    assert (len(whole.given), whole.mean) == (3, 10 / 3)
    assert whole.useful_share == 2 / 3
    assert str(whole) == "3.3 of 5 by 2 people"
    assert str(ledger.ratings(session=second)) == "3.0 of 5 by 1 person"
    assert ledger.ratings(session=first, turn=4).given == ()
    assert ledger.ratings(since=NOW + timedelta(days=1)).given == ()
    ledger.rate(first, 4, NOW, user="ada")
    assert [(r.useful, r.text) for r in ledger.ratings(session=first).given if r.user == "ada"] == [
        (4, "x")
    ], "without a text, what was written then stays"


def test_in_a_conversation_an_answer_is_rated_by_a_line(
    db: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    id = answered(db)
    session = Session(id, SessionStore(db), cast(Any, None), cast(Any, None), Now())
    assert session.answered == 0
    rate_by_line(session, " 4 right at once")
    rate_by_line(session, " good")
    told = capsys.readouterr().err
    assert "stored; this answer: 4.0 of 5 by 1 person" in told
    assert "give 1 (useless) to 5" in told
    (given,) = AnswerLedger(db).ratings(session=id).given
    assert (given.useful, given.text) == (4, "right at once")


def row(week: int, n: int, **changes: object) -> Answered:
    ratings = changes.pop("ratings", ())
    booking = replace(BOOKING, **changes)  # type: ignore[arg-type]  # fields of a booking
    return Answered(f"s-{week}-{n}", 0, NOW + timedelta(weeks=week), "", "", booking, ratings)  # type: ignore[arg-type]


def test_quality_alerts_on_regression_and_not_on_noise() -> None:
    before = [row(w, n, ratings=(5,)) for w in range(3) for n in range(10)]
    same = [row(3, n, ratings=(5,), verified=4 + (n > 0)) for n in range(10)]
    assert regressions(groups([*before, *same])) == []
    worse = [
        row(3, n, ratings=(2,), verified=3, fallback="down" if n < 6 else "", tool_errors=2)
        for n in range(10)
    ]
    found = groups([*before, *worse])
    assert len(found) == 4
    assert found[-1].rating == 2
    said = " ".join(regressions(found))
    for what in (
        "verified claims: 60%",
        "had to give: 60%",
        "failed tool calls: 50%",
        "mean rating: 2.0",
    ):
        assert what in said
    assert regressions(groups([*before, *worse[:3]])) == [], "three answers are no regression"
    assert regressions([]) == []


def test_fine_tuning_data_is_redacted_and_never_trains_on_the_future() -> None:
    def document(n: int, **known: str) -> Document:
        text = "## Symptoms\n\npods crash, password=hunter2hunter2\n\n## Timeline\n\n- x\n"
        metadata = {
            "date": f"2026-01-{n:02}",
            "cause": "service.missing",
            "fix": "made it",
            **known,
        }
        return Document(
            f"i{n}.md", f"i{n}.md", DocumentKind.INCIDENT, f"Incident {n}", text, metadata
        )

    found = split(
        [*(document(n) for n in range(10, 0, -1)), document(11, fix=""), document(12, date="")], 0.3
    )
    assert (len(found.train), len(found.valid), found.until) == (7, 3, "2026-01-07")
    assert found.left_out == {"no cause or no fix": 1, "no date": 1}
    messages = json.loads(found.train[0])["messages"]
    assert [m["role"] for m in messages] == ["system", "user", "assistant"]
    assert "pods crash" in messages[1]["content"]
    assert "hunter2" not in "".join((*found.train, *found.valid))
    assert "Incident 8" in found.valid[0]
    assert len(split([document(n) for n in range(1, 11)], 0.3, "2026-01-05").train) == 5


def test_the_commands(db: Engine, tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert "No answer of a model" in run(app, ["usage"]).stdout
    id = answered(db)
    table = run(app, ["usage", "--by", "user"])
    assert table.exit_code == 0
    assert "ada" in table.stdout
    assert "80%" in table.stdout
    data = json.loads(run(app, ["usage", "--format", "json"]).stdout)
    assert data["rows"][0]["money"] == 0.01
    assert run(app, ["rate", id, "4", "--text", "fine"]).exit_code == 0
    assert run(app, ["rate", id, "7"]).exit_code == 2
    assert run(app, ["rate", "s-none", "3"]).exit_code == 5
    report = run(app, ["quality", "report", "--since", "9000d", "--format", "json"])
    told = json.loads(report.stdout)
    assert told["rows"][0]["rating"] == 4
    assert told["ratings"] == {"count": 1, "mean": 4.0, "useful_share": 1.0}
    words = run(app, ["quality", "report", "--since", "9000d"]).stdout
    assert "All answers: 4.0 of 5 by 1 person, 100% rated 3 or more" in words
    text = run(app, ["export", "trajectory", id]).stdout
    assert "**ada asked:** why?" in text
    assert "called `get_logs" in text
    assert "**incident**: Service/shop/pricing" in text
    data = json.loads(run(app, ["export", "trajectory", id, "--format", "json"]).stdout)
    assert data["evidence"][LOGS.id]["query"] == LOGS.query
    assert data["events"][0]["type"] == "question_asked"
    assert "text_delta" not in str(data["events"])
    empty = run(app, ["export", "fine-tuning", "--out", str(tmp_path / "ft")])
    assert empty.exit_code == 5
    assert run(app, ["export", "fine-tuning", "--out", "x", "--until", "soon"]).exit_code == 2
    assert run(app, ["recommend", " "]).exit_code == 2
