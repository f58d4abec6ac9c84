"""The lexical index: BM25 over terms, kept on disk and made again whenever it does not fit."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retrieval.indexes.phrases import PhraseIndex
from retrieval.indexes.spelling import plain_words
from retrieval.indexes.words import WORDS, terms

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

_FINGERPRINT = "fingerprint"
_SPELLINGS = "spellings.json"

_FEW, _COMMON = 5000, 0.1
"""A word that only widens a query and is in more texts than both (a number, a share) costs much of the time
of a search and says next to nothing."""


class LexicalIndex:
    """BM25 scores of every text for a query, in the order of the texts.

    `spellings` counts the words of the texts as they are written, for queries that are not; `phrases` scores
    neighbouring terms, where the index was made with them.
    """

    def __init__(
        self, index: Any, size: int, spellings: Mapping[str, int], phrases: PhraseIndex | None
    ) -> None:
        self._index = index
        self._size = size
        self.spellings = spellings
        self.phrases = phrases

    @classmethod
    def build(cls, texts: Sequence[str], *, phrases: bool = False) -> LexicalIndex:
        """Index texts in memory."""
        bm25s = _bm25s()
        tokens = [terms(text) for text in texts]
        spellings: Counter[str] = Counter()
        for text in texts:
            spellings.update(plain_words(text))
        if not any(tokens):
            return cls(None, len(texts), spellings, None)
        index = bm25s.BM25(method="lucene")
        index.index(tokens, show_progress=False)
        return cls(index, len(texts), spellings, PhraseIndex.build(tokens) if phrases else None)

    @property
    def size(self) -> int:
        """How many texts there are."""
        return self._size

    def knows(self, term: str) -> bool:
        """Return whether any text has a term."""
        return self._index is not None and term in self._index.vocab_dict

    def scores(self, query: str) -> Vectors:
        """Return one score per text; 0 where nothing matches."""
        return self.weighted(Counter(terms(query)))

    def weighted(self, wanted: Mapping[str, float]) -> Vectors:
        """Return one score per text for terms with weights, each term's share times its weight."""
        import numpy as np

        if self._index is None:
            return np.zeros(self._size, dtype=np.float32)
        # By hand, since bm25s knows no weights: the postings of a term are a column of a sparse matrix.
        matrix, vocabulary = self._index.scores, self._index.vocab_dict
        starts, texts, values = matrix["indptr"], matrix["indices"], matrix["data"]
        columns: list[slice] = []
        weights: list[float] = []
        for term, weight in wanted.items():
            at = vocabulary.get(term)
            if at is None:
                continue
            column = slice(int(starts[at]), int(starts[at + 1]))
            if weight < 1 and column.stop - column.start > max(_FEW, self._size * _COMMON):
                continue
            columns.append(column)
            weights.append(weight)
        if not columns:
            return np.zeros(self._size, dtype=np.float32)
        counted = np.bincount(
            np.concatenate([texts[column] for column in columns]),
            np.concatenate([w * values[c] for w, c in zip(weights, columns, strict=True)]),
            minlength=self._size,
        )
        scores: Vectors = counted.astype(np.float32)
        return scores

    def save(self, folder: Path, fingerprint: str) -> None:
        """Put the index in `folder` in one step; `fingerprint` names the texts."""
        beside = folder.with_name(f"{folder.name}.{os.getpid()}.new")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        if self._index is not None:
            self._index.save(str(beside), show_progress=False)
        if self.phrases is not None:
            self.phrases.save(beside)
        (beside / _SPELLINGS).write_text(json.dumps(dict(self.spellings)), encoding="utf-8")
        mark = {
            "fingerprint": fingerprint,
            "words": WORDS,
            "size": self._size,
            "phrases": self.phrases is not None,
        }
        (beside / _FINGERPRINT).write_text(json.dumps(mark), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)

    @classmethod
    def load(cls, folder: Path, fingerprint: str) -> LexicalIndex | None:
        """Return the index of exactly these texts, None where there is none that can be read."""
        bm25s = _bm25s()
        # Whatever is wrong with the files, the index can be made again from the store.
        with contextlib.suppress(
            OSError, ValueError, KeyError, TypeError, EOFError, IndexError, AttributeError
        ):
            mark = json.loads((folder / _FINGERPRINT).read_text(encoding="utf-8"))
            if mark["fingerprint"] != fingerprint or mark["words"] != WORDS:
                return None
            spellings = json.loads((folder / _SPELLINGS).read_text(encoding="utf-8"))
            index = bm25s.BM25.load(str(folder), show_progress=False, mmap=True)
            phrases = PhraseIndex.load(folder, mark["size"]) if mark["phrases"] else None
            if mark["phrases"] and phrases is None:
                return None
            counted = {word: int(n) for word, n in spellings.items()}
            loaded = cls(index, mark["size"], counted, phrases)
            if loaded._fits(mark["size"]):
                return loaded
        return None

    def _fits(self, size: int) -> bool:
        """Return whether every posting is of a text there is, and every term has postings."""
        matrix, vocabulary = self._index.scores, self._index.vocab_dict
        starts, texts, values = matrix["indptr"], matrix["indices"], matrix["data"]
        return bool(
            len(texts) == len(values) == int(starts[-1])
            and (not len(texts) or 0 <= int(texts.min()) <= int(texts.max()) < size)
            # One more than the terms at most: the empty term has no column.
            and max(vocabulary.values(), default=0) <= len(starts) - 1
            and int(matrix["num_docs"]) == size
        )


def _bm25s() -> Any:
    import bm25s

    # It sets its own logger to DEBUG, whatever the program wants.
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    return bm25s
