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

PHRASES, TITLES = 0.1, 0.1
"""What neighbouring words and titles count beside words and meaning, which are 1 together; titles only as far as
a query is taken by its word: what people say at night hits the wrong ones.
"""

NEAR = 0.45
"""Cosine of the bundled model from which a document is about what was asked for."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: terms with weights, a vector if there is one, and the asker's own terms in order.

    `literal` is how far it is taken by its word, 0 to 1. `near` is the cosine from which a document is about it, None where none is known for the model.
    """

    words: Mapping[str, float]
    vector: Vectors | None = None
    said: tuple[str, ...] = ()
    near: float | None = None
    literal: float = 0.0


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
    phrases: dict[int, Best]
    titles: dict[int, Best]
    literal: float


def search(
    corpus: Corpus,
    query: Query,
    dense: DenseSearch | None,
    *,
    kind: DocumentKind | None,
    builtin: BuiltIn,
    limit: int,
    fill: bool = False,
) -> list[Found]:
    """Return the best documents, best first; by words alone without a vector or a dense search.

    With `fill` as many as asked for, if the team has so many, those that nothing speaks for last.
    """
    if not corpus.entries:
        return []
    allowed = corpus.allowed(kind)
    team = corpus.allowed(kind, builtin=False)
    count = max(CANDIDATES, limit)
    # One look at everything, so deep that enough of the team is left when the others are taken out.
    deep = _rankings(corpus, query, dense, allowed, kind, count + int((allowed & ~team).sum()))
    rankings = _only(deep, team, count)
    mine = _fused(corpus, rankings, limit)
    if fill and len(mine) < limit:
        mine = _filled(corpus, mine, team, limit)
    if builtin is BuiltIn.NEVER or not (allowed & ~team).any():
        return mine
    first = builtin is BuiltIn.LAST or _near(corpus, rankings, query.near)
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


def _near(corpus: Corpus, rankings: _Rankings, near: float | None) -> bool:
    """Return whether a document of the team is about the same, of the kind that is built in."""
    if near is None or rankings.meaning is None or not any(rankings.meaning):
        return any(_is_runbook(corpus, document) for document in rankings.words[0])
    return any(
        best.score >= near and _is_runbook(corpus, document)
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
    pairs = whole.lexical.phrases
    phrases = (
        {} if pairs is None else best_passages(pairs.scores(query.said), whole, allowed, count)
    )
    titles = _titled(corpus, query, allowed, count)
    vector = query.vector
    if vector is None or dense is None:
        return _Rankings(words, None, phrases, titles, query.literal)
    return _Rankings(
        words,
        (
            dense.nearest(vector, corpus, whole, allowed, kind, count),
            dense.nearest(vector, corpus, sections, allowed, kind, count),
        ),
        phrases,
        titles,
        query.literal,
    )


def _titled(
    corpus: Corpus, query: Query, allowed: NDArray[np.bool_], count: int
) -> dict[int, Best]:
    import numpy as np

    if not query.literal:
        return {}
    wanted: dict[str, float] = {}
    for term in query.said:
        wanted[term] = wanted.get(term, 0.0) + 1.0
    scores = np.where(allowed, corpus.titles.weighted(wanted), 0.0)
    order = np.argsort(-scores, kind="stable")[:count]
    return {
        document: Best(int(corpus.whole.starts[document]), float(scores[document]))
        for document in order[scores[order] > 0].tolist()
    }


def _only(rankings: _Rankings, allowed: NDArray[np.bool_], count: int) -> _Rankings:
    """Return the first `count` allowed documents of each ranking."""

    def first(ranking: dict[int, Best]) -> dict[int, Best]:
        return dict(islice((pair for pair in ranking.items() if allowed[pair[0]]), count))

    words, meaning = rankings.words, rankings.meaning
    return _Rankings(
        (first(words[0]), first(words[1])),
        None if meaning is None else (first(meaning[0]), first(meaning[1])),
        first(rankings.phrases),
        first(rankings.titles),
        rankings.literal,
    )


def _fused(corpus: Corpus, rankings: _Rankings, limit: int) -> list[Found]:
    meaning = rankings.meaning or ()
    share = MEANING if any(meaning) else 0.0
    parts = [((1 - share) / 2, _scores(part)) for part in rankings.words]
    parts += [(share / 2, _scores(part)) for part in meaning]
    parts.append((PHRASES, _scores(rankings.phrases)))
    parts.append((TITLES * rankings.literal, _scores(rankings.titles)))
    total = sum(weight for weight, _ in parts)
    fused = convex([(weight / total, scores) for weight, scores in parts])
    order = sorted(fused, key=lambda document: (-fused[document], document))[:limit]
    views = [rankings.words[1], *meaning[1:]]
    strengths = [normalised(_scores(view)) for view in views]
    return [
        Found(document, _section(corpus, document, views, strengths), min(1.0, fused[document]))
        for document in order
    ]


def _filled(
    corpus: Corpus, found: list[Found], allowed: NDArray[np.bool_], limit: int
) -> list[Found]:
    known = {each.document for each in found}
    others = (number for number in allowed.nonzero()[0].tolist() if number not in known)
    return [
        *found,
        *(
            Found(number, _section(corpus, number, [], []), 0.0)
            for number in islice(others, limit - len(found))
        ),
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
