"""Recommenders over the product's own knowledge index: retrieval alone, and with a model."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from copilot.agent.calls import Model
from copilot.agent.recommend import Recommendation, from_retrieval, name, recommend
from copilot.model.errors import ModelError
from copilot.sessions.database import open_database
from copilot.sessions.knowledge import change, open_knowledge
from copilot.tools.redact import redact
from eval.recommendation.incidents import Incident
from eval.recommendation.protocol import Answer, Asked
from retrieval.knowledge import KnowledgeIndex
from retrieval.values import DocumentKind, Hit, KnowledgeSource

_TAKEN = 12
# The index holds all incidents: its own clock decides nothing here.
_MADE = datetime(2000, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def indexed(incidents: Sequence[Incident]) -> AsyncIterator[KnowledgeIndex]:
    """Open a knowledge index of these past incidents alone, in a folder that goes away."""
    with tempfile.TemporaryDirectory(prefix="recommend-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        await asyncio.to_thread(_write, folder / "incidents", incidents)
        engine = open_database(f"sqlite:///{folder / 'copilot.db'}")
        try:
            index = await open_knowledge(engine, folder, builtin=False)
            try:
                await change(
                    lambda: index.add([folder / "incidents"], _MADE, DocumentKind.INCIDENT)
                )
                yield index
            finally:
                index.close()
        finally:
            engine.dispose()


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Retrieval alone: what similar incidents that were known by then say. Fits `Recommender`."""

    index: KnowledgeSource
    number: int
    name: str = "retrieval"

    async def recommend(self, asked: Asked, known: Sequence[Incident]) -> Answer:
        """Answer from the best hits that are in `known`."""
        return _answer(await self.found(asked, known))

    async def found(self, asked: Asked, known: Sequence[Incident]) -> Recommendation:
        """Return the recommendation with what was retrieved."""
        query = redact(f"{asked.title}. {asked.summary}".strip())
        ids = {incident.id for incident in known}
        hits: list[Hit] = []
        if ids:
            every = await self.index.search(query, kind=DocumentKind.INCIDENT, limit=self.number)
            hits = [hit for hit in every if name(hit) in ids][:_TAKEN]
        return from_retrieval(query, hits)

    async def close(self) -> None:
        """The index is its opener's."""


@dataclass(frozen=True, slots=True)
class Modelled:
    """A language model: zero-shot, or with what `retrieved` finds. Fits `Recommender`."""

    model: Model
    author: str
    seconds: float
    retrieved: Retrieved | None = None

    @property
    def name(self) -> str:
        """The model, and what it is given."""
        return f"{self.author}, {'with retrieval' if self.retrieved else 'zero-shot'}"

    async def recommend(self, asked: Asked, known: Sequence[Incident]) -> Answer:
        """Answer; where the model fails there is no line, and the failure is told."""
        found = Recommendation((), (), ())
        if self.retrieved is not None:
            found = await self.retrieved.found(asked, known)
        try:
            written = await recommend(
                self.model, self.author, asked.title, asked.summary, found, seconds=self.seconds
            )
        except ModelError as error:
            return Answer((), (), failure=str(error))
        if written.author != self.author:
            return Answer((), (), failure="; ".join(written.notices) or "no answer")
        return _answer(written)

    async def close(self) -> None:
        """Close the model's connections."""
        await self.model.close()


def _answer(found: Recommendation) -> Answer:
    return Answer(
        tuple(line.text for line in found.causes),
        tuple(line.text for line in found.mitigations),
        tuple(dict.fromkeys(source for line in found.causes for source in line.sources)),
    )


def _write(folder: Path, incidents: Sequence[Incident]) -> None:
    folder.mkdir()
    for incident in incidents:
        matter = {
            "id": incident.id,
            "title": incident.title,
            "date": incident.date.date().isoformat(),
            "kind": "incident",
            "service": incident.service,
            "root_cause": incident.root_cause,
            "mitigation": incident.mitigation,
        }
        head = yaml.safe_dump(matter, allow_unicode=True, sort_keys=False)
        body = f"# {incident.title}\n\n{incident.summary}\n"
        (folder / f"{incident.id}.md").write_text(f"---\n{head}---\n{body}", encoding="utf-8")
