"""What the door needs to remember; the database behind it is the sessions'."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connectors.api.values import Json
from copilot.model.action import Mitigation
from copilot.model.scope import Scope


@dataclass(frozen=True, slots=True)
class Proposal:
    """A write that waits for approval.

    `symptoms` are the keys of the findings that it must make go away.
    """

    id: str
    session: str
    mitigation: Mitigation
    scope: Scope
    diff: str
    symptoms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A proposal and how far it has come. `undo` is the JSON patch that takes the write back."""

    proposal: Proposal
    state: str
    expires_at: datetime
    undo: list[Json] | None = None
    decided_by: str = ""


class Ledger(Protocol):
    """Durable memory of approvals, locks and writes."""

    def add(self, proposal: Proposal, now: datetime, expires_at: datetime) -> None:
        """Remember a proposal in the state "proposed"; older open ones of its session lapse."""
        ...

    def entry(self, approval: str) -> Entry:
        """Return an entry; raises `ApprovalError` when there is none."""
        ...

    def move(
        self,
        approval: str,
        before: str,
        after: str,
        now: datetime,
        *,
        by: str = "",
        undo: list[Json] | None = None,
    ) -> bool:
        """Go from one state to another; False when the entry is not in the state `before`."""
        ...

    def lock(self, object: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take the write lock of an object; False when another holder has it."""
        ...

    def unlock(self, object: str, holder: str) -> None:
        """Give the lock back."""
        ...

    def audit(self, now: datetime, session: str, who: str, what: str, detail: object) -> None:
        """Write one line of the audit log."""
        ...
