"""An embedder whose vectors are looked at before they are believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from retrieval.embedding.protocol import Embedder
from retrieval.errors import EmbeddingUnavailable

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors


class CheckedEmbedder:
    """Fits `Embedder`. Vectors of another length than those that the store has of this model are refused.

    A remote model can be exchanged under its name; vectors of two models must not meet.
    """

    def __init__(self, embedder: Embedder, stored: int) -> None:
        """`stored` is the length of the stored vectors of this model, 0 where there are none."""
        self._embedder = embedder
        self._stored = stored

    @property
    def name(self) -> str:
        """The embedder's name."""
        return self._embedder.name

    @property
    def dimension(self) -> int:
        """Length of one vector, 0 while not known."""
        return self._stored or self._embedder.dimension

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row of length one per text. Raises `EmbeddingUnavailable`."""
        rows = self._embedder.embed(texts)
        if rows.shape[0] != len(texts):
            raise EmbeddingUnavailable(
                f"{self.name} gave {rows.shape[0]} vectors for {len(texts)} texts"
            )
        if len(texts) and self._stored and rows.shape[1] != self._stored:
            raise EmbeddingUnavailable(
                f"{self.name} gives vectors of {rows.shape[1]} numbers, those in the index have {self._stored}: "
                "it is another model now; set knowledge.embedder.model or .dimension anew"
            )
        if len(texts):
            self._stored = rows.shape[1]
        return rows
