"""What every surface talks to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from copilot.model.events import Event
from copilot.model.scope import Scope
from copilot.sessions.ratings import Ratings


class Conversation(Protocol):
    """One session: its events so far, and what a person can do in it."""

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

    def stop(self) -> None:
        """End the answer that is being given with the best one so far; without one, do nothing."""
        ...

    @property
    def answered(self) -> int:
        """Position of the last question that has an answer, -1 when there is none."""
        ...

    def rate(self, useful: int, *, text: str = "", user: str = "", turn: int = -1) -> Ratings:
        """Say how useful an answer was, 1 (useless) to 5; return what all think of it.

        `turn` is the position of the question, by default `answered`. Rating again replaces one's
        earlier rating. Raises `UsageError` and `NotFoundError`.
        """
        ...

    def decide(self, approval: str, *, approved: bool, by: str) -> AsyncIterator[Event]:
        """Approve or decline a proposed write; yields its progress to `ActionFinished`.

        Raises `ApprovalError` when the approval is unknown, used, expired or superseded.
        """
        ...
