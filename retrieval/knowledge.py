"""The team's knowledge in one object: documents in, the best sections for a question out."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.derived_documents import TEMPLATES, TRACES
from retrieval.documents import Document, IndexStatus, IngestReport, Progress
from retrieval.embedding.minilm import MiniLM
from retrieval.embedding.protocol import Embedder
from retrieval.errors import (
    EmbeddingUnavailable,
    IndexLocked,
    KnowledgeError,
    UnreadableFile,
    VectorIndexBroken,
)
from retrieval.incidents import Circumstances, facts, weighed
from retrieval.indexes.lock import FolderLock, holder
from retrieval.indexes.words import spoken
from retrieval.ingestion.front_matter import clean
from retrieval.values import BuiltIn, DocumentKind, Hit

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from retrieval.embedding.protocol import Vectors
    from retrieval.indexes.corpus import Corpus
    from retrieval.indexes.derived import DerivedIndexes, VectorSearch
    from retrieval.indexes.hybrid import Found
    from retrieval.ingestion.ingest import Ingestion
    from retrieval.store import DocumentStore, Passage

_log = logging.getLogger(__name__)

ACCEPTED = "accepted/"
"""What the paths of accepted postmortems begin with."""

_FILELESS = (ACCEPTED, TEMPLATES, TRACES)

_SPARE = 10
"""How many more documents are looked at than asked for, to put others in the place of copies."""


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
        self,
        query: str,
        *,
        kind: DocumentKind | None = None,
        limit: int = 5,
        builtin: BuiltIn = BuiltIn.UNLESS_NEAR,
        today: Circumstances | None = None,
    ) -> list[Hit]:
        """Return the best documents for a free-text query, best first, each document once.

        `builtin` says where the packaged runbooks come, in an index that has them. With `today` past
        incidents are also ordered by age, outcome, recurrence and how near their services are.
        """
        return await asyncio.to_thread(
            self.search_now, query, kind=kind, limit=limit, builtin=builtin, today=today
        )

    def search_now(
        self,
        query: str,
        *,
        kind: DocumentKind | None = None,
        limit: int = 5,
        builtin: BuiltIn = BuiltIn.UNLESS_NEAR,
        today: Circumstances | None = None,
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
        place = builtin if self._builtin else BuiltIn.NEVER
        deeper = limit + _SPARE
        try:
            found = self._found(corpus, query, kind, place, deeper)
        except VectorIndexBroken as error:
            self._derived.doubt(error)
            found = self._found(corpus, query, kind, place, deeper)
        found = self._spread(corpus, found)
        return weighed(self._hits(found if today else found[:limit]), today)[:limit]

    def _hits(self, found: Sequence[Found]) -> list[Hit]:
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
                metadata=_told(passage),
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

    def accept(
        self,
        identity: str,
        title: str,
        text: str,
        metadata: Mapping[str, str],
        now: datetime,
    ) -> IngestReport:
        """Index a postmortem that was accepted: a past incident without a file of its own.

        `metadata` may tell date, services, cause, fix and held. The same `identity` replaces what it
        held before; `remove` of the path `accepted/IDENTITY` forgets it. Raise `IndexLocked` when not the
        owner.
        """
        path = f"{ACCEPTED}{identity}"
        known = {"id": identity, **{name: clean(value) for name, value in metadata.items()}}
        document = Document(
            path, path, DocumentKind.INCIDENT, clean(title), clean(text), known, builtin=False
        )
        with self._change():
            ingestion = self._ingestion(now, None)
            report = ingestion.documents(path, [document], complete=False)
            self._embedding_trouble = ingestion.failure
            self._derive(None)
            return report

    def put(self, documents: Iterable[Document], now: datetime) -> IngestReport:
        """Index documents that have no file: those of `retrieval.derived_documents`.

        Those that are as they were cost nothing. Raise `IndexLocked` when not the owner.
        """
        report = IngestReport()
        with self._change():
            ingestion = self._ingestion(now, None)
            for document in documents:
                report = ingestion.documents(document.file, [document], complete=False)
            self._embedding_trouble = ingestion.failure
            if report.added or report.updated:
                self._derive(None)
        return report

    def remove(self, path: Path) -> IngestReport:
        """Forget a file, folder or document, and stop refreshing it.

        A file in a folder that was added comes back with the next refresh while it is there. Raise
        `KnowledgeError` when nothing of it is indexed, `IndexLocked` when not the owner.
        """
        from retrieval.ingestion.ingest import within
        from retrieval.ingestion.walk import absolute

        with self._change():
            given = str(path)
            root = given if given.startswith(_FILELESS) else str(absolute(path))
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
        text: str,
        kind: DocumentKind | None,
        builtin: BuiltIn,
        limit: int,
    ) -> list[Found]:
        from retrieval.indexes import hybrid
        from retrieval.indexes.understanding import Meaning, understood

        dense = self._derived.dense(corpus, owner=self.owner)

        def nearest(vector: Vectors) -> float:
            mine = corpus.allowed(builtin=False if builtin is BuiltIn.NEVER else None)
            found = dense.nearest(vector, corpus, corpus.whole, mine, None, 1)
            return max((best.score for best in found.values()), default=0.0)

        query = understood(text, corpus, Meaning(self._embedder.name, self._embedded, nearest))
        return hybrid.search(corpus, query, dense, kind=kind, builtin=builtin, limit=limit)

    def _spread(self, corpus: Corpus, found: list[Found]) -> list[Found]:
        import numpy as np

        from retrieval.indexes.diversity import spread

        whole = corpus.whole
        ids = [whole.ids[int(whole.starts[each.document])] for each in found]
        blobs = self._store.vectors(self._embedder.name, ids)
        vectors = [
            np.frombuffer(blobs[identity], dtype="<f4") if identity in blobs else None
            for identity in ids
        ]
        return spread(found, vectors)

    def _embedded(self, text: str) -> Vectors | None:
        try:
            vector: Vectors = self._embedder.embed([spoken(text)])[0]
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
        corpus = self._derived.corpus(keep=True)
        self._derived.prepare(corpus)
        self._derived.bring_up(corpus, progress)

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


def _told(passage: Passage) -> dict[str, str]:
    if passage.kind is not DocumentKind.INCIDENT:
        return passage.metadata
    return {**passage.metadata, **facts(passage.metadata, passage.body)}
