"""What answers have cost, how well they held, and what people thought of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select

from copilot.agent.bookings import Booking
from copilot.model.clock import Clock
from copilot.model.errors import NotFoundError, UsageError
from copilot.sessions.ratings import Rating, Ratings
from copilot.sessions.schema import answers, events, feedback, journal, sessions

GIVEN = "answer_given"


@dataclass(frozen=True, slots=True)
class Answered:
    """One row of the ledger: an answer of a model, with the ratings that people gave it."""

    session: str
    turn: int
    at: datetime
    user: str
    team: str
    booking: Booking
    ratings: tuple[int, ...] = ()


class AnswerJournal:
    """Fits `copilot.agent.seams.Journal` for one question of a session. Every `put` is on disk."""

    def __init__(
        self, engine: Engine, clock: Clock, session: str, turn: int, *, user: str, team: str
    ) -> None:
        self._engine, self._clock = engine, clock
        self._session, self._turn = session, turn
        self._user, self._team = user, team

    def get(self, key: str) -> Any | None:
        """Return what is stored under `key`, None for nothing."""
        with self._engine.connect() as db:
            row = db.execute(select(journal.c.body).where(*self._where(key))).first()
        return None if row is None else row.body

    def put(self, key: str, value: Any) -> None:
        """Store a value."""
        with self._engine.begin() as db:
            db.execute(delete(journal).where(*self._where(key)))
            db.execute(
                insert(journal).values(
                    session=self._session, turn=self._turn, key=key[:120], body=value
                )
            )

    def book(self, booking: Booking) -> None:
        """Enter what the answer has cost. What it was made of is no longer needed then."""
        row = {name: value for name, value in asdict(booking).items() if name != "state"}
        here = (answers.c.session == self._session, answers.c.turn == self._turn)
        with self._engine.begin() as db:
            db.execute(delete(answers).where(*here))
            db.execute(
                insert(answers).values(
                    session=self._session,
                    turn=self._turn,
                    at=self._clock.now(),
                    user=self._user,
                    team=self._team,
                    **row,
                )
            )

    def clear(self) -> None:
        """Forget what the answer was made of: it is given."""
        with self._engine.begin() as db:
            db.execute(
                delete(journal).where(
                    journal.c.session == self._session, journal.c.turn == self._turn
                )
            )

    def _where(self, key: str) -> tuple[Any, ...]:
        return (
            journal.c.session == self._session,
            journal.c.turn == self._turn,
            journal.c.key == key[:120],
        )


def begun_at(engine: Engine, session: str) -> int | None:
    """Return the position of the question whose answer is not complete, None when there is none."""
    with engine.connect() as db:
        last = select(func.max(journal.c.turn)).where(journal.c.session == session)
        position = db.execute(last).scalar_one()
    return None if position is None else int(position)


class AnswerLedger:
    """Reads the ledger, and takes feedback."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def answered(
        self, *, since: datetime | None = None, session: str = "", user: str = "", team: str = ""
    ) -> list[Answered]:
        """Return the answers of models, oldest first."""
        query = select(answers).order_by(answers.c.at, answers.c.session, answers.c.turn)
        for column, value in (("session", session), ("user", user), ("team", team)):
            if value:
                query = query.where(answers.c[column] == value)
        if since is not None:
            query = query.where(answers.c.at >= since)
        with self._engine.connect() as db:
            ratings = self._ratings(db)
            return [_row(row, ratings) for row in db.execute(query)]

    def rate(
        self,
        session: str,
        useful: int,
        now: datetime,
        *,
        text: str = "",
        user: str = "",
        turn: int = -1,
    ) -> int:
        """Store what somebody thinks of an answer, 1 (useless) to 5; return its turn.

        `turn` is the position of the question, by default the last one that was answered. Rating
        again replaces the earlier rating; without a text, what was written then stays. Raises `UsageError` and `NotFoundError`.
        """
        if not 1 <= useful <= 5:
            raise UsageError(
                f"{useful} is not a rating", hint="give 1 (useless) to 5 (very useful)"
            )
        turn = self._turn(session, turn)
        here = (feedback.c.session == session, feedback.c.turn == turn, feedback.c.user == user)
        with self._engine.begin() as db:
            text = text or db.execute(select(feedback.c.text).where(*here)).scalar() or ""
            db.execute(delete(feedback).where(*here))
            db.execute(
                insert(feedback).values(
                    session=session, turn=turn, user=user[:200], at=now, useful=useful, text=text
                )
            )
        return turn

    def ratings(
        self, *, session: str = "", turn: int | None = None, since: datetime | None = None
    ) -> Ratings:
        """Return what people thought, oldest first: of everything, of a session, of one answer."""
        query = select(feedback).order_by(feedback.c.at, feedback.c.session, feedback.c.user)
        if session:
            query = query.where(feedback.c.session == session)
        if turn is not None:
            query = query.where(feedback.c.turn == turn)
        if since is not None:
            query = query.where(feedback.c.at >= since)
        with self._engine.connect() as db:
            rows = db.execute(query).all()
        return Ratings(
            tuple(Rating(r.session, r.turn, r.at, r.user, r.useful, r.text) for r in rows)
        )

    def _turn(self, session: str, turn: int) -> int:
        with self._engine.connect() as db:
            if db.execute(select(sessions.c.id).where(sessions.c.id == session)).first() is None:
                raise NotFoundError(
                    f"there is no session {session!r}",
                    hint="list them with: incident-copilot sessions",
                )
            last = select(func.max(events.c.position)).where(
                events.c.session == session, events.c.type == GIVEN
            )
            given = db.execute(last).scalar_one()
            asked = select(func.max(events.c.position)).where(
                events.c.session == session,
                events.c.type == "question_asked",
                events.c.position < (-1 if given is None else given),
            )
            newest = db.execute(asked).scalar_one()
            if newest is None:
                raise NotFoundError(
                    f"session {session!r} has no answer yet", hint="ask something first"
                )
            if turn < 0:
                return int(newest)
            known = select(events.c.position).where(
                events.c.session == session,
                events.c.position == turn,
                events.c.type == "question_asked",
            )
            if db.execute(known).first() is None:
                raise NotFoundError(f"session {session!r} has no question at position {turn}")
            return turn

    def _ratings(self, db: Connection) -> dict[tuple[str, int], tuple[int, ...]]:
        found: dict[tuple[str, int], tuple[int, ...]] = {}
        for row in db.execute(select(feedback).order_by(feedback.c.at)):
            key = (row.session, row.turn)
            found[key] = (*found.get(key, ()), row.useful)
        return found


def _row(row: Any, ratings: dict[tuple[str, int], tuple[int, ...]]) -> Answered:
    names = [name for name in Booking.__dataclass_fields__ if name != "state"]
    booking = Booking(**{name: getattr(row, name) for name in names})
    key = (row.session, row.turn)
    return Answered(*key, row.at, row.user, row.team, booking, ratings.get(key, ()))
