"""What a query asks for: its own words put right, and what documents would write for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.indexes.hybrid import Query
from retrieval.indexes.ideas import expansions
from retrieval.indexes.situations import matches
from retrieval.indexes.spelling import corrected
from retrieval.indexes.words import terms

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors
    from retrieval.indexes.corpus import Corpus

IDEA = 0.2
"""What a word of the thesaurus counts against a word of the query."""

SITUATION = 0.4
"""What a word of a situation counts that the query is surely about."""

TOWARDS = 1.0
"""How far a query's vector moves towards what is written for a situation that it is surely about."""


PLAIN, LITERAL, LEAST = 0.5, 0.65, 0.3
"""Cosine of the nearest document up to which a query is interpreted in full, and from which it is the least:
what is asked nearly in a document's own words, as an alert's text is, needs no interpretation."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """How texts become vectors here. `embed` gives None while the model cannot be used, `nearest` the cosine
    of the nearest document.
    """

    embedder: str
    embed: Callable[[str], Vectors | None]
    nearest: Callable[[Vectors], float]


def understood(text: str, corpus: Corpus, meaning: Meaning) -> Query:
    """Return a query with more words, and its vector drawn towards what they mean."""
    import numpy as np

    words = corpus.whole.lexical
    text = corrected(text, words.spellings, words.knows)
    wanted: dict[str, float] = {}
    _count(wanted, 1.0, text)
    vector = meaning.embed(text)
    share = 1.0 if vector is None else _share(meaning.nearest(vector))
    for written in expansions(text):
        _count(wanted, share * IDEA, written)
    if vector is None:
        return Query(wanted, None)
    moved = vector
    for match in matches(vector, meaning.embedder):
        weight = share * match.weight
        _count(wanted, SITUATION * weight, match.written)
        moved = moved + TOWARDS * weight * match.vector
    return Query(wanted, moved / (np.linalg.norm(moved) or 1.0))


def _share(cosine: float) -> float:
    return min(1.0, max(LEAST, (LITERAL - cosine) / (LITERAL - PLAIN)))


def _count(wanted: dict[str, float], weight: float, text: str) -> None:
    for term in terms(text):
        wanted[term] = wanted.get(term, 0.0) + weight
