"""What a query asks for: its own words put right, and what documents would write for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.indexes.hybrid import NEAR, Query
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


_MACHINE = re.compile(r"[{}()\[\]\"=<>%]|\b[\w.-]+/[\w.-]+|\s/\s|[a-z][A-Z][a-z]|\w_\w")
MACHINE = 0.5
"""How much less a text is interpreted that shows a machine's hand, as those of alerts and errors do."""

PLAIN, LITERAL, LEAST = 0.5, 0.65, 0.3
"""Cosine of the nearest document up to which a query is interpreted in full, and from which it is the least:
what is asked nearly in a document's own words, as an alert's text is, needs no interpretation."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """How texts become vectors here. `embed` gives None while the model cannot be used, `nearest` the cosine
    of the nearest document. `calibrated` is whether the cosines in this room are this model's.
    """

    embedder: str
    embed: Callable[[str], Vectors | None]
    nearest: Callable[[Vectors], float]
    calibrated: bool = True


def understood(text: str, corpus: Corpus, meaning: Meaning) -> Query:
    """Return a query with more words, and its vector drawn towards what they mean."""
    import numpy as np

    words = corpus.whole.lexical
    text = corrected(text, words.spellings, words.knows)
    wanted: dict[str, float] = {}
    _count(wanted, 1.0, text)
    said = tuple(terms(text))
    vector = meaning.embed(text)
    literal = vector is not None and meaning.calibrated
    share = _share(meaning.nearest(vector)) if literal and vector is not None else 1.0
    if _MACHINE.search(text):
        share *= MACHINE
    for written in expansions(text):
        _count(wanted, share * IDEA, written)
    if vector is None:
        return Query(wanted, None, said)
    moved = vector
    for match in matches(vector, meaning.embedder):
        weight = share * match.weight
        _count(wanted, SITUATION * weight, match.written)
        moved = moved + TOWARDS * weight * match.vector
    near = NEAR if meaning.calibrated else None
    return Query(wanted, moved / (np.linalg.norm(moved) or 1.0), said, near, max(0.0, 1.0 - share))


def _share(cosine: float) -> float:
    return min(1.0, max(LEAST, (LITERAL - cosine) / (LITERAL - PLAIN)))


def _count(wanted: dict[str, float], weight: float, text: str) -> None:
    for term in terms(text):
        wanted[term] = wanted.get(term, 0.0) + weight
