"""Lexical and dense rankings of both views, fused: the best section of each document once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.fusion import convex, normalised
from retrieval.indexes.dense import Best, DenseSearch, best_passages
from retrieval.values import DocumentKind

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors
    from retrieval.indexes.corpus import Corpus, Passages

CANDIDATES = 50
DENSE_WEIGHT = 0.5
"""Share of meaning against words; measured best for colloquial questions, level for alert texts."""

WIDER_WEIGHT = 0.4
"""What a word of the thesaurus counts against a word of the query."""


@dataclass(frozen=True, slots=True)
class Found:
    """A document by its place in the corpus, its best section's passage id, and its score, 0 to 1."""

    document: int
    section: str
    score: float


def search(
    corpus: Corpus,
    query: str,
    vector: Vectors | None,
    dense: DenseSearch | None,
    *,
    wider: str = "",
    kind: DocumentKind | None,
    builtin: bool,
    limit: int,
) -> list[Found]:
    """Return the best documents, best first; by words alone without a vector or a dense search.

    `wider` are more words for what the query means; they count less than its own.
    """
    if not corpus.entries:
        return []
    allowed = corpus.allowed(kind, builtin)
    count = max(CANDIDATES, limit)
    lexical = [
        best_passages(_by_words(passages, query, wider), passages, allowed, count)
        for passages in (corpus.whole, corpus.sections)
    ]
    meaning: list[dict[int, Best]] = []
    if vector is not None and dense is not None:
        meaning = [
            dense.nearest(vector, corpus, passages, allowed, kind, count)
            for passages in (corpus.whole, corpus.sections)
        ]
    share = DENSE_WEIGHT if meaning else 0.0
    parts = [((1 - share) / 2, _scores(part)) for part in lexical]
    parts += [(share / 2, _scores(part)) for part in meaning]
    fused = convex(parts)
    order = sorted(fused, key=lambda document: (-fused[document], document))[:limit]
    views = [lexical[1], *meaning[1:]]
    strengths = [normalised(_scores(view)) for view in views]
    return [
        Found(document, _section(corpus, document, views, strengths), min(1.0, fused[document]))
        for document in order
    ]


def _by_words(passages: Passages, query: str, wider: str) -> Vectors:
    scores = passages.lexical.scores(query)
    return scores + WIDER_WEIGHT * passages.lexical.scores(wider) if wider else scores


def _scores(part: dict[int, Best]) -> dict[int, float]:
    return {document: best.score for document, best in part.items()}


def _section(
    corpus: Corpus,
    document: int,
    views: list[dict[int, Best]],
    strengths: list[dict[int, float]],
) -> str:
    """Return the section that its own ranking is surest of."""
    passage, surest = int(corpus.sections.starts[document]), -1.0
    for view, strength in zip(views, strengths, strict=True):
        if document in view and strength[document] > surest:
            passage, surest = view[document].passage, strength[document]
    return corpus.sections.ids[passage]
