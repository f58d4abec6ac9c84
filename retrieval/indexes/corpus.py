"""Everything that search holds in memory: one immutable picture of the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from retrieval.documents import View
from retrieval.indexes.lexical import LexicalIndex
from retrieval.values import DocumentKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.embedding.protocol import Vectors
    from retrieval.store import Row


TITLES = "lexical-title"
"""The folder of the titles' index."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A document in the corpus."""

    id: str
    kind: DocumentKind
    builtin: bool


@dataclass(frozen=True)
class Passages:
    """One view of all documents. `owner[i]` is the document of passage `i`, in rising order."""

    view: View
    ids: tuple[str, ...]
    owner: NDArray[np.int64]
    lexical: LexicalIndex

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The first passage of each document."""
        import numpy as np

        return np.searchsorted(self.owner, np.arange(int(self.owner[-1]) + 1))

    @cached_property
    def positions(self) -> dict[str, int]:
        """Passage ids to their positions."""
        return {identity: position for position, identity in enumerate(self.ids)}


@dataclass(frozen=True)
class Corpus:
    """The documents of one revision of the store, with their lexical indexes."""

    revision: int
    fingerprint: str
    entries: tuple[Entry, ...]
    whole: Passages
    sections: Passages
    titles: LexicalIndex
    """Of each document's title, in the order of the entries."""

    def allowed(
        self, kind: DocumentKind | None = None, builtin: bool | None = None
    ) -> NDArray[np.bool_]:
        """Return which documents are of a kind, and built in or not; None is either."""
        import numpy as np

        allowed = np.ones(len(self.entries), dtype=np.bool_)
        if kind is not None:
            allowed &= self._kinds == kind.value
        if builtin is not None:
            allowed &= self._builtin == builtin
        return allowed

    @cached_property
    def _kinds(self) -> NDArray[np.str_]:
        import numpy as np

        return np.array([entry.kind.value for entry in self.entries])

    @cached_property
    def _builtin(self) -> NDArray[np.bool_]:
        import numpy as np

        return np.array([entry.builtin for entry in self.entries], dtype=np.bool_)

    def collections(self) -> dict[tuple[DocumentKind, View], list[str]]:
        """Return the passage ids by kind and view."""
        groups: dict[tuple[DocumentKind, View], list[str]] = {}
        for passages in (self.whole, self.sections):
            for identity, owner in zip(passages.ids, passages.owner, strict=True):
                key = (self.entries[owner].kind, passages.view)
                groups.setdefault(key, []).append(identity)
        return groups


def build_corpus(rows: Sequence[Row], revision: int, cache: Path, *, keep: bool) -> Corpus:
    """Return the corpus of the store's rows; lexical indexes come from `cache` where they fit.

    With `keep` those that were made anew are put there.
    """
    import numpy as np

    entries: list[Entry] = []
    titles: list[str] = []
    hasher = hashlib.sha256()
    found: dict[View, list[tuple[int, Row]]] = {View.WHOLE: [], View.SECTION: []}
    for row in rows:
        if not entries or entries[-1].id != row.document:
            entries.append(Entry(row.document, row.kind, row.builtin))
            titles.append(row.title)
            hasher.update(f"{row.document} {row.content_hash}\n".encode())
        hasher.update(f"{row.chunk.id} {row.embedder}\n".encode())
        found[row.chunk.view].append((len(entries) - 1, row))
    fingerprint = hasher.hexdigest()

    def passages(view: View) -> Passages:
        numbered = found[view]
        return Passages(
            view,
            tuple(row.chunk.id for _, row in numbered),
            np.array([owner for owner, _ in numbered], dtype=np.int64),
            _lexical(
                cache / f"lexical-{view}",
                fingerprint,
                lambda: [row.chunk.input for _, row in numbered],
                keep=keep,
                phrases=view is View.WHOLE,
            ),
        )

    return Corpus(
        revision,
        fingerprint,
        tuple(entries),
        passages(View.WHOLE),
        passages(View.SECTION),
        _lexical(cache / TITLES, fingerprint, lambda: titles, keep=keep, phrases=False),
    )


def matrix(passages: Passages, blobs: dict[str, bytes], dimension: int) -> Vectors:
    """Return the passages' vectors, zeros where there is none: their cosine with all is 0."""
    import numpy as np

    rows = np.zeros((len(passages.ids), dimension), dtype=np.float32)
    for position, identity in enumerate(passages.ids):
        blob = blobs.get(identity)
        if blob is not None and len(blob) == 4 * dimension:
            rows[position] = np.frombuffer(blob, dtype="<f4")
    return rows


def _lexical(
    folder: Path,
    fingerprint: str,
    texts: Callable[[], list[str]],
    *,
    keep: bool,
    phrases: bool,
) -> LexicalIndex:
    index = LexicalIndex.load(folder, fingerprint)
    if index is None:
        index = LexicalIndex.build(texts(), phrases=phrases)
        if keep:
            index.save(folder, fingerprint)
    return index
