"""llama-index's ingestion pipeline over our splitter and embedder.

Importing this module loads llama-index, which takes seconds: import it where a pipeline is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.schema import (
    BaseNode,
    MetadataMode,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
    TransformComponent,
)
from llama_index.core.schema import Document as LlamaDocument
from pydantic import PrivateAttr

from retrieval.documents import Chunk, Document, Embedded, View
from retrieval.embedding.protocol import Embedder
from retrieval.indexes.words import spoken
from retrieval.ingestion.splitting import split

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

_FIELDS = ("view", "ordinal", "section", "shown")


class StructuralSplitter(TransformComponent):
    """Documents to passages along their Markdown structure; a node's text is what is embedded."""

    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """Return the passages of all documents."""
        return [passage for node in nodes for passage in self._passages(node)]

    @staticmethod
    def _passages(node: BaseNode) -> list[TextNode]:
        content = node.get_content(metadata_mode=MetadataMode.NONE)
        chunks = split(node.node_id, node.metadata["title"], node.metadata["glance"], content)
        return [
            TextNode(
                id_=chunk.id,
                text=chunk.input,
                metadata={
                    "view": chunk.view.value,
                    "ordinal": chunk.ordinal,
                    "section": chunk.section,
                    "shown": chunk.text,
                },
                excluded_embed_metadata_keys=list(_FIELDS),
                relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=node.node_id)},
            )
            for chunk in chunks
        ]


class KnowledgeEmbedding(BaseEmbedding):
    """An `Embedder` as llama-index's embedding; passages with a known vector keep it."""

    _embedder: Embedder = PrivateAttr()
    _known: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    def __init__(self, embedder: Embedder) -> None:
        # The embedder makes its own batches.
        super().__init__(model_name=embedder.name, embed_batch_size=2048)
        self._embedder = embedder

    def know(self, vectors: Mapping[str, Vectors]) -> None:
        """Use these vectors by node id from now on."""
        self._known = vectors

    def __call__(self, nodes: Sequence[BaseNode], **kwargs: Any) -> Sequence[BaseNode]:
        """Give every node its embedding."""
        missing = [node for node in nodes if node.node_id not in self._known]
        if missing:
            super().__call__(missing, **kwargs)
        for node in nodes:
            if node.node_id in self._known:
                node.embedding = self._known[node.node_id].tolist()
        return nodes

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self._embedder.embed([spoken(text) for text in texts]).tolist()
        return rows

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


class Pipeline:
    """Documents to embedded passages through llama-index."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedding = KnowledgeEmbedding(embedder)
        self._pipeline = IngestionPipeline(
            transformations=[StructuralSplitter(), self._embedding], disable_cache=True
        )

    def __call__(self, document: Document, known: Mapping[str, Vectors]) -> Embedded:
        """Return a document's passages with their vectors, taking those that are known."""
        self._embedding.know(known)
        source = LlamaDocument(
            id_=document.id,
            text=document.text,
            metadata={"title": document.title, "glance": document.glance},
        )
        nodes = self._pipeline.run(documents=[source])
        return Embedded(
            tuple(_chunk(node) for node in nodes),
            tuple(np.asarray(node.get_embedding(), dtype=np.float32) for node in nodes),
        )


def _chunk(node: BaseNode) -> Chunk:
    values = node.metadata
    return Chunk(
        node.node_id,
        View(values["view"]),
        values["ordinal"],
        values["section"],
        values["shown"],
        node.get_content(metadata_mode=MetadataMode.NONE),
    )
