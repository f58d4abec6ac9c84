"""The truth: documents, passages and vectors in a SQL database (SQLite or PostgreSQL).

`metadata` describes the tables, for the migration that creates them. Times come from the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Connection,
    Engine,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from retrieval.documents import (
    Chunk,
    Document,
    Embedded,
    View,
    digest,
    glance,
    section_input,
    whole_input,
)
from retrieval.errors import StoreUnavailable
from retrieval.tables import chunks, create_tables, documents, metadata, sources, state
from retrieval.values import DocumentKind

if TYPE_CHECKING:
    from retrieval.embedding.protocol import Vectors

__all__ = ["Counts", "DocumentStore", "Passage", "Row", "Stored", "create_tables", "metadata"]

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known about a stored document without its text."""

    id: str
    path: str
    file: str
    content_hash: str
    chunker: str
    builtin: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """How much the store holds. `stale` counts passages without a vector of the given model."""

    runbooks: int
    incidents: int
    builtin: int
    chunks: int
    stale: int
    telemetry: int
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Row:
    """A stored passage with what search needs of its document."""

    document: str
    kind: DocumentKind
    builtin: bool
    title: str
    path: str
    content_hash: str
    chunk: Chunk
    embedder: str | None


@dataclass(frozen=True, slots=True)
class Passage:
    """A section with what is shown of its document."""

    document: str
    kind: DocumentKind
    title: str
    path: str
    builtin: bool
    metadata: dict[str, str]
    section: str
    text: str
    body: str


