"""The team's knowledge in one object: documents in, the best sections for a question out."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.documents import IndexStatus, IngestReport, Progress
from retrieval.embedding.minilm import MiniLM
from retrieval.embedding.protocol import Embedder
from retrieval.errors import (
    EmbeddingUnavailable,
    IndexLocked,
    KnowledgeError,
    UnreadableFile,
    VectorIndexBroken,
)
from retrieval.indexes.ideas import expansion
from retrieval.indexes.lock import FolderLock, holder
from retrieval.ingestion.front_matter import clean
from retrieval.values import DocumentKind, Hit

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from retrieval.embedding.protocol import Vectors
    from retrieval.indexes.corpus import Corpus
    from retrieval.indexes.derived import DerivedIndexes, VectorSearch
    from retrieval.indexes.hybrid import Found
    from retrieval.ingestion.ingest import Ingestion
    from retrieval.store import DocumentStore

_log = logging.getLogger(__name__)


class KnowledgeIndex:
    """Runbooks and past incidents that can be searched. Fits `retrieval.values.KnowledgeSource`.

    The first process to open a data folder owns it until it closes; the others can search, and
    get `IndexLocked` when they try to change anything. Changes block: run them in a thread.
    """

    def __init__(
        self,
        store: DocumentStore,
        derived: DerivedIndexes,
        folder: Path,
        embedder: Embedder,
        lock: FolderLock | None,
        *,
        builtin: bool,
    ) -> None:
        self._store = store
        self._derived = derived
        self._folder = folder
        self._embedder = embedder
        self._lock = lock
        self._builtin = builtin
        self._changing = threading.Lock()
        self._embedding_trouble = ""
        self._library_trouble = ""

    @classmethod
    def open(
        cls,
        engine: Engine,
        data_folder: Path,
        *,
        embedder: Embedder | None = None,
        builtin: bool = True,
        vectors: VectorSearch = "auto",
        progress: Progress | None = None,
    ) -> KnowledgeIndex:
        """Open the knowledge in a database, with derived indexes in `data_folder`.

        `builtin` includes the packaged runbooks: the owner stores them now if they changed.
        Raise `KnowledgeError` when the database or the folder cannot be used.
        """
        from retrieval.indexes.derived import DerivedIndexes
        from retrieval.store import DocumentStore

        chosen = embedder or MiniLM()
        store = DocumentStore(engine)
        store.revision()
        lock = FolderLock.take(data_folder)
        derived = DerivedIndexes(store, data_folder, chosen, vectors)
        index = cls(store, derived, data_folder, chosen, lock, builtin=builtin)
        if builtin and lock is not None:
            try:
                index._store_library(progress)
            except UnreadableFile as error:
                index._library_trouble = str(error)
            except BaseException:
                index.close()
                raise
        return index

    def close(self) -> None:
        """Give the data folder to whoever opens it next."""
        self._derived.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def __enter__(self) -> KnowledgeIndex:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def owner(self) -> bool:
        """Whether this process may change the index."""
        return self._lock is not None

    async def search(
        self, query: str, *, kind: DocumentKind | None = None, limit: int = 5
    ) -> list[Hit]:
        """Return the best documents for a free-text query, best first, each document once."""
        return await asyncio.to_thread(self.search_now, query, kind=kind, limit=limit)

    def search_now(
        self, query: str, *, kind: DocumentKind | None = None, limit: int = 5
    ) -> list[Hit]:
        """Search in the calling thread."""
        query = clean(query).strip()
        if limit < 1 or not query:
            return []
        # While this process ingests, every document is a new revision: answer from before it.
        settled = not self._changing.locked()
        corpus = self._derived.corpus(keep=self.owner and settled, latest=settled)
        if not corpus.entries:
            return []
        wider = expansion(query)
        vector = self._embedded(query, wider)
        try:
            found = self._found(corpus, query, wider, vector, kind, limit)
        except VectorIndexBroken as error:
            self._derived.doubt(error)
            found = self._found(corpus, query, wider, vector, kind, limit)
        passages = self._store.passages([each.section for each in found])
        return [
            Hit(
                document=passage.document,
                kind=passage.kind,
                title=passage.title,
                section=passage.section,
                text=passage.text,
                score=each.score,
                path=passage.path,
                builtin=passage.builtin,
                metadata=passage.metadata,
            )
            for each in found
            if (passage := passages.get(each.section)) is not None
        ]

    def add(
        self,
        paths: Iterable[Path],
        now: datetime,
        kind: DocumentKind | None = None,
        progress: Progress | None = None,
    ) -> IngestReport:
        """Index files and folders, and remember them for refreshes.

        What is unchanged is not embedded again; what cannot be read is reported and skipped.
        `kind` is for documents that do not say theirs. Raise `IndexLocked` when not the owner.
        """
        from retrieval.ingestion.walk import absolute

        with self._change():
            ingestion = self._ingestion(now, progress)
            report = IngestReport()
            for path in paths:
                root = absolute(path)
                if root.exists():
                    # First, so that a refresh goes on where a killed run stopped.
                    self._store.add_source(str(root), kind, now)
                report += ingestion.source(root, kind)
                if not root.is_dir() and not ingestion.holds(str(root)):
                    self._store.remove_source(str(root))
            self._embedding_trouble = ingestion.failure
            self._derive(progress)
            return report

    def refresh(self, now: datetime, progress: Progress | None = None) -> IngestReport:
        """Bring everything added in step with its source, and embed what lacks a current vector.

        Raise `IndexLocked` when not the owner.
        """
        with self._change():
            ingestion = self._ingestion(now, progress)
            report = IngestReport()
            for path, kind in self._store.sources().items():
                report += ingestion.source(Path(path), kind)
            self._revise(ingestion)
            self._derive(progress)
            return report

    def remove(self, path: Path) -> IngestReport:
        """Forget a file, folder or document, and stop refreshing it.

        A file in a folder that was added comes back with the next refresh while it is there. Raise
        `KnowledgeError` when nothing of it is indexed, `IndexLocked` when not the owner.
        """
        from retrieval.ingestion.ingest import within
        from retrieval.ingestion.walk import absolute

        with self._change():
            root = str(absolute(path))
            known = self._store.remove_source(root)
            gone = [
                stored.id
                for stored in self._store.stored().values()
                if not stored.builtin and (within(stored.file, root) or stored.path == root)
            ]
            if not known and not gone:
                raise KnowledgeError(f"nothing of {root} is indexed: see the index's status")
            self._store.remove(gone)
            self._derive(None)
            return IngestReport(removed=len(gone))

    def rebuild(self, progress: Progress | None = None) -> IndexStatus:
        """Make all derived indexes anew from the store, embedding only what lacks a vector.

        Raise `IndexLocked` when not the owner.
        """
        with self._change():
            self._revise(self._ingestion(None, progress))
            self._derived.rebuild(progress)
        return self.status()

    def status(self) -> IndexStatus:
        """Return the state of the index."""
        corpus = self._derived.corpus(keep=self.owner)
        counts = self._store.counts(self._embedder.name, builtin=self._builtin)
        usable = counts.stale < counts.chunks and not self._embedding_trouble
        answers = self._derived.answers(corpus, owner=self.owner)
        return IndexStatus(
            documents=counts.runbooks + counts.incidents,
            chunks=counts.chunks,
            runbooks=counts.runbooks,
            incidents=counts.incidents,
            builtin=counts.builtin,
            sources=tuple(self._store.sources()),
            embedder=self._embedder.name,
            stale=counts.stale,
            owner=self.owner,
            vectors=answers if usable else "none",
            chroma=self._derived.chroma_state(corpus),
            revision=corpus.revision,
            updated_at=counts.updated_at,
            notes=tuple(self._notes(counts.stale)),
        )

    def _notes(self, stale: int) -> Iterator[str]:
        if not self.owner:
            yield (
                f"{holder(self._folder)} owns {self._folder}: "
                "this one searches the stored vectors and changes nothing"
            )
        if self._embedding_trouble:
            yield f"searching by words only: {self._embedding_trouble}"
        elif stale:
            yield f"{stale} passages have no vector of {self._embedder.name}: refresh the index"
        if self._derived.trouble:
            yield f"searching the stored vectors instead of Chroma: {self._derived.trouble}"
        if self._library_trouble:
            yield self._library_trouble

    def _found(
        self,
        corpus: Corpus,
        query: str,
        wider: str,
        vector: Vectors | None,
        kind: DocumentKind | None,
        limit: int,
    ) -> list[Found]:
        from retrieval.indexes import hybrid

        dense = self._derived.dense(corpus, owner=self.owner) if vector is not None else None
        return hybrid.search(
            corpus,
            query,
            vector,
            dense,
            wider=wider,
            kind=kind,
            builtin=self._builtin,
            limit=limit,
        )

    def _embedded(self, query: str, wider: str) -> Vectors | None:
        """Return the query's vector; with more words for it, half-way to the vector of both."""
        import numpy as np

        texts = [query, f"{query}. {wider}"] if wider else [query]
        try:
            vector: Vectors = np.mean(self._embedder.embed(texts), axis=0)
            vector = vector / (np.linalg.norm(vector) or 1.0)
        except EmbeddingUnavailable as error:
            if not self._embedding_trouble:
                _log.warning("searching by words only: %s", error)
            self._embedding_trouble = str(error)
            return None
        self._embedding_trouble = ""
        return vector

    def _store_library(self, progress: Progress | None) -> None:
        from retrieval.library import packaged_documents

        stored = self._store.stored()
        documents = packaged_documents()
        kept = {document.path: document.content_hash for document in documents}
        self._store.remove(
            [each.id for each in stored.values() if each.builtin and each.path not in kept]
        )
        present = {path: each.content_hash for path, each in stored.items()}
        missing = [each for each in documents if present.get(each.path) != each.content_hash]
        if not missing:
            return
        ingestion = self._ingestion(None, None)
        for done, document in enumerate(missing, 1):
            ingestion.documents(document.file, [document], complete=False)
            if progress is not None:
                progress(done, len(missing), document.path)

    def _ingestion(self, now: datetime | None, progress: Progress | None) -> Ingestion:
        from retrieval.ingestion.ingest import Ingestion
        from retrieval.library import packaged_vectors

        packaged = packaged_vectors(self._embedder.name) if self._builtin else {}
        return Ingestion(self._store, self._embedder, now, progress, packaged)

    def _revise(self, ingestion: Ingestion) -> None:
        from retrieval.ingestion.splitting import CHUNKER

        for identity in self._store.stale(self._embedder.name, CHUNKER):
            ingestion.revise(identity)
        self._embedding_trouble = ingestion.failure

    def _derive(self, progress: Progress | None) -> None:
        self._derived.bring_up(self._derived.corpus(keep=True), progress)

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._changing:
            if self._lock is None:
                # The owner may have ended since.
                self._lock = FolderLock.take(self._folder)
            if self._lock is None:
                raise IndexLocked(
                    f"{holder(self._folder)} owns the knowledge index in {self._folder}: it can be "
                    "searched but not changed here; stop that process or make the change there"
                )
            yield
