"""What people say about a situation, matched by meaning: `situations.toml`.

A sentence said at night has hardly a word in common with the runbook that it asks for, but it is close to
other things that people say about the same situation, and for those we know what runbooks call it.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from retrieval.embedding.protocol import Embedder
from retrieval.indexes.words import spoken

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.embedding.protocol import Vectors

VECTORS = Path(__file__).with_name("situations.npz")
"""Vectors of the bundled model, made by `python -m retrieval.library.build`."""

NEAR = 0.45
"""Cosine of the bundled model below which two sentences are not about the same."""

MOST = 3

_FILE = Path(__file__).with_name("situations.toml")


@dataclass(frozen=True, slots=True)
class Match:
    """A situation that a query may be about: its words, their vector, and how sure, 0 to 1."""

    written: str
    vector: Vectors
    weight: float


def matches(query: Vectors, embedder: str) -> list[Match]:
    """Return the situations nearest to a query's vector, best first.

    None for other models than the bundled one: how near is near differs from model to model.
    """
    import numpy as np

    known = _vectors()
    if known is None or known.embedder != embedder:
        return []
    said = np.maximum.reduceat(np.einsum("ij,j->i", known.asked, query), known.starts)
    cosines = np.maximum(said, np.einsum("ij,j->i", known.written, query))
    best = np.argsort(-cosines, kind="stable")[:MOST]
    table = situations()
    return [
        Match(table[at][0], known.written[at], float(cosines[at] - NEAR) / (1 - NEAR))
        for at in best.tolist()
        if cosines[at] > NEAR
    ]


@cache
def situations() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return (written, asked) of every situation."""
    entries = tomllib.loads(_FILE.read_text("utf-8"))["situation"]
    return tuple((entry["written"], tuple(entry["asked"])) for entry in entries)


def build(embedder: Embedder) -> int:
    """Write the vectors of all situations; return how many there are."""
    import numpy as np

    table = situations()
    asked = [spoken(text) for _, texts in table for text in texts]
    written = [spoken(text) for text, _ in table]
    rows = embedder.embed([*asked, *written]).astype(np.float16)
    starts = np.cumsum([0, *(len(texts) for _, texts in table)])[:-1]
    np.savez_compressed(
        VECTORS,
        embedder=np.array(embedder.name),
        asked=rows[: len(asked)],
        written=rows[len(asked) :],
        starts=starts,
    )
    return len(rows)


@dataclass(frozen=True, slots=True)
class _Vectors:
    embedder: str
    asked: Vectors
    written: Vectors
    starts: NDArray[np.int64]


@cache
def _vectors() -> _Vectors | None:
    import numpy as np

    try:
        with VECTORS.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
            found = _Vectors(
                str(data["embedder"]),
                data["asked"].astype(np.float32),
                data["written"].astype(np.float32),
                data["starts"],
            )
    except (OSError, ValueError, KeyError, BadZipFile):
        return None
    # Of an older list: a number would mean another situation.
    return found if len(found.written) == len(situations()) else None
