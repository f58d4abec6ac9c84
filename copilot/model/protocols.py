"""The seams of the core. Implementations need not inherit: fitting the shape is enough."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from copilot.model.action import Action
from copilot.model.events import Event
from copilot.model.evidence import Evidence
from copilot.model.scope import Scope


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gives back: text shaped for reading, and the evidence behind it.

    `proposals` are changes that were asked for and not made: a person must approve them. `data` is
    what a program reads instead of the text, where there is something.
    """

    text: str
    evidence: tuple[Evidence, ...] = ()
    caveats: tuple[str, ...] = ()
    proposals: tuple[Action, ...] = ()
    data: Mapping[str, Any] | None = None


class Tool(Protocol):
    """Something an agent may call."""

    @property
    def name(self) -> str:
        """The name an agent calls it by."""
        ...

    @property
    def description(self) -> str:
        """What it does and when to use it, from the docstring."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON Schema of the arguments, from the signature."""
        ...

    async def call(self, arguments: Mapping[str, Any]) -> ToolResult:
        """Run it. Raises `CorrectYourCall` or `NotAvailable`, nothing else."""
        ...


class Agent(Protocol):
    """Something that answers a question about a scope, as a stream of events.

    The stream starts with `InvestigationStarted` and ends with `DiagnosisReady` (both engines
    always reach one, however little they could see) or `InvestigationFailed`.
    """

    def investigate(self, question: str, scope: Scope) -> AsyncIterator[Event]:
        """Look at `scope` and answer `question` ("" for a plain health check)."""
        ...
