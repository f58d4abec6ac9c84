"""Sessions and their streams of events in the database."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from copilot.model.errors import NotFoundError
from copilot.model.events import Event, EvidenceFound
from copilot.model.evidence import Evidence
from copilot.sessions.codec import adapter, decode, encode
from copilot.sessions.schema import audit, claims, events, evidence, sessions


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One line of the list of sessions."""

    id: str
    created_at: datetime
    title: str
    user: str


class SessionStore:
    """Keeps what happened. Every call is one transaction: what returned is on disk."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def create(
        self, now: datetime, *, title: str = "", user: str = "", reference: str | None = None
    ) -> str:
        """Start a session and return its id; `reference` is what a surface knows it by."""
        session = f"s-{secrets.token_hex(4)}"
        with self.engine.begin() as db:
            db.execute(
                insert(sessions).values(
                    id=session,
                    created_at=now,
                    title=title[:200].replace("\n", " "),
                    user=user,
                    reference=reference,
                )
            )
        return session

    def by_reference(self, reference: str) -> str | None:
        """Return the id of the session that a surface knows by `reference`, if there is one."""
        with self.engine.connect() as db:
            query = select(sessions.c.id).where(sessions.c.reference == reference)
            return db.execute(query).scalar_one_or_none()

    def claim(self, delivery: str, now: datetime) -> bool:
        """Take up a delivery; False when it was taken up before, by whichever process."""
        try:
            with self.engine.begin() as db:
                db.execute(insert(claims).values(id=delivery, at=now))
        except IntegrityError:
            return False
        return True

    def info(self, session: str) -> SessionInfo:
        """Return one session; raises `NotFoundError` when it is unknown."""
        with self.engine.connect() as db:
            row = db.execute(select(sessions).where(sessions.c.id == session)).first()
        if row is None:
            raise NotFoundError(
                f"there is no session {session!r}",
                hint="list them with: incident-copilot sessions",
            )
        return SessionInfo(row.id, row.created_at, row.title, row.user)

    def recent(self, limit: int = 20) -> list[SessionInfo]:
        """Return the newest sessions, newest first."""
        with self.engine.connect() as db:
            rows = db.execute(select(sessions).order_by(sessions.c.created_at.desc()).limit(limit))
            return [SessionInfo(row.id, row.created_at, row.title, row.user) for row in rows]

    def append(self, session: str, event: Event, now: datetime) -> None:
        """Add an event to the end of a session's stream."""
        with self.engine.begin() as db:
            if isinstance(event, EvidenceFound):
                known = select(evidence.c.id).where(
                    evidence.c.session == session, evidence.c.id == event.evidence.id
                )
                if db.execute(known).first() is None:
                    body = adapter(Evidence).dump_python(event.evidence, mode="json")
                    db.execute(
                        insert(evidence).values(session=session, id=event.evidence.id, body=body)
                    )
            last = select(func.coalesce(func.max(events.c.position), -1)).where(
                events.c.session == session
            )
            position = db.execute(last).scalar_one() + 1
            try:
                db.execute(
                    insert(events).values(
                        session=session,
                        position=position,
                        at=now,
                        type=event.type,
                        body=encode(event),
                    )
                )
            except IntegrityError as error:
                raise NotFoundError(
                    f"session {session!r} is unknown or in use by another process",
                    hint="wait for the other process, or start a new session",
                ) from error

    def events(self, session: str) -> list[Event]:
        """Return the whole stream, in order."""
        return [event for _, event in self.stream(session)]

    def stream(self, session: str) -> list[tuple[datetime, Event]]:
        """Return the whole stream with the time of each event, in order."""
        self.info(session)
        found = {e.id: e for e in self.evidence(session)}
        query = select(events).where(events.c.session == session).order_by(events.c.position)
        with self.engine.connect() as db:
            return [(row.at, decode(row.type, row.body, found)) for row in db.execute(query)]

    def evidence(self, session: str) -> Sequence[Evidence]:
        """Return all evidence that the session has gathered."""
        query = select(evidence.c.body).where(evidence.c.session == session)
        with self.engine.connect() as db:
            return [adapter(Evidence).validate_python(row.body) for row in db.execute(query)]

    def audit(self, now: datetime, session: str, who: str, what: str, detail: object) -> None:
        """Write one line of the audit log."""
        with self.engine.begin() as db:
            db.execute(
                insert(audit).values(at=now, session=session, who=who, what=what, detail=detail)
            )
