"""The lexical index: BM25 over terms, kept on disk and made again whenever it does not fit."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.indexes.words import WORDS, terms

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

_FINGERPRINT = "fingerprint"


class LexicalIndex:
    """BM25 scores of every text for a query, in the order of the texts."""

    def __init__(self, index: Any, size: int) -> None:
        self._index = index
        self._size = size

    @classmethod
    def build(cls, texts: Sequence[str]) -> LexicalIndex:
        """Index texts in memory."""
        bm25s = _bm25s()
        tokens = [terms(text) for text in texts]
        if not any(tokens):
            return cls(None, len(texts))
        index = bm25s.BM25(method="lucene")
        index.index(tokens, show_progress=False)
        return cls(index, len(texts))

    def scores(self, query: str) -> Vectors:
        """Return one score per text; 0 where nothing matches."""
        import numpy as np

        wanted = terms(query)
        if self._index is None or not wanted:
            return np.zeros(self._size, dtype=np.float32)
        scores: Vectors = self._index.get_scores(wanted)
        return scores

    def save(self, folder: Path, fingerprint: str) -> None:
        """Put the index in `folder` in one step; `fingerprint` names the texts."""
        beside = folder.with_name(f"{folder.name}.{os.getpid()}.new")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        if self._index is not None:
            self._index.save(str(beside), show_progress=False)
        mark = {"fingerprint": fingerprint, "words": WORDS, "size": self._size}
        (beside / _FINGERPRINT).write_text(json.dumps(mark), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)

    @classmethod
    def load(cls, folder: Path, fingerprint: str) -> LexicalIndex | None:
        """Return the index of exactly these texts, None where there is none that can be read."""
        bm25s = _bm25s()
        # Whatever is wrong with the files, the index can be made again from the store.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, EOFError):
            mark = json.loads((folder / _FINGERPRINT).read_text(encoding="utf-8"))
            if mark["fingerprint"] != fingerprint or mark["words"] != WORDS:
                return None
            index = bm25s.BM25.load(str(folder), show_progress=False)
            loaded = cls(index, mark["size"])
            if len(loaded.scores("probe")) == mark["size"]:
                return loaded
        return None


def _bm25s() -> Any:
    import bm25s

    # It sets its own logger to DEBUG, whatever the program wants.
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    return bm25s
