"""What the agent needs from its neighbours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from copilot.agent.bookings import Booking
from copilot.model.events import Event
from copilot.model.evidence import Evidence
from copilot.model.protocols import Tool, ToolResult
from copilot.model.scope import Scope


class ToolboxLike(Protocol):
    """The tools of one investigation, held to its scope, with all evidence they gave."""

    @property
    def tools(self) -> Sequence[Tool]:
        """The tools, in a stable order."""
        ...

    @property
    def evidence(self) -> MutableMapping[str, Evidence]:
        """All evidence given so far, by id; the agent adds what it knows from elsewhere."""
        ...

    async def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Run a tool. Raises `CorrectYourCall` or `NotAvailable`, nothing else."""
        ...


class Journal(Protocol):
    """What an answer has been given so far, kept so that a killed process can go on with it.

    Values are JSON data. What `put` has returned from is stored.
    """

    def get(self, key: str) -> Any | None:
        """Return what is stored under `key`, None for nothing."""
        ...

    def put(self, key: str, value: Any) -> None:
        """Store a value."""
        ...

    def book(self, booking: Booking) -> None:
        """Enter what the answer has cost and how well it held, in the ledger."""
        ...


class Forgetful:
    """A `Journal` that lives as long as the process."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.bookings: list[Booking] = []

    def get(self, key: str) -> Any | None:
        """Return what is stored under `key`, None for nothing."""
        return self.values.get(key)

    def put(self, key: str, value: Any) -> None:
        """Store a value."""
        self.values[key] = value

    def book(self, booking: Booking) -> None:
        """Remember what an answer has cost."""
        self.bookings.append(booking)


@dataclass(frozen=True, slots=True)
class Answering:
    """What an answer is given beside the question.

    `stop` is set by a person who wants the best answer so far; `evidence` is what the same answer
    had found before the process was killed.
    """

    session: str = ""
    user: str = ""
    journal: Journal = field(default_factory=Forgetful)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)


class ConversingAgent(Protocol):
    """An agent that also knows what was said before."""

    def investigate(
        self, question: str, scope: Scope, history: Sequence[Event] = ()
    ) -> AsyncIterator[Event]:
        """Answer `question`; `history` holds the session's earlier events, oldest first.

        The stream always has one `AnswerGiven`, and its `TextDelta`s put together are that answer.
        It ends with a `DiagnosisReady` when something was investigated, with the `AnswerGiven` when
        the question was about what is known already, and with `InvestigationFailed` alone when the
        engine could not begin.
        """
        ...
