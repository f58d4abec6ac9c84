"""What the agent needs from its neighbours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from typing import Any, Protocol

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
