"""What the Slack app needs of the core."""

from __future__ import annotations

from typing import Protocol

from copilot.sessions.protocols import Conversation


class Desk(Protocol):
    """Hands out conversations, and makes sure that nothing is answered twice."""

    def thread(self, reference: str, *, title: str = "", user: str = "") -> Conversation:
        """Return the conversation of a Slack thread, new or resumed."""
        ...

    def claim(self, delivery: str) -> bool:
        """Take up a delivery of Slack's; False when it was taken up before."""
        ...
