"""Values that retrieval takes and returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from retrieval.incidents import Circumstances


class DocumentKind(StrEnum):
    """What a document is."""

    RUNBOOK = "runbook"
    INCIDENT = "incident"
    TELEMETRY = "telemetry"
    """Made of logs and traces: see `retrieval.derived_documents`."""


class BuiltIn(StrEnum):
    """Where the packaged runbooks come in a search: never, after all documents of the team, or after
    those of the team unless none of them is about what was asked for.
    """

    NEVER = "never"
    LAST = "last"
    UNLESS_NEAR = "unless_near"


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result: the best section of one document.

    `score` is 0 to 1, comparable within one search only. `metadata` holds the document's front
    matter as text (an incident's cause, fix, held, date, services, …).
    """

    document: str
    kind: DocumentKind
    title: str
    section: str
    text: str
    score: float
    path: str
    builtin: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class KnowledgeSource(Protocol):
    """Something that can be searched for runbooks and past incidents."""

    async def search(
        self,
        query: str,
        *,
        kind: DocumentKind | None = None,
        limit: int = 5,
        today: Circumstances | None = None,
    ) -> list[Hit]:
        """Return the best documents for a free-text query, best first, each document once.

        With `today` past incidents are also ordered by age, outcome, recurrence and how near they were.
        """
        ...
