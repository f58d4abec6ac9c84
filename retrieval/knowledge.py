"""The team's knowledge in one object: documents in, the best sections for a question out."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.derived_documents import TEMPLATES, TRACES
from retrieval.documents import Document, IndexStatus, IngestReport, Progress
from retrieval.embedding.checked import CheckedEmbedder
from retrieval.embedding.minilm import FAMILY, MiniLM
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
from retrieval.mending import Mending
from retrieval.values import BuiltIn, DocumentKind, Hit

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from retrieval.embedding.protocol import Vectors
    from retrieval.indexes.corpus import Corpus
    from retrieval.indexes.derived import ChromaUrl, DerivedIndexes, VectorSearch
    from retrieval.indexes.hybrid import Found
    from retrieval.ingestion.ingest import Ingestion
    from retrieval.store import DocumentStore, Passage

_log = logging.getLogger(__name__)

ACCEPTED = "accepted/"
"""What the paths of accepted postmortems begin with."""

_DERIVED = (TEMPLATES, TRACES)
_FILELESS = (ACCEPTED, *_DERIVED)

_TELEMETRY = 2
"""How many documents of logs and traces come before others, where all kinds are asked for."""

PATIENCE_SECONDS = 10.0
"""How long a model that could not be used is left alone by searches."""

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
        self._mending = Mending(self._stale, self._mend, self._mended)
        self._embedding_trouble = ""
        self._ask_again_at = 0.0
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
        server: ChromaUrl | None = None,
        progress: Progress | None = None,
    ) -> KnowledgeIndex:
        """Open the knowledge in a database, with derived indexes in `data_folder`.

        `server` is a Chroma server instead of the embedded one. `builtin` includes the packaged runbooks: the owner stores them now if they changed.
        Raise `KnowledgeError` when the database or the folder cannot be used.
        """
        from retrieval.indexes.derived import DerivedIndexes
        from retrieval.store import DocumentStore

        store = DocumentStore(engine)
        store.revision()
        given = embedder or MiniLM()
        chosen = CheckedEmbedder(given, store.dimension(given.name))
        lock = FolderLock.take(data_folder)
        derived = DerivedIndexes(store, data_folder, chosen, vectors, server)
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
        self._mending.close()
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
        fill: bool = False,
    ) -> list[Hit]:
        """Return the best documents for a free-text query, best first, each document once.

        `builtin` says where the packaged runbooks come, in an index that has them. With `today` past
        incidents are also ordered by age, outcome, recurrence and how near their services are. With
        `fill` there are `limit` of the team's own, if it has so many, those that nothing speaks for last.
        """
        return await asyncio.to_thread(
            self.search_now,
            query,
            kind=kind,
            limit=limit,
            builtin=builtin,
            today=today,
            fill=fill,
        )

    def search_now(
        self,
        query: str,
        *,
        kind: DocumentKind | None = None,
        limit: int = 5,
        builtin: BuiltIn = BuiltIn.UNLESS_NEAR,
        today: Circumstances | None = None,
        fill: bool = False,
    ) -> list[Hit]:
        """Search in the calling thread."""
        query = clean(query).strip()
        if limit < 1 or not query:
            return []
        if self.owner:
            self._mending.start()
        # While this process ingests, every document is a new revision: answer from before it.
        settled = not self._changing.locked() and not self._mending.running
        corpus = self._derived.corpus(keep=self.owner and settled, latest=settled)
        place = builtin if self._builtin else BuiltIn.NEVER
        deeper = limit + _SPARE

        def ask() -> tuple[list[Found], list[Hit]]:
            try:
                found = self._found(corpus, query, kind, place, deeper, fill)
            except VectorIndexBroken as error:
                self._derived.doubt(error)
                found = self._found(corpus, query, kind, place, deeper, fill)
            found = self._spread(corpus, found) if found else []
            if kind is None:
                found = _telemetry_last(corpus, found)
            found = found if today else found[:limit]
            return found, self._hits(found)

        found, hits = ask() if corpus.entries else ([], [])
        if len(hits) < len(found) and not settled:
            # What this corpus names was split anew meanwhile.
            corpus = self._derived.corpus(keep=False)
            found, hits = ask()
        return weighed(hits, today)[:limit]

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

    def put(
        self, documents: Iterable[Document], now: datetime, *, most: int = 0, later: bool = False
    ) -> IngestReport:
        """Index documents that have no file: those of `retrieval.derived_documents`.

        Those that are as they were cost nothing. With `most` no new one is stored once there are so many.
        With `later` they are found by their words at once, and embedded in the background of a later search.
        Raise `IndexLocked` when not the owner.
        """
        report = IngestReport()
        with self._change():
            known = self._store.stored()
            room = most - sum(path.startswith(_DERIVED) for path in known) if most else len(known)
            ingestion = self._ingestion(now, None, words_only=later)
            for document in documents:
                new = document.path not in known
                if most and new and room <= 0:
                    continue
                room -= new
                report = ingestion.documents(document.file, [document], complete=False)
            if not later:
                self._embedding_trouble = ingestion.failure
            if (report.added or report.updated) and not later:
                self._derive(None)
        if later and (report.added or report.updated):
            self._mending.again()
        return report

    def text(self, identity: str) -> str:
        """Return the text of a document by its id, "" when there is none."""
        document = self._store.document(identity)
        return document.text if document is not None else ""

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
            telemetry=counts.telemetry,
        )

    def _notes(self, stale: int) -> Iterator[str]:
        if not self.owner:
            yield (
                f"{holder(self._folder)} owns {self._folder}: "
                "this one searches the stored vectors and changes nothing"
            )
        if self._embedding_trouble:
            yield f"searching by words only: {self._embedding_trouble}"
        elif stale and self._mending.running:
            yield f"{stale} passages are being embedded by {self._embedder.name}; words find them"
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
        fill: bool,
    ) -> list[Found]:
        from retrieval.indexes import hybrid
        from retrieval.indexes.understanding import Meaning, understood

        dense = self._derived.dense(corpus, owner=self.owner)

        def nearest(vector: Vectors) -> float:
            mine = corpus.allowed(builtin=False if builtin is BuiltIn.NEVER else None)
            found = dense.nearest(vector, corpus, corpus.whole, mine, None, 1)
            return max((best.score for best in found.values()), default=0.0)

        known = self._embedder.name.startswith(FAMILY)
        meaning = Meaning(self._embedder.name, self._embedded, nearest, known)
        query = understood(text, corpus, meaning)
        return hybrid.search(
            corpus, query, dense, kind=kind, builtin=builtin, limit=limit, fill=fill
        )

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
        if self._embedding_trouble and time.monotonic() < self._ask_again_at:
            return None
        try:
            vector: Vectors = self._embedder.embed([spoken(text)])[0]
        except EmbeddingUnavailable as error:
            if not self._embedding_trouble:
                _log.warning("searching by words only: %s", error)
            self._embedding_trouble = str(error)
            # A search must not wait again and again for an endpoint that is away.
            self._ask_again_at = time.monotonic() + PATIENCE_SECONDS
            return None
        self._embedding_trouble = ""
        return vector

    def _store_library(self, progress: Progress | None) -> None:
        from retrieval.library import packaged_documents, packaged_vectors

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
        # Vectors of another model than the bundled one are made in the background, after the first search.
        ingestion = self._ingestion(
            None, None, words_only=not packaged_vectors(self._embedder.name)
        )
        for done, document in enumerate(missing, 1):
            ingestion.documents(document.file, [document], complete=False)
            if progress is not None:
                progress(done, len(missing), document.path)

    def _ingestion(
        self, now: datetime | None, progress: Progress | None, *, words_only: bool = False
    ) -> Ingestion:
        from retrieval.ingestion.ingest import Ingestion
        from retrieval.library import packaged_vectors

        packaged = packaged_vectors(self._embedder.name) if self._builtin else {}
        return Ingestion(
            self._store, self._embedder, now, progress, packaged, words_only=words_only
        )

    def _stale(self) -> list[str]:
        from retrieval.ingestion.splitting import CHUNKER

        return self._store.stale(self._embedder.name, CHUNKER)

    def _mend(self, identity: str) -> bool:
        """Embed a document anew; return whether there is any use in going on."""
        with self._changing:
            if self._lock is None:
                return False
            ingestion = self._ingestion(None, None)
            ingestion.revise(identity)
            self._embedding_trouble = ingestion.failure
            return not ingestion.failure

    def _mended(self) -> None:
        with self._changing:
            if self._lock is not None:
                self._derive(None)

    def _revise(self, ingestion: Ingestion) -> None:
        stale = self._stale()
        for done, identity in enumerate(stale, 1):
            ingestion.revise(identity)
            ingestion.tell(done, len(stale), "embedding")
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


def _telemetry_last(corpus: Corpus, found: list[Found]) -> list[Found]:
    """Return documents with all but the first of logs and traces at the end: there are many alike."""
    from retrieval.indexes.diversity import behind

    made = [each for each in found if corpus.entries[each.document].kind is DocumentKind.TELEMETRY]
    return behind(found, made[_TELEMETRY:])


def _told(passage: Passage) -> dict[str, str]:
    if passage.kind is not DocumentKind.INCIDENT:
        return passage.metadata
    return {**passage.metadata, **facts(passage.metadata, passage.body)}
