"""Makes the packaged vectors: `python -m retrieval.library.build`, after any runbook changed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from retrieval.embedding.minilm import MiniLM
from retrieval.indexes import situations
from retrieval.library import VECTORS, packaged_documents

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors


def main() -> int:
    """Embed every packaged runbook through the ingestion pipeline and write the vectors."""
    import numpy as np

    from retrieval.ingestion.llama import Pipeline

    embedder = MiniLM()
    pipeline = Pipeline(embedder)
    vectors: dict[str, Vectors] = {}
    documents = packaged_documents()
    for document in documents:
        embedded = pipeline(document, {})
        vectors |= {
            chunk.id: vector
            for chunk, vector in zip(embedded.chunks, embedded.vectors, strict=True)
            if vector is not None
        }
    ids = sorted(vectors)
    # Half precision moves a cosine by less than 0.0001 and halves the file.
    rows = np.array([vectors[identity] for identity in ids], dtype=np.float16)
    np.savez_compressed(VECTORS, embedder=np.array(embedder.name), ids=np.array(ids), vectors=rows)
    situations.build(embedder)
    size = VECTORS.stat().st_size
    print(f"{VECTORS}: {len(documents)} runbooks, {len(ids)} vectors, {size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
