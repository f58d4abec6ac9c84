"""The door's ledger in the database: approvals, locks, audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from copilot.mitigation.ledger import Entry, Proposal
from copilot.model.errors import ApprovalError
from copilot.sessions.codec import adapter
from copilot.sessions.schema import approvals, locks
from copilot.sessions.store import SessionStore


class DatabaseLedger:
    """Fits `copilot.mitigation.ledger.Ledger`. Each call is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._store = SessionStore(engine)

    def add(self, proposal: Proposal, now: datetime, expires_at: datetime) -> None:
        """Remember a proposal; older open ones of its session lapse."""
        body = adapter(Proposal).dump_python(proposal, mode="json")
        with self._engine.begin() as db:
            db.execute(
                update(approvals)
                .where(approvals.c.session == proposal.session, approvals.c.state == "proposed")
                .values(state="superseded")
            )
            db.execute(
                insert(approvals).values(
                    id=proposal.id,
                    session=proposal.session,
                    state="proposed",
                    created_at=now,
                    expires_at=expires_at,
                    proposal=body,
                )
            )

    def entry(self, approval: str) -> Entry:
        """Return an entry; raises `ApprovalError` when there is none."""
        with self._engine.connect() as db:
            row = db.execute(select(approvals).where(approvals.c.id == approval)).first()
        if row is None:
            raise ApprovalError(
                f"there is no approval {approval!r}",
                hint="it is printed by investigate, under what to do",
            )
        proposal: Proposal = adapter(Proposal).validate_python(row.proposal)
        return Entry(proposal, row.state, row.expires_at, row.undo, row.decided_by or "")

    def latest(self, session: str | None = None) -> Entry | None:
        """Return the newest open proposal, of one session or of all."""
        query = select(approvals.c.id).where(approvals.c.state == "proposed")
        if session:
            query = query.where(approvals.c.session == session)
        with self._engine.connect() as db:
            row = db.execute(query.order_by(approvals.c.created_at.desc()).limit(1)).first()
        return self.entry(row.id) if row else None

    def move(
        self,
        approval: str,
        before: str,
        after: str,
        now: datetime,
        *,
        by: str = "",
        undo: list[dict[str, Any]] | None = None,
    ) -> bool:
        """Go from one state to another; False when the entry is not in the state `before`."""
        values: dict[str, Any] = {"state": after, "decided_at": now, "decided_by": by}
        if undo is not None:
            values["undo"] = undo
        where = (approvals.c.id == approval, approvals.c.state == before)
        with self._engine.begin() as db:
            return bool(db.execute(update(approvals).where(*where).values(**values)).rowcount)

    def lock(self, object: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take the write lock of an object; an expired one of another holder is taken over."""
        stale = or_(locks.c.expires_at < now, locks.c.holder == holder)
        try:
            with self._engine.begin() as db:
                db.execute(delete(locks).where(locks.c.object == object, stale))
                db.execute(insert(locks).values(object=object, holder=holder, expires_at=until))
        except IntegrityError:
            return False
        return True

    def unlock(self, object: str, holder: str) -> None:
        """Give the lock back."""
        with self._engine.begin() as db:
            db.execute(delete(locks).where(locks.c.object == object, locks.c.holder == holder))

    def audit(self, now: datetime, session: str, who: str, what: str, detail: object) -> None:
        """Write one line of the audit log."""
        self._store.audit(now, session, who, what, detail)