class DocumentStore:
    """Reads and changes the knowledge tables; every change is one transaction and one revision."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def revision(self) -> int:
        """Return a number that grows with every change, 0 for an empty store."""
        with _reported(), self._engine.connect() as connection:
            return connection.scalar(select(state.c.revision)) or 0

    def seal(self) -> str:
        """Return a name of the present revision and everything in it; quick, without the texts."""
        query = select(documents.c.id, documents.c.content_hash, documents.c.chunker)
        with _reported(), self._engine.connect() as connection:
            # In one transaction, so that the number belongs to the documents.
            revision = connection.scalar(select(state.c.revision)) or 0
            rows = connection.execute(query.order_by(documents.c.id)).all()
        return digest(str(revision), *(" ".join(row) for row in rows))

    def stored(self) -> dict[str, Stored]:
        """Return every document by path, without texts."""
        columns = [documents.c[name] for name in Stored.__dataclass_fields__]
        with _reported(), self._engine.connect() as connection:
            rows = connection.execute(select(*columns)).all()
        return {row.path: Stored(**row._mapping) for row in rows}

    def document(self, identity: str) -> Document | None:
        """Return one document by id."""
        with _reported(), self._engine.connect() as connection:
            row = connection.execute(
                select(documents).where(documents.c.id == identity)
            ).one_or_none()
        if row is None:
            return None
        values = row._mapping
        return Document(
            path=row.path,
            file=row.file,
            kind=DocumentKind(row.kind),
            title=row.title,
            text=row.text,
            metadata=values["metadata"],
            builtin=row.builtin,
        )

    def put(
        self,
        document: Document,
        embedded: Embedded,
        *,
        embedder: str,
        chunker: str,
        now: datetime | None,
    ) -> None:
        """Store a document and its passages in place of what its path held before."""
        with self._changing() as connection:
            previous = connection.scalar(
                select(documents.c.version).where(documents.c.id == document.id)
            )
            values = {
                "path": document.path,
                "file": document.file,
                "kind": document.kind.value,
                "title": document.title,
                "text": document.text,
                "metadata": dict(document.metadata),
                "content_hash": document.content_hash,
                "chunker": chunker,
                "builtin": document.builtin,
                "version": (previous or 0) + 1,
                "updated_at": now,
            }
            if previous is None:
                connection.execute(insert(documents).values(id=document.id, **values))
            else:
                connection.execute(
                    update(documents).where(documents.c.id == document.id).values(**values)
                )
                connection.execute(delete(chunks).where(chunks.c.document_id == document.id))
            connection.execute(insert(chunks), _chunk_rows(document.id, embedded, embedder))

    def revise(self, document: str, embedded: Embedded, *, embedder: str, chunker: str) -> None:
        """Replace a document's passages and vectors; the document stays the same version."""
        with self._changing() as connection:
            connection.execute(
                update(documents).where(documents.c.id == document).values(chunker=chunker)
            )
            connection.execute(delete(chunks).where(chunks.c.document_id == document))
            connection.execute(insert(chunks), _chunk_rows(document, embedded, embedder))

    def remove(self, identities: Sequence[str]) -> None:
        """Forget documents and everything made of them."""
        if not identities:
            return
        with self._changing() as connection:
            for batch in _batches(identities):
                # SQLite cascades only where foreign keys are switched on.
                connection.execute(delete(chunks).where(chunks.c.document_id.in_(batch)))
                connection.execute(delete(documents).where(documents.c.id.in_(batch)))

    def sources(self) -> dict[str, DocumentKind | None]:
        """Return the added files and folders, each with the kind it was added as."""
        with _reported(), self._engine.connect() as connection:
            rows = connection.execute(select(sources).order_by(sources.c.path)).all()
        return {row.path: DocumentKind(row.kind) if row.kind else None for row in rows}

    def add_source(self, path: str, kind: DocumentKind | None, now: datetime) -> None:
        """Remember a file or folder for later refreshes."""
        with self._changing() as connection:
            connection.execute(delete(sources).where(sources.c.path == path))
            connection.execute(insert(sources).values(path=path, kind=kind, added_at=now))

    def remove_source(self, path: str) -> bool:
        """Forget a file or folder, not its documents; return whether it was known."""
        with self._changing() as connection:
            return bool(connection.execute(delete(sources).where(sources.c.path == path)).rowcount)

    def rows(self) -> list[Row]:
        """Return every passage: documents by path, the whole view first, then sections in order."""
        query = (
            select(
                *(documents.c[name] for name in ("id", "kind", "builtin", "title", "path")),
                documents.c.content_hash,
                documents.c.metadata,
                documents.c.text.label("body"),
                chunks.c.id.label("chunk"),
                *(chunks.c[name] for name in ("view", "ordinal", "section", "text", "embedder")),
            )
            .join(chunks, chunks.c.document_id == documents.c.id)
            .order_by(documents.c.path, chunks.c.view.desc(), chunks.c.ordinal)
        )
        with _reported(), self._engine.connect() as connection:
            return [_row(dict(row._mapping)) for row in connection.execute(query)]

    def passages(self, identities: Sequence[str]) -> dict[str, Passage]:
        """Return sections by passage id; those that are gone are left out."""
        query = (
            select(
                chunks.c.id,
                chunks.c.section,
                chunks.c.text,
                documents.c.id.label("document"),
                documents.c.text.label("body"),
                *(documents.c[name] for name in ("kind", "title", "path", "builtin", "metadata")),
            )
            .join(documents, chunks.c.document_id == documents.c.id)
            .where(chunks.c.id.in_(identities))
        )
        with _reported(), self._engine.connect() as connection:
            rows = [row._mapping for row in connection.execute(query)]
        return {
            row["id"]: Passage(
                document=row["document"],
                kind=DocumentKind(row["kind"]),
                title=row["title"],
                path=row["path"],
                builtin=row["builtin"],
                metadata=row["metadata"],
                section=row["section"],
                text=row["text"],
                body=row["body"],
            )
            for row in rows
        }

    def known(self, document: str, embedder: str) -> dict[str, bytes]:
        """Return a document's stored vectors of a model by passage id."""
        query = select(chunks.c.id, chunks.c.embedding).where(
            chunks.c.document_id == document,
            chunks.c.embedder == embedder,
            chunks.c.embedding.is_not(None),
        )
        with _reported(), self._engine.connect() as connection:
            return {row.id: row.embedding for row in connection.execute(query)}

    def vectors(self, embedder: str, identities: Sequence[str] | None = None) -> dict[str, bytes]:
        """Return vectors of a model (float32, little-endian) by passage id: all, or the given."""
        query = select(chunks.c.id, chunks.c.embedding).where(
            chunks.c.embedder == embedder, chunks.c.embedding.is_not(None)
        )
        with _reported(), self._engine.connect() as connection:
            if identities is None:
                return {row.id: row.embedding for row in connection.execute(query)}
            found: dict[str, bytes] = {}
            narrowed = query.where(chunks.c.id.in_(bindparam("batch", expanding=True)))
            for batch in _batches(identities):
                rows = connection.execute(narrowed, {"batch": batch})
                found |= {row.id: row.embedding for row in rows}
            return found

    def dimension(self, embedder: str) -> int:
        """Return how many numbers a stored vector of a model has, 0 where there is none."""
        query = select(func.length(chunks.c.embedding)).where(
            chunks.c.embedder == embedder, chunks.c.embedding.is_not(None)
        )
        with _reported(), self._engine.connect() as connection:
            return (connection.scalar(query.limit(1)) or 0) // 4

    def stale(self, embedder: str, chunker: str) -> list[str]:
        """Return the documents whose passages are of another splitter or lack a current vector."""
        query = (
            select(documents.c.id)
            .join(chunks, chunks.c.document_id == documents.c.id)
            .where(
                or_(
                    documents.c.chunker != chunker,
                    chunks.c.embedding.is_(None),
                    chunks.c.embedder != embedder,
                )
            )
            .distinct()
            .order_by(documents.c.id)
        )
        with _reported(), self._engine.connect() as connection:
            return list(connection.scalars(query))

    def counts(self, embedder: str, *, builtin: bool = True) -> Counts:
        """Return how much there is, with or without built-in documents."""
        mine = documents.c.builtin.in_([False, builtin])
        per_kind = select(documents.c.kind, documents.c.builtin, func.count()).where(mine)
        current = (chunks.c.embedder == embedder) & chunks.c.embedding.is_not(None)
        passages = (
            select(func.count(), func.count().filter(current))
            .select_from(chunks.join(documents, chunks.c.document_id == documents.c.id))
            .where(mine)
        )
        with _reported(), self._engine.connect() as connection:
            groups = connection.execute(per_kind.group_by(documents.c.kind, documents.c.builtin))
            counted = [(row[0], row[1], int(row[2])) for row in groups]
            total, fresh = connection.execute(passages).one()
            latest = connection.scalar(select(func.max(documents.c.updated_at)))
        return Counts(
            runbooks=sum(n for kind, _, n in counted if kind == DocumentKind.RUNBOOK),
            incidents=sum(n for kind, _, n in counted if kind == DocumentKind.INCIDENT),
            builtin=sum(n for _, own, n in counted if own),
            chunks=total,
            stale=total - fresh,
            telemetry=sum(n for kind, _, n in counted if kind == DocumentKind.TELEMETRY),
            updated_at=latest.replace(tzinfo=UTC) if latest and not latest.tzinfo else latest,
        )

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        with _reported(), self._engine.begin() as connection:
            # First of all, so that writers queue here: on the row in PostgreSQL, on the database
            # in SQLite, where a transaction that began with a read could not be upgraded.
            bump = update(state).where(state.c.id == 1).values(revision=state.c.revision + 1)
            if not connection.execute(bump).rowcount:
                try:
                    with connection.begin_nested():
                        connection.execute(insert(state).values(id=1, revision=1))
                except IntegrityError:
                    connection.execute(bump)
            yield connection


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        missing = "no such table" in cause or ("relation" in cause and "does not exist" in cause)
        if missing:
            raise StoreUnavailable(
                f"the database has no knowledge tables ({cause}): apply the migrations first"
            ) from error
        raise StoreUnavailable(f"the knowledge store does not answer: {cause}") from error


