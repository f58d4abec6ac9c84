"""The indexes of one process: kept in step with the store, exchanged when they are not."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from retrieval.documents import Progress
from retrieval.embedding.protocol import Embedder
from retrieval.errors import KnowledgeError, VectorIndexAway, VectorIndexBroken
from retrieval.indexes.chroma import ChromaIndex
from retrieval.indexes.corpus import Corpus, build_corpus, matrix
from retrieval.indexes.dense import DenseSearch, ExactSearch
from retrieval.indexes.places import ChromaServer, EmbeddedChroma
from retrieval.indexes.snapshot import (
    Held,
    forget,
    load_corpus,
    load_vectors,
    save_corpus,
    save_vectors,
)

if TYPE_CHECKING:
    from retrieval.store import DocumentStore

_log = logging.getLogger(__name__)

VectorSearch = Literal["auto", "exact", "chroma"]
"""What answers searches by meaning. "auto" compares with every vector while they are few enough for
that to be faster than an index, and takes Chroma beyond."""

EXACT_LIMIT = 20_000

RETRY_SECONDS = 5.0
"""How long a Chroma server that does not answer is left alone."""


@dataclass(frozen=True, slots=True)
class ChromaUrl:
    """A Chroma server instead of the embedded one, and the bearer token of a proxy in front of it."""

    url: str
    token: str = ""


class _Stopped(KnowledgeError):
    """The index is being closed."""


class DerivedIndexes:
    """The corpus in memory, and Chroma for the owner of the data folder.

    Chroma is brought up in the background when a search wants it; the exact search answers until
    it holds the same corpus as the store.
    """

    def __init__(
        self,
        store: DocumentStore,
        folder: Path,
        embedder: Embedder,
        vectors: VectorSearch,
        server: ChromaUrl | None = None,
    ) -> None:
        self._store = store
        self._folder = folder
        self._embedder = embedder
        # Whoever names a server wants it asked, however few passages there are.
        self._policy = "chroma" if server and vectors == "auto" else vectors
        place = ChromaServer(server.url, folder, server.token) if server else EmbeddedChroma(folder)
        self._chroma = ChromaIndex(place, folder, store, embedder.name)
        self._retry_at = 0.0
        self._corpus: Corpus | None = None
        self._exact: tuple[str, ExactSearch] | None = None
        self._ready = ""
        self._building = False
        self._closing = False
        self._loading = threading.Lock()
        self._using_chroma = threading.Lock()
        self._thread: threading.Thread | None = None
        self.trouble = ""

    def corpus(self, *, keep: bool, latest: bool = True) -> Corpus:
        """Return the corpus of the store's present revision; `keep` its lexical index on disk.

        Without `latest` the one at hand is good enough, if there is one.
        """
        with self._loading:
            if self._corpus is not None and not latest:
                return self._corpus
            revision = self._store.revision()
            if self._corpus is None or self._corpus.revision != revision:
                self._corpus = self._corpus_of(revision, keep)
            return self._corpus

    def prepare(self, corpus: Corpus) -> None:
        """Keep on disk what the first search of the next process needs."""
        if self._policy != "chroma" and corpus.entries:
            self._exact_search(corpus, keep=True)

    def _corpus_of(self, revision: int, keep: bool) -> Corpus:
        seal = self._store.seal()
        corpus = load_corpus(self._folder, seal)
        if corpus is None:
            corpus = build_corpus(self._store.rows(), revision, self._folder, keep=keep)
            # What was read may be newer than its name.
            if keep and corpus.entries and self._store.seal() == seal:
                save_corpus(self._folder, seal, corpus)
        return corpus

    def dense(self, corpus: Corpus, *, owner: bool) -> DenseSearch:
        """Return what compares vectors for a corpus now."""
        if owner and self.wanted(corpus):
            if self._ready == corpus.fingerprint:
                return self._chroma
            self._bring_up_behind(corpus)
        return self._exact_search(corpus, keep=owner)

    def wanted(self, corpus: Corpus) -> bool:
        """Return whether Chroma should answer for a corpus of this size."""
        many = len(corpus.sections.ids) + len(corpus.whole.ids) > EXACT_LIMIT
        return self._policy == "chroma" or (self._policy == "auto" and many)

    def answers(self, corpus: Corpus, *, owner: bool) -> str:
        """Return "chroma" or "exact"."""
        using = owner and self.wanted(corpus) and self._ready == corpus.fingerprint
        return "chroma" if using else "exact"

    def chroma_state(self, corpus: Corpus) -> str:
        """Return "ready", "building", "broken", "behind" or "absent"."""
        if self._building:
            return "building"
        if self.trouble:
            return "broken"
        held = self._chroma.fingerprint
        if not held:
            return "absent"
        return "ready" if held == corpus.fingerprint else "behind"

    def bring_up(self, corpus: Corpus, progress: Progress | None = None) -> None:
        """Make Chroma hold the corpus; trouble is kept for the status, as search goes on without."""
        if self._policy == "exact" or not corpus.entries:
            return
        with self._using_chroma:
            if self._ready == corpus.fingerprint:
                return
            self._building = True
            try:
                self._chroma.bring_up(corpus, self._stoppable(progress))
                self._ready = corpus.fingerprint
                self.trouble = ""
            except _Stopped:
                return
            except VectorIndexAway as error:
                self._away(error)
            except KnowledgeError as error:
                self.trouble = str(error)
                self._retry_at = float("inf")
                _log.warning("searching without Chroma: %s", error)
            finally:
                self._building = False

    def doubt(self, error: VectorIndexBroken) -> None:
        """Stop using Chroma after a search failed there; a later one starts to bring it up again.

        It is made anew, but for a server that merely does not answer.
        """
        with self._using_chroma:
            if not self._ready:
                return
            self._ready = ""
            if isinstance(error, VectorIndexAway):
                self._chroma.close()
                self._away(error)
            else:
                _log.warning("searching without Chroma for now: %s", error)
                self._chroma.start_anew()

    def rebuild(self, progress: Progress | None = None) -> None:
        """Throw all derived indexes away and make them anew."""
        with self._using_chroma:
            self._ready = ""
            self._chroma.start_anew()
        with self._loading:
            self._corpus = None
            self._exact = None
            forget(self._folder)
        corpus = self.corpus(keep=True)
        self.prepare(corpus)
        self.bring_up(corpus, progress)

    def close(self) -> None:
        """Stop what runs in the background and give the folder back."""
        self._closing = True
        if self._thread is not None:
            self._thread.join()
        self._chroma.close()

    def _away(self, error: VectorIndexAway) -> None:
        if not self.trouble:
            _log.warning("searching without Chroma for now: %s", error)
        self.trouble = str(error)
        self._retry_at = time.monotonic() + RETRY_SECONDS

    def _bring_up_behind(self, corpus: Corpus) -> None:
        with self._loading:
            if self._closing or (self._thread and self._thread.is_alive()):
                return
            if self.trouble and time.monotonic() < self._retry_at:
                return
            self._thread = threading.Thread(
                target=self._bring_up_latest, args=(corpus,), name="chroma", daemon=True
            )
            self._thread.start()

    def _bring_up_latest(self, corpus: Corpus) -> None:
        # A change may have come before this thread did: what is older must not replace it.
        self.bring_up(self._corpus or corpus)

    def _exact_search(self, corpus: Corpus, *, keep: bool = False) -> ExactSearch:
        with self._loading:
            if self._exact is None or self._exact[0] != corpus.fingerprint:
                held = self._vectors(corpus, keep)
                self._exact = (corpus.fingerprint, ExactSearch(held.whole, held.sections))
            return self._exact[1]

    def _vectors(self, corpus: Corpus, keep: bool) -> Held:
        name, dimension = self._embedder.name, self._embedder.dimension
        held = load_vectors(self._folder, name, corpus, dimension)
        if held is None:
            blobs = self._store.vectors(name)
            held = Held(
                matrix(corpus.whole, blobs, dimension), matrix(corpus.sections, blobs, dimension)
            )
            if keep:
                save_vectors(self._folder, name, corpus, held)
        return held

    def _stoppable(self, progress: Progress | None) -> Progress:
        def step(done: int, total: int, what: str) -> None:
            if self._closing:
                raise _Stopped
            if progress is not None:
                progress(done, total, what)

        return step
