from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine

from retrieval import library
from retrieval.embedding.minilm import MiniLM
from retrieval.indexes.words import spoken
from retrieval.ingestion.splitting import split
from retrieval.knowledge import KnowledgeIndex

HOW = "run `python -m retrieval.library.build`"


def test_the_packaged_vectors_are_those_of_the_packaged_runbooks(minilm: MiniLM) -> None:
    vectors = library.packaged_vectors(minilm.name)
    documents = library.packaged_documents()
    assert documents
    chunks = {
        chunk.id: chunk
        for each in documents
        for chunk in split(each.id, each.title, each.glance, each.text)
    }
    assert set(vectors) == set(chunks), HOW
    for identity in sorted(chunks)[::40]:
        # Processors differ a little in int8 arithmetic.
        assert vectors[identity] @ minilm.embed([spoken(chunks[identity].input)])[0] > 0.98, HOW
    assert library.packaged_vectors("another model") == {}
    assert np.isfinite(np.array(list(vectors.values()))).all()


def test_packaged_runbooks_say_what_they_are() -> None:
    documents = library.packaged_documents()
    assert len({document.path for document in documents}) == len(documents)
    for document in documents:
        assert document.builtin
        assert document.path.startswith("built-in/runbooks/")
        assert document.metadata.get("alerts") or document.metadata.get("symptoms"), document.path


def test_the_store_follows_the_package(engine: Engine, data: Path, minilm: MiniLM) -> None:
    with KnowledgeIndex.open(engine, data, embedder=minilm) as index:
        count = index.status().documents
        revision = index.status().revision
        assert count == len(library.packaged_documents())
        assert index.status().stale == 0
    with KnowledgeIndex.open(engine, data, embedder=minilm) as index:
        assert index.status().revision == revision


def test_a_damaged_vector_file_is_only_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "VECTORS", tmp_path / "vectors.npz")
    assert library.packaged_vectors("any") == {}
    library.VECTORS.write_bytes(b"PK\x03\x04 broken")
    assert library.packaged_vectors("any") == {}
