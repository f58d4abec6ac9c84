"""Keeps the store in step with files: adds, updates and removes only what changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.documents import Document, IngestReport, Progress
from retrieval.embedding.protocol import Embedder
from retrieval.errors import UnreadableFile
from retrieval.ingestion.embedding import PassageMaker
from retrieval.ingestion.loaders import load
from retrieval.ingestion.splitting import CHUNKER
from retrieval.ingestion.walk import absolute, files
from retrieval.store import DocumentStore, Stored
from retrieval.values import DocumentKind

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

_log = logging.getLogger(__name__)


class Ingestion:
    """One run over files. Each document is stored by itself, so that a killed run loses nothing
    that it reported, and the next one goes on where it stopped.
    """

    def __init__(
        self,
        store: DocumentStore,
        embedder: Embedder,
        now: datetime | None,
        progress: Progress | None = None,
        packaged: Mapping[str, Vectors] | None = None,
        *,
        words_only: bool = False,
    ) -> None:
        """`packaged` holds vectors by passage id; with `words_only` no others are made now."""
        self._store = store
        self._embedder = embedder
        self._maker = PassageMaker(embedder, words_only=words_only)
        self._now = now
        self._progress = progress
        self._packaged = packaged or {}
        self._stored = store.stored()
        self._paths: dict[str, set[str]] = {}
        for stored in self._stored.values():
            self._paths.setdefault(stored.file, set()).add(stored.path)
        self._report = IngestReport()

    @property
    def failure(self) -> str:
        """Why passages were stored without vectors, "" if they were not."""
        return self._maker.failure

    def source(self, root: Path, kind: DocumentKind | None) -> IngestReport:
        """Bring everything under a file or folder up to date, and drop what is gone from it.

        A file that is there but cannot be read keeps its last good version and is reported.
        """
        self._report = IngestReport()
        root = absolute(root)
        if not root.is_dir():
            if root.exists():
                self._files([root], kind)
            else:
                self._missing(str(root))
            return self._report
        found = list(files(root, self._skip))
        present = {str(file) for file in found}
        self._files(found, kind)
        gone = [
            stored
            for stored in self._stored.values()
            if not stored.builtin and within(stored.file, str(root)) and stored.file not in present
        ]
        # A folder that could not be listed is not an empty one.
        unlisted = [path for path, _ in self._report.skipped if path not in present]
        self._forget(
            stored for stored in gone if not any(within(stored.file, path) for path in unlisted)
        )
        return self._report

    def documents(
        self, file: str, documents: Iterable[Document], *, complete: bool
    ) -> IngestReport:
        """Store the documents of one file; with `complete` those no longer in it are dropped.

        Return what was done since the last source.
        """
        paths: set[str] = set()
        for document in documents:
            paths.add(document.path)
            self._document(document)
        if complete:
            gone = self._paths.get(file, set()) - paths
            self._forget([self._stored[path] for path in sorted(gone)])
        return self._report

    def tell(self, done: int, total: int, what: str) -> None:
        """Report progress that is not of files."""
        if self._progress is not None:
            self._progress(done, total, what)

    def holds(self, file: str) -> bool:
        """Return whether any document of a file is stored."""
        return bool(self._paths.get(file))

    def revise(self, identity: str) -> None:
        """Split and embed a stored document again, from the stored text."""
        document = self._store.document(identity)
        if document is not None:
            embedded = self._maker.passages(document, self._known(identity))
            self._store.revise(identity, embedded, embedder=self._embedder.name, chunker=CHUNKER)

    def _missing(self, root: str) -> None:
        under = [stored for stored in self._stored.values() if within(stored.file, root)]
        if any(stored.file != root for stored in under):
            # More likely not mounted than emptied.
            self._skip(root, f"the folder is missing; its {len(under)} documents are kept")
        elif under:
            self._forget(under)
        else:
            self._skip(root, "no such file or folder")

    def _files(self, found: list[Path], kind: DocumentKind | None) -> None:
        for done, file in enumerate(found, 1):
            try:
                loaded = load(file, kind=kind)
            except UnreadableFile as error:
                self._skip(str(file), str(error))
            else:
                for place, reason in loaded.problems:
                    self._skip(f"{file}#{place}" if place else str(file), reason)
                # A record that is broken just now keeps its last good version too.
                self.documents(str(file), loaded.documents, complete=not loaded.problems)
            if self._progress is not None:
                self._progress(done, len(found), str(file))

    def _document(self, document: Document) -> None:
        stored = self._stored.get(document.path)
        if stored and stored.content_hash == document.content_hash and stored.chunker == CHUNKER:
            self._report = replace(self._report, unchanged=self._report.unchanged + 1)
            return
        known = self._known(document.id) if stored else dict(self._packaged)
        embedded = self._maker.passages(document, {**self._packaged, **known})
        self._store.put(
            document,
            embedded,
            embedder=self._embedder.name,
            chunker=CHUNKER,
            now=self._now,
        )
        self._stored[document.path] = Stored(
            document.id,
            document.path,
            document.file,
            document.content_hash,
            CHUNKER,
            document.builtin,
        )
        self._paths.setdefault(document.file, set()).add(document.path)
        if stored:
            self._report = replace(self._report, updated=self._report.updated + 1)
        else:
            self._report = replace(self._report, added=self._report.added + 1)

    def _known(self, identity: str) -> dict[str, Vectors]:
        import numpy as np

        blobs = self._store.known(identity, self._embedder.name)
        return {chunk: np.frombuffer(blob, dtype="<f4") for chunk, blob in blobs.items()}

    def _forget(self, gone: Iterable[Stored]) -> None:
        forgotten = list(gone)
        self._store.remove([stored.id for stored in forgotten])
        for stored in forgotten:
            del self._stored[stored.path]
            self._paths[stored.file].discard(stored.path)
        self._report = replace(self._report, removed=self._report.removed + len(forgotten))

    def _skip(self, path: str, reason: str) -> None:
        _log.info("skipped %s: %s", path, reason)
        self._report = replace(self._report, skipped=(*self._report.skipped, (path, reason)))


def within(path: str, root: str) -> bool:
    """Return whether a path is a root or lies under it."""
    return path == root or path.startswith(root.rstrip("/") + "/")
