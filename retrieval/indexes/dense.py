"""Search by meaning: the seam, and the exact search that needs no index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from retrieval.values import DocumentKind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from retrieval.embedding.protocol import Vectors
    from retrieval.indexes.corpus import Corpus, Passages


@dataclass(frozen=True, slots=True)
class Best:
    """A document's best passage in one view: its position there, and its score."""

    passage: int
    score: float


class DenseSearch(Protocol):
    """Finds the documents whose passages are nearest to a vector."""

    def nearest(
        self,
        query: Vectors,
        corpus: Corpus,
        passages: Passages,
        allowed: NDArray[np.bool_],
        kind: DocumentKind | None,
        count: int,
    ) -> dict[int, Best]:
        """Return the best passage of each of the `count` nearest allowed documents of a view.

        `kind` says what `allowed` already holds: where other kinds need not be looked at.
        """
        ...


class ExactSearch:
    """Compares a query with every stored vector: faster than any index up to tens of thousands."""

    def __init__(self, whole: Vectors, sections: Vectors) -> None:
        self._matrices = {"whole": whole, "section": sections}

    def nearest(
        self,
        query: Vectors,
        corpus: Corpus,
        passages: Passages,
        allowed: NDArray[np.bool_],
        kind: DocumentKind | None,
        count: int,
    ) -> dict[int, Best]:
        """Return the best passage of each of the `count` nearest allowed documents of a view."""
        import numpy as np

        rows = self._matrices[passages.view.value]
        if rows.shape[1] != len(query):
            # None is stored yet of a model that did not say how long its vectors are.
            return {}
        # Not `@`: BLAS shares even one row by column product among threads that wait for each other,
        # which on a busy machine takes many times as long as doing it.
        scores: Vectors = np.einsum("ij,j->i", rows, query)
        return best_passages(scores, passages, allowed, count)


def best_passages(
    scores: Vectors, passages: Passages, allowed: NDArray[np.bool_], count: int
) -> dict[int, Best]:
    """Return the best-scored passage of the `count` best allowed documents with a score above 0."""
    import numpy as np

    if not len(scores):
        return {}
    best = np.where(allowed, np.maximum.reduceat(scores, passages.starts), 0.0)
    # Stable, so that equal scores keep the order of the store.
    order = np.argsort(-best, kind="stable")[:count]
    found: dict[int, Best] = {}
    for document in order[best[order] > 0].tolist():
        start = int(passages.starts[document])
        following = document + 1
        end = int(passages.starts[following]) if following < len(best) else len(scores)
        passage = start + int(np.argmax(scores[start:end]))
        found[document] = Best(passage, float(scores[passage]))
    return found
