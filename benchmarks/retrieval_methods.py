"""The methods that the final one is compared with, over the same documents and passages.

All of them see the team's documents only: the built-in runbooks come after those in the product too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from retrieval.fusion import convex
from retrieval.indexes.dense import best_passages
from retrieval.indexes.words import spoken
from retrieval.knowledge import KnowledgeIndex
from retrieval.values import BuiltIn

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors
    from retrieval.indexes.corpus import Passages

DEPTH = 50
Scores = Mapping[int, float]
Method = Callable[[str], list[str]]

SINGLE = ("BM25 plain", "BM25 whole", "BM25 sections", "dense whole", "dense sections")
RANK_FUSIONS = ("RRF of two", "RRF of four")
CONVEX = ("CC .4", "CC .5")
FINAL = "final"


class Parts:
    """Each way of searching by itself: the best 50 documents by their place in the corpus."""

    def __init__(self, index: KnowledgeIndex) -> None:
        self._index = index
        # Inside the index, because it offers the fused ranking only.
        self._corpus = index._derived.corpus(keep=True)
        self._exact = index._derived._exact_search(self._corpus)
        self._paths = {each.id: path for path, each in index._store.stored().items()}
        rows = [row for row in index._store.rows() if row.chunk.view.value == "whole"]
        self._plain = _bm25([row.chunk.input for row in rows])
        self._allowed = self._corpus.allowed(builtin=False)
        self._vectors: dict[str, Vectors] = {}

    def paths(self, scores: Scores, limit: int = 10) -> list[str]:
        order = sorted(scores, key=lambda document: (-scores[document], document))[:limit]
        return [self._paths[self._corpus.entries[document].id] for document in order]

    def plain(self, query: str) -> Scores:
        known = [t for t in _words(query) if t in self._plain.vocab_dict]
        if not known:
            return {}
        return self._best(self._plain.get_scores(known), self._corpus.whole)

    def words(self, query: str, view: str) -> Scores:
        passages: Passages = getattr(self._corpus, view)
        return self._best(passages.lexical.scores(query), passages)

    def meaning(self, query: str, view: str) -> Scores:
        passages: Passages = getattr(self._corpus, view)
        if query not in self._vectors:
            self._vectors[query] = self._index._embedder.embed([spoken(query)])[0]
        found = self._exact.nearest(
            self._vectors[query], self._corpus, passages, self._allowed, None, DEPTH
        )
        return {document: best.score for document, best in found.items()}

    def _best(self, scores: Any, passages: Passages) -> Scores:
        found = best_passages(scores, passages, self._allowed, DEPTH)
        return {document: best.score for document, best in found.items()}


def methods(index: KnowledgeIndex) -> dict[str, Method]:
    """Return every method by name; "final" is what the product does."""
    parts = Parts(index)

    def four(query: str) -> list[Scores]:
        return [
            parts.words(query, "whole"),
            parts.words(query, "sections"),
            parts.meaning(query, "whole"),
            parts.meaning(query, "sections"),
        ]

    def combined(query: str, dense: float) -> Scores:
        weights = [(1 - dense) / 2, (1 - dense) / 2, dense / 2, dense / 2]
        return convex(list(zip(weights, four(query), strict=True)))

    def final(query: str) -> list[str]:
        hits = index.search_now(query, limit=10, builtin=BuiltIn.NEVER)
        return [hit.path for hit in hits]

    return {
        "BM25 plain": lambda q: parts.paths(parts.plain(q)),
        "BM25 whole": lambda q: parts.paths(parts.words(q, "whole")),
        "BM25 sections": lambda q: parts.paths(parts.words(q, "sections")),
        "dense whole": lambda q: parts.paths(parts.meaning(q, "whole")),
        "dense sections": lambda q: parts.paths(parts.meaning(q, "sections")),
        "RRF of two": lambda q: parts.paths(rrf([four(q)[0], four(q)[3]])),
        "RRF of four": lambda q: parts.paths(rrf(four(q))),
        "CC .4": lambda q: parts.paths(combined(q, 0.4)),
        "CC .5": lambda q: parts.paths(combined(q, 0.5)),
        FINAL: final,
    }


def rrf(rankings: Sequence[Scores], constant: int = 60) -> Scores:
    """Reciprocal rank fusion (Cormack et al., SIGIR 2009) with equal weights."""
    total: dict[int, float] = {}
    for scores in rankings:
        for rank, document in enumerate(sorted(scores, key=lambda d: (-scores[d], d)), 1):
            total[document] = total.get(document, 0.0) + 1 / (constant + rank)
    return total


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _bm25(texts: Sequence[str]) -> Any:
    import bm25s

    index = bm25s.BM25(method="lucene")
    index.index([_words(text) for text in texts], show_progress=False)
    return index
