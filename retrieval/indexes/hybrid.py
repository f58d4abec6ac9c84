"""Rankings by words and by meaning of two views, fused: the best section of each document once.

The fusion is the convex combination of min-max normalised scores (Bruch et al., "An Analysis of Fusion
Functions for Hybrid Retrieval", TOIS 2023), over four rankings instead of two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from retrieval.fusion import convex, normalised
from retrieval.indexes.dense import Best, DenseSearch, best_passages
from retrieval.values import BuiltIn, DocumentKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.embedding.protocol import Vectors
    from retrieval.indexes.corpus import Corpus

CANDIDATES = 50

MEANING = 0.4
"""Share of meaning against words."""

NEAR = 0.45
"""Cosine of the bundled model from which a document is about what was asked for."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: terms with weights, and a vector if there is one."""

    words: Mapping[str, float]
    vector: Vectors | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A document by its place in the corpus, its best section's passage id, and its score, 0 to 1."""

    document: int
    section: str
    score: float


@dataclass(frozen=True, slots=True)
class _Rankings:
    """The best passages of documents by words and, where there are vectors, by meaning."""

    words: tuple[dict[int, Best], dict[int, Best]]
    meaning: tuple[dict[int, Best], dict[int, Best]] | None


def search(
    corpus: Corpus,
    query: Query,
    dense: DenseSearch | None,
    *,
    kind: DocumentKind | None,
    builtin: BuiltIn,
    limit: int,
) -> list[Found]:
    """Return the best documents, best first; by words alone without a vector or a dense search."""
    if not corpus.entries:
        return []
    allowed = corpus.allowed(kind)
    team = corpus.allowed(kind, builtin=False)
    count = max(CANDIDATES, limit)
    # One look at everything, so deep that enough of the team is left when the others are taken out.
    deep = _rankings(corpus, query, dense, allowed, kind, count + int((allowed & ~team).sum()))
    rankings = _only(deep, team, count)
    mine = _fused(corpus, rankings, limit)
    if builtin is BuiltIn.NEVER or not (allowed & ~team).any():
        return mine
    first = builtin is BuiltIn.LAST or _near(corpus, rankings)
    if first and len(mine) == limit:
        return mine
    joint = _fused(corpus, _only(deep, allowed, count), len(corpus.entries))
    if not first:
        return joint[:limit]
    # Scores say the order: what comes after cannot score more.
    most = mine[-1].score if mine else 1.0
    after = (
        replace(each, score=each.score * most)
        for each in joint
        if corpus.entries[each.document].builtin
    )
    return [*mine, *after][:limit]


def _near(corpus: Corpus, rankings: _Rankings) -> bool:
    """Return whether a document of the team is about the same, of the kind that is built in."""
    if rankings.meaning is None:
        return any(_is_runbook(corpus, document) for document in rankings.words[0])
    return any(
        best.score >= NEAR and _is_runbook(corpus, document)
        for view in rankings.meaning
        for document, best in view.items()
    )


def _is_runbook(corpus: Corpus, document: int) -> bool:
    return corpus.entries[document].kind is DocumentKind.RUNBOOK


def _rankings(
    corpus: Corpus,
    query: Query,
    dense: DenseSearch | None,
    allowed: NDArray[np.bool_],
    kind: DocumentKind | None,
    count: int,
) -> _Rankings:
    whole, sections = corpus.whole, corpus.sections
    words = (
        best_passages(whole.lexical.weighted(query.words), whole, allowed, count),
        best_passages(sections.lexical.weighted(query.words), sections, allowed, count),
    )
    vector = query.vector
    if vector is None or dense is None:
        return _Rankings(words, None)
    return _Rankings(
        words,
        (
            dense.nearest(vector, corpus, whole, allowed, kind, count),
            dense.nearest(vector, corpus, sections, allowed, kind, count),
        ),
    )


def _only(rankings: _Rankings, allowed: NDArray[np.bool_], count: int) -> _Rankings:
    """Return the first `count` allowed documents of each ranking."""

    def first(ranking: dict[int, Best]) -> dict[int, Best]:
        return dict(islice((pair for pair in ranking.items() if allowed[pair[0]]), count))

    words, meaning = rankings.words, rankings.meaning
    return _Rankings(
        (first(words[0]), first(words[1])),
        None if meaning is None else (first(meaning[0]), first(meaning[1])),
    )


def _fused(corpus: Corpus, rankings: _Rankings, limit: int) -> list[Found]:
    meaning = rankings.meaning or ()
    share = MEANING if meaning else 0.0
    parts = [((1 - share) / 2, _scores(part)) for part in rankings.words]
    parts += [(share / 2, _scores(part)) for part in meaning]
    fused = convex(parts)
    order = sorted(fused, key=lambda document: (-fused[document], document))[:limit]
    views = [rankings.words[1], *meaning[1:]]
    strengths = [normalised(_scores(view)) for view in views]
    return [
        Found(document, _section(corpus, document, views, strengths), min(1.0, fused[document]))
        for document in order
    ]


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
