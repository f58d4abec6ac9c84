"""What a model answers: text, calls of tools, and what it cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from copilot.agent.budget import Spent


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model asks for; `arguments` is the text that it wrote, valid JSON or not."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Reply:
    """One whole reply. `finish` is the endpoint's reason for stopping."""

    text: str
    calls: tuple[ToolCall, ...]
    finish: str
    spent: Spent


class Model(Protocol):
    """Something that answers messages: an endpoint, or a script."""

    @property
    def calls_tools(self) -> bool:
        """Whether it takes tools, as far as it is known."""
        ...

    def reply(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        *,
        seconds: float,
    ) -> AsyncIterator[str | Reply]:
        """Yield the reply's text as it is written, and at last the whole `Reply`.

        Raises `ModelError`, and never takes longer than `seconds`.
        """
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...
