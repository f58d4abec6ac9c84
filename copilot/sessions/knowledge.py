"""Opens the knowledge index, late: most of its cost is only paid when something is searched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine

from copilot.agent.client import check_fuse
from copilot.config.settings import Settings
from copilot.model.errors import UnavailableError
from copilot.tools.redact import redact
from retrieval.errors import IndexLocked, KnowledgeError
from retrieval.values import DocumentKind, Hit

if TYPE_CHECKING:
    from copilot.evidence.case import Case
    from retrieval.embedding.protocol import Embedder
    from retrieval.incidents import Circumstances
    from retrieval.indexes.derived import ChromaUrl
    from retrieval.knowledge import KnowledgeIndex

T = TypeVar("T")

_log = logging.getLogger(__name__)

_LEARNED = 2000
"""How many documents of logs and traces are kept at most."""


async def open_knowledge(
    engine: Engine, folder: Path, *, builtin: bool, settings: Settings | None = None
) -> KnowledgeIndex:
    """Open the index in `folder`, as `settings` say. Raises `UnavailableError` and `ConfigError`."""
    from retrieval.knowledge import KnowledgeIndex

    try:
        embedder = _embedder(settings) if settings else None
        return await asyncio.to_thread(
            KnowledgeIndex.open,
            engine,
            folder / "knowledge",
            embedder=embedder,
            builtin=builtin,
            server=_server(settings) if settings else None,
        )
    except (KnowledgeError, OSError) as error:
        raise UnavailableError(
            f"the knowledge index cannot be opened: {error}",
            hint="try: incident-copilot index rebuild",
        ) from error


def _embedder(settings: Settings) -> Embedder | None:
    """Return the embedder of the settings, None for the bundled one."""
    section = settings.knowledge.embedder
    if section.kind == "openai":
        from retrieval.embedding.openai import MODEL, URL, EndpointSettings, OpenAIEmbedder

        url = section.url or URL
        check_fuse(url)
        key = section.api_key.get_secret_value()
        # A key goes to the endpoint that it was given for, and to no other.
        if not key and url.rstrip("/") == (settings.model.base_url or URL).rstrip("/"):
            key = settings.model.api_key.get_secret_value()
        return OpenAIEmbedder(
            EndpointSettings(
                url,
                section.model or MODEL,
                key,
                section.dimension,
                section.timeout,
                mask=redact,
            )
        )
    if section.kind == "fastembed":
        from retrieval.embedding import local

        return local.FastembedModel(section.folder or Path(), section.model or local.MODEL)
    return None


def _server(settings: Settings) -> ChromaUrl | None:
    section = settings.knowledge
    if not section.chroma_url:
        return None
    from retrieval.indexes.derived import ChromaUrl

    check_fuse(section.chroma_url)
    return ChromaUrl(section.chroma_url, section.chroma_token.get_secret_value())


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

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings
        self._learning: set[asyncio.Task[None]] = set()
        self._index: KnowledgeIndex | None = None
        self._opening = asyncio.Lock()

    async def open(self) -> KnowledgeIndex:
        """Return the index itself. Raises `UnavailableError`."""
        async with self._opening:
            if self._index is None:
                self._index = await open_knowledge(
                    self._engine,
                    self._settings.state.folder,
                    builtin=self._settings.knowledge.builtin,
                    settings=self._settings,
                )
            return self._index

    async def search(
        self,
        query: str,
        *,
        kind: DocumentKind | None = None,
        limit: int = 5,
        today: Circumstances | None = None,
    ) -> list[Hit]:
        """Return the best documents, best first. Raises `UnavailableError`."""
        index = await self.open()
        try:
            return await index.search(query, kind=kind, limit=limit, today=today)
        except KnowledgeError as error:
            raise UnavailableError(f"the knowledge index does not answer: {error}") from error

    def learn(self, case: Case) -> None:
        """Keep what an investigation read as documents, in the background; another owner of the index does without."""
        if self._settings.knowledge.learn:
            task = asyncio.get_running_loop().create_task(self._learn(case))
            self._learning.add(task)
            task.add_done_callback(self._learning.discard)

    async def _learn(self, case: Case) -> None:
        from copilot.sessions.learning import documents_of

        def work(index: KnowledgeIndex) -> None:
            if index.owner:
                index.put(documents_of(case, index), case.now, most=_LEARNED, later=True)

        try:
            await asyncio.to_thread(work, await self.open())
        except (KnowledgeError, UnavailableError) as error:
            _log.info("nothing was learned: %s", error)

    async def close(self) -> None:
        """Finish what is being learned, and give the data folder free."""
        await asyncio.gather(*self._learning)
        async with self._opening:
            if self._index is not None:
                self._index.close()
                self._index = None
