from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from sqlalchemy import Engine, create_engine, func, select

from retrieval import tables
from retrieval.documents import Document, Embedded
from retrieval.errors import StoreUnavailable
from retrieval.ingestion.splitting import CHUNKER, split
from retrieval.store import DocumentStore
from retrieval.values import DocumentKind


def document(path: str, text: str = "## Fix\nrepair") -> Document:
    return Document(path, path, DocumentKind.RUNBOOK, f"Title of {path}", text, {"alerts": "A"})


def embedded(made: Document) -> Embedded:
    chunks = tuple(split(made.id, made.title, made.glance, made.text))
    return Embedded(chunks, tuple(np.ones(4, dtype=np.float32) for _ in chunks))


def put(store: DocumentStore, made: Document, now: datetime, embedder: str = "m") -> None:
    store.put(made, embedded(made), embedder=embedder, chunker=CHUNKER, now=now)


@pytest.fixture
def store(engine: Engine) -> DocumentStore:
    return DocumentStore(engine)


@pytest.fixture
def empty_engine(tmp_path: Path) -> Iterator[Engine]:
    made = create_engine(f"sqlite:///{tmp_path}/none.db")
    yield made
    made.dispose()


def test_what_is_put_is_read_back(store: DocumentStore, now: datetime) -> None:
    made = document("/a.md")
    put(store, made, now)
    assert store.document(made.id) == made
    assert store.stored()["/a.md"].content_hash == made.content_hash
    rows = store.rows()
    assert [row.chunk for row in rows] == list(embedded(made).chunks)
    vectors = store.vectors("m")
    assert set(vectors) == {row.chunk.id for row in rows}
    assert np.frombuffer(vectors[rows[0].chunk.id], dtype="<f4").tolist() == [1, 1, 1, 1]
    assert store.vectors("another model") == {}
    assert store.counts("m").updated_at == now


def test_a_second_version_replaces_the_first(
    store: DocumentStore, engine: Engine, now: datetime
) -> None:
    put(store, document("/a.md"), now)
    before = store.revision()
    put(store, document("/a.md", "## Fix\nanother"), now)
    assert store.revision() == before + 1
    with engine.connect() as connection:
        assert connection.scalar(select(tables.documents.c.version)) == 2
        assert connection.scalar(select(func.count()).select_from(tables.documents)) == 1
    assert [row.chunk.text for row in store.rows()][-1] == "another"


def test_removing_leaves_nothing(store: DocumentStore, engine: Engine, now: datetime) -> None:
    put(store, document("/a.md"), now)
    put(store, document("/b.md"), now)
    store.remove([document("/a.md").id])
    assert list(store.stored()) == ["/b.md"]
    with engine.connect() as connection:
        owners = set(connection.scalars(select(tables.chunks.c.document_id)))
    assert owners == {document("/b.md").id}


def test_stale_documents(store: DocumentStore, now: datetime) -> None:
    put(store, document("/a.md"), now, embedder="old")
    put(store, document("/b.md"), now)
    assert store.stale("m", CHUNKER) == [document("/a.md").id]
    assert len(store.stale("m", "another splitter")) == 2
    counts = store.counts("m")
    assert (counts.runbooks, counts.chunks, counts.stale) == (2, 6, 3)


def test_no_tables_is_one_clear_error(empty_engine: Engine) -> None:
    with pytest.raises(StoreUnavailable, match=r"no knowledge tables.*apply the migrations"):
        DocumentStore(empty_engine).revision()


def test_two_writers_lose_nothing(engine: Engine, now: datetime) -> None:
    failures: list[Exception] = []

    def write(name: str) -> None:
        own = DocumentStore(engine)
        try:
            for number in range(15):
                put(own, document(f"/{name}/{number}.md"), now)
                put(own, document("/shared.md", f"## Fix\n{name} {number}"), now)
        except StoreUnavailable as error:
            failures.append(error)

    threads = [Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store = DocumentStore(engine)
    assert len(store.stored()) == 31
    assert store.revision() == 60
