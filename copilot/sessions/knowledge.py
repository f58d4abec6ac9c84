"""Opens the knowledge index, late: most of its cost is only paid when something is searched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine

from copilot.model.errors import UnavailableError
from retrieval.errors import IndexLocked, KnowledgeError
from retrieval.values import DocumentKind, Hit

if TYPE_CHECKING:
    from retrieval.knowledge import KnowledgeIndex

T = TypeVar("T")


async def open_knowledge(engine: Engine, folder: Path, *, builtin: bool) -> KnowledgeIndex:
    """Open the index in `folder`. Raises `UnavailableError`."""
    from retrieval.knowledge import KnowledgeIndex

    try:
        return await asyncio.to_thread(
            KnowledgeIndex.open, engine, folder / "knowledge", builtin=builtin
        )
    except (KnowledgeError, OSError) as error:
        raise UnavailableError(
            f"the knowledge index cannot be opened: {error}",
            hint="try: incident-copilot index rebuild",
        ) from error


async def change(call: Callable[[], T]) -> T:
    """Run one of the index's blocking calls in a thread. Raises `UnavailableError`."""
    try:
        return await asyncio.to_thread(call)
    except IndexLocked as error:
        raise UnavailableError(str(error), hint="wait for the other process, or stop it") from error
    except KnowledgeError as error:
        raise UnavailableError(
            f"the knowledge index cannot be changed: {error}",
            hint="try: incident-copilot index rebuild",
        ) from error


class LazyKnowledge:
    """Fits `retrieval.values.KnowledgeSource`; opens the index at the first search."""

    def __init__(self, engine: Engine, folder: Path, *, builtin: bool) -> None:
        self._engine, self._folder, self._builtin = engine, folder, builtin
        self._index: KnowledgeIndex | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> KnowledgeIndex:
        """Return the index itself. Raises `UnavailableError`."""
        async with self._opening:
            if self._index is None:
                self._index = await open_knowledge(
                    self._engine, self._folder, builtin=self._builtin
                )
            return self._index

    async def search(
        self, query: str, *, kind: DocumentKind | None = None, limit: int = 5
    ) -> list[Hit]:
        """Return the best documents, best first. Raises `UnavailableError`."""
        index = await self.open()
        try:
            return await index.search(query, kind=kind, limit=limit)
        except KnowledgeError as error:
            raise UnavailableError(f"the knowledge index does not answer: {error}") from error

    async def close(self) -> None:
        """Give the data folder free."""
        async with self._opening:
            if self._index is not None:
                self._index.close()
                self._index = None
