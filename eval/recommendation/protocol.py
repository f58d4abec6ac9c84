"""What is graded: anything that recommends causes and mitigations from a title and a summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from eval.recommendation.incidents import Incident


@dataclass(frozen=True, slots=True)
class Asked:
    """What a recommender is told of an incident: never its truth."""

    id: str
    title: str
    summary: str
    date: datetime

    @classmethod
    def of(cls, incident: Incident) -> Asked:
        """Leave the truth out."""
        return cls(incident.id, incident.title, incident.summary, incident.date)


@dataclass(frozen=True, slots=True)
class Answer:
    """The best lines first. `sources` are ids of past incidents behind the causes, the best first."""

    causes: tuple[str, ...]
    mitigations: tuple[str, ...]
    sources: tuple[str, ...] = ()
    failure: str = ""


class Recommender(Protocol):
    """Recommends from what was known at a time."""

    @property
    def name(self) -> str:
        """What stands in the table."""
        ...

    async def recommend(self, asked: Asked, known: Sequence[Incident]) -> Answer:
        """Answer from `known`, the incidents before the index's age; failures are in the answer."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...
