"""Copies of one document must not fill a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors
    from retrieval.indexes.hybrid import Found

SAME = 0.985
"""Cosine from which two documents say the same."""

MOST = 2
"""How many that say the same come before others; two, since one may be the newer."""


def spread(found: Sequence[Found], vectors: Sequence[Vectors | None]) -> list[Found]:
    """Return documents with further copies of those above moved to the end, else as they were.

    Scores say the order: what was moved scores no more than the last of the others.

    `vectors` are those of the whole documents; what has none is no copy of anything.
    """
    copies: list[Found] = []
    kept: list[Vectors] = []
    for each, vector in zip(found, vectors, strict=True):
        if vector is not None and sum(float(other @ vector) >= SAME for other in kept) >= MOST:
            copies.append(each)
            continue
        if vector is not None:
            kept.append(vector)
    return behind(found, copies)


def behind(found: Sequence[Found], last: Sequence[Found]) -> list[Found]:
    """Return documents with some of them moved to the end; those score no more than the last before them."""
    moved = {each.document for each in last}
    ahead = [each for each in found if each.document not in moved]
    least = ahead[-1].score if ahead else 1.0
    return [*ahead, *(replace(each, score=min(each.score, least)) for each in last)]
