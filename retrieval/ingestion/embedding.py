"""Documents to embedded passages: what is known is taken, the rest goes through the pipeline."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from retrieval.documents import Document, Embedded
from retrieval.embedding.protocol import Embedder
from retrieval.errors import EmbeddingUnavailable
from retrieval.ingestion.splitting import split

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors
    from retrieval.ingestion.llama import Pipeline

_log = logging.getLogger(__name__)


class PassageMaker:
    """Makes the passages of documents, one at a time, for one embedder.

    When the model cannot be used, passages come without vectors: they are found by their words,
    and a later refresh embeds them. The pipeline is only loaded for passages that are not known.
    """

    def __init__(self, embedder: Embedder, *, words_only: bool = False) -> None:
        self._embedder = embedder
        self._words_only = words_only
        self._pipeline: Pipeline | None = None
        self.failure = ""

    def passages(self, document: Document, known: Mapping[str, Vectors]) -> Embedded:
        """Return a document's passages; `known` holds vectors of this embedder by passage id."""
        chunks = tuple(split(document.id, document.title, document.glance, document.text))
        if (
            not self.failure
            and not self._words_only
            and any(chunk.id not in known for chunk in chunks)
        ):
            try:
                return self._ready()(document, known)
            except EmbeddingUnavailable as error:
                self.failure = str(error)
                _log.warning("indexed by words only: %s", error)
        return Embedded(chunks, tuple(known.get(chunk.id) for chunk in chunks))

    def _ready(self) -> Pipeline:
        if self._pipeline is None:
            # Tried before llama-index is loaded for nothing.
            self._embedder.embed(["ready?"])
            from retrieval.ingestion.llama import Pipeline

            self._pipeline = Pipeline(self._embedder)
        return self._pipeline
