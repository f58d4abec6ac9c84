"""The seam between search and whatever turns texts into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into vectors of length one, so that a dot product is a cosine."""

    @property
    def name(self) -> str:
        """Names model and weights: vectors of different names are never compared."""
        ...

    @property
    def dimension(self) -> int:
        """Length of one vector, 0 while not known: a remote model may not have been asked yet."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row per text; raise `EmbeddingUnavailable` when the model cannot be used.

        May be called from several threads at once.
        """
        ...
