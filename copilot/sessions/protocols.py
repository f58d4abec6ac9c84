"""What every surface talks to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from copilot.model.events import Event
from copilot.model.scope import Scope


class Conversation(Protocol):
    """One session: its events so far, and the two things a person can do in it."""

    @property
    def id(self) -> str:
        """The id to resume it by."""
        ...

    def history(self) -> Sequence[Event]:
        """All events stored so far, in order."""
        ...

    def ask(self, text: str, *, user: str = "", scope: Scope | None = None) -> AsyncIterator[Event]:
        """Ask something; yields the events of the answer, each already stored.

        Without a `scope` the session's last one is used, else the configured default.
        An answer that proposes an automatic fix ends with `ApprovalNeeded` for the best one.
        """
        ...

    def decide(self, approval: str, *, approved: bool, by: str) -> AsyncIterator[Event]:
        """Approve or decline a proposed write; yields its progress to `ActionFinished`.

        Raises `ApprovalError` when the approval is unknown, used, expired or superseded.
        """
        ...
