"""People's ratings come from the feedback store, through what stores them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from copilot.agent.bookings import Booking
from copilot.model.clock import SystemClock
from copilot.model.events import AnswerGiven, QuestionAsked
from copilot.sessions.database import open_database
from copilot.sessions.ledger import AnswerJournal, AnswerLedger
from copilot.sessions.store import SessionStore
from eval.recommendation.people import WITHOUT, by_model, people_table

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def test_ratings_by_model(tmp_path: Path) -> None:
    db = open_database(f"sqlite:///{tmp_path / 'c.db'}")
    try:
        store, ledger = SessionStore(db), AnswerLedger(db)
        assert people_table(by_model(ledger))[1] == []
        given = {"large": [("ada", 5), ("bob", 2)], "small": [("ada", 3)], "": [("cy", 1)]}
        for model, ratings in given.items():
            session = store.create(NOW)
            store.append(session, QuestionAsked("why?", "ada"), NOW)
            store.append(session, AnswerGiven("The port.", model), NOW)
            if model:
                booking = replace(Booking("m", "p"), model=model)
                AnswerJournal(db, SystemClock(), session, 0, user="", team="").book(booking)
            for user, useful in ratings:
                ledger.rate(session, useful, NOW, user=user)
        ledger.rate(session, 4, NOW, user="cy")  # again: the newer one counts
        _, body = people_table(by_model(ledger))
    finally:
        db.dispose()
    assert body == [
        ["large", "2", "2", "3.50", "50%"],
        ["small", "1", "1", "3.00", "100%"],
        [WITHOUT, "1", "1", "4.00", "100%"],
        ["all", "4", "3", "3.50", "75%"],
    ]
