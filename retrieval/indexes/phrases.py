"""Words that stand side by side: BM25 over pairs of terms, in a table of fixed size.

That "certificate expires" stands together says more than that both words occur (Metzler and Croft, "A Markov Random Field
Model for Term Dependencies", SIGIR 2005). Pairs are far more than words: they are numbered by a hash, so that
no list of them is kept, and the seldom pair that shares a number with another costs hardly anything.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.embedding.protocol import Vectors

_K1, _B = 1.5, 0.75
_LEAST_BITS, _MOST_BITS = 10, 21
_FILES = ("starts", "texts", "values")
_DAMAGED = (OSError, ValueError, EOFError, IndexError)


@dataclass(frozen=True, slots=True)
class PhraseIndex:
    """The texts that hold a pair, and the pair's share in each text's score."""

    starts: NDArray[np.int64]
    texts: NDArray[np.int32]
    values: Vectors
    size: int

    @classmethod
    def build(cls, tokens: Sequence[Sequence[str]]) -> PhraseIndex:
        """Index the pairs of texts that are given by their terms."""
        import numpy as np

        numbers: dict[str, int] = {}
        found: list[NDArray[np.int64]] = []
        for terms in tokens:
            known = [numbers.setdefault(term, crc32(term.encode())) for term in terms]
            ids = np.array(known, dtype=np.int64)
            found.append(_mixed(ids[:-1], ids[1:]))
        lengths = np.array([len(pairs) for pairs in found], dtype=np.int64)
        total = int(lengths.sum())
        bits = min(_MOST_BITS, max(_LEAST_BITS, total.bit_length()))
        empty = np.zeros(0, dtype=np.int64)
        buckets = (np.concatenate(found) if found else empty) & ((1 << bits) - 1)
        texts = np.repeat(np.arange(len(tokens), dtype=np.int64), lengths)
        keys, counts = np.unique(buckets * max(1, len(tokens)) + texts, return_counts=True)
        bucket, text = np.divmod(keys, max(1, len(tokens)))
        holding = np.bincount(bucket, minlength=1 << bits)
        starts = np.concatenate([[0], np.cumsum(holding)])
        rarity = np.log1p((len(tokens) - holding + 0.5) / (holding + 0.5))
        mean = total / max(1, len(tokens)) or 1.0
        weight = counts + _K1 * (1 - _B + _B * lengths[text] / mean)
        values = (rarity[bucket] * counts / weight).astype(np.float32)
        return cls(starts, text.astype(np.int32), values, len(tokens))

    def scores(self, terms: Iterable[str]) -> Vectors:
        """Return one score per text for the pairs of a query's terms in their order."""
        import numpy as np

        ids = np.array([crc32(term.encode()) for term in terms], dtype=np.int64)
        pairs = np.unique(_mixed(ids[:-1], ids[1:]) & (len(self.starts) - 2))
        total = np.zeros(self.size, dtype=np.float32)
        for pair in pairs.tolist():
            column = slice(int(self.starts[pair]), int(self.starts[pair + 1]))
            # A text is in a column once.
            total[self.texts[column]] += self.values[column]
        return total

    def save(self, folder: Path) -> None:
        """Put the index into a folder that exists."""
        import numpy as np

        for name in _FILES:
            np.save(folder / f"pairs-{name}.npy", getattr(self, name))

    @classmethod
    def load(cls, folder: Path, size: int) -> PhraseIndex | None:
        """Return the index of `size` texts in a folder, mapped; None where there is none that is whole."""
        import numpy as np

        with contextlib.suppress(*_DAMAGED):
            starts, texts, values = (
                np.load(folder / f"pairs-{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in _FILES
            )
            whole = len(texts) == len(values) == int(starts[-1])
            fits = not len(texts) or 0 <= int(texts.min()) <= int(texts.max()) < size
            if whole and fits and (len(starts) - 1).bit_count() == 1:
                return cls(np.asarray(starts), np.asarray(texts), np.asarray(values), size)
        return None


def _mixed(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for each pair, its low bits well mixed."""
    import numpy as np

    with np.errstate(over="ignore"):
        mixed = first * np.int64(0x9E3779B1) + second * np.int64(0x85EBCA77)
        mixed ^= mixed >> np.int64(29)
        mixed *= np.int64(0x2545F4914F6CDD1D)
        mixed ^= mixed >> np.int64(32)
    return mixed & np.int64((1 << 62) - 1)
