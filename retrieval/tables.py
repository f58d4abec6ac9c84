"""The knowledge tables. The one migration tree elsewhere creates them from `metadata`."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Engine,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

documents = Table(
    "knowledge_documents",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("path", Text, nullable=False, unique=True),
    Column("file", Text, nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("content_hash", String(32), nullable=False),
    Column("chunker", String(32), nullable=False),
    Column("builtin", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", DateTime(timezone=True)),
)
chunks = Table(
    "knowledge_chunks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column(
        "document_id",
        String(32),
        ForeignKey("knowledge_documents.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("view", String(16), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("section", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("embedding", LargeBinary),
    Column("embedder", String(120)),
)
sources = Table(
    "knowledge_sources",
    metadata,
    Column("path", Text, primary_key=True),
    Column("kind", String(32)),
    Column("added_at", DateTime(timezone=True), nullable=False),
)
state = Table(
    "knowledge_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),
)


def create_tables(engine: Engine) -> None:
    """Create the tables where there is no migration to do it, as in tests."""
    metadata.create_all(engine)