def _chunk_rows(document: str, embedded: Embedded, embedder: str) -> list[dict[str, object]]:
    return [
        {
            "id": chunk.id,
            "document_id": document,
            "view": chunk.view.value,
            "ordinal": chunk.ordinal,
            "section": chunk.section,
            "text": chunk.text,
            "embedding": _blob(vector),
            "embedder": embedder if vector is not None else None,
        }
        for chunk, vector in zip(embedded.chunks, embedded.vectors, strict=True)
    ]


def _blob(vector: Vectors | None) -> bytes | None:
    return None if vector is None else vector.astype("<f4").tobytes()


def _row(values: Mapping[str, Any]) -> Row:
    view = View(values["view"])
    if view is View.WHOLE:
        text = whole_input(values["title"], glance(values["metadata"]), values["body"])
    else:
        text = section_input(values["title"], values["section"], values["text"])
    chunk = Chunk(values["chunk"], view, values["ordinal"], values["section"], values["text"], text)
    return Row(
        document=values["id"],
        kind=DocumentKind(values["kind"]),
        builtin=values["builtin"],
        title=values["title"],
        path=values["path"],
        content_hash=values["content_hash"],
        chunk=chunk,
        embedder=values["embedder"],
    )


def _batches(identities: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(identities), _BATCH):
        yield identities[start : start + _BATCH]
