"""The tables of sessions. Migrations live beside, in `migrations/`."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC, also on databases that forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC before storing."""
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Put the zone back."""
        return value.replace(tzinfo=UTC) if value and value.tzinfo is None else value


metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("title", Text, nullable=False, default=""),
    Column("user", Text, nullable=False, default=""),
    # What a surface knows the session by: a chat thread, an alert's fingerprint.
    Column("reference", String(200), unique=True),
)

# Deliveries that were taken up, so that one that comes twice is answered once.
claims = Table(
    "claims",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("at", UtcDateTime(), nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("session", String(32), ForeignKey("sessions.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("at", UtcDateTime(), nullable=False),
    Column("type", String(40), nullable=False),
    Column("body", JSON, nullable=False),
)

# Full texts are kept once, however many events and diagnoses refer to them.
evidence = Table(
    "evidence",
    metadata,
    Column("session", String(32), ForeignKey("sessions.id"), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("body", JSON, nullable=False),
)

# `state` goes proposed → applying → applied → verified | undone | failed, or proposed → declined.
# `undo` is written before the write itself, so that a killed process leaves a way back.
approvals = Table(
    "approvals",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("session", String(32), ForeignKey("sessions.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("expires_at", UtcDateTime(), nullable=False),
    Column("proposal", JSON, nullable=False),
    Column("undo", JSON),
    Column("decided_by", Text),
    Column("decided_at", UtcDateTime()),
    Index("approvals_session", "session"),
)

# One writer per object at a time, over all processes; a lock outlives a killed holder until it expires.
locks = Table(
    "locks",
    metadata,
    Column("object", String(400), primary_key=True),
    Column("holder", String(32), nullable=False),
    Column("expires_at", UtcDateTime(), nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime(), nullable=False),
    Column("session", String(32), nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("detail", JSON, nullable=False),
)

# What an answer was given while it was made; `turn` is the position of its question. A process that
# goes on with a killed one's answer repeats nothing of it.
journal = Table(
    "journal",
    metadata,
    Column("session", String(32), ForeignKey("sessions.id"), primary_key=True),
    Column("turn", Integer, primary_key=True),
    Column("key", String(120), primary_key=True),
    Column("body", JSON, nullable=False),
)

# The ledger: one row for each answer of a model.
answers = Table(
    "answers",
    metadata,
    Column("session", String(32), ForeignKey("sessions.id"), primary_key=True),
    Column("turn", Integer, primary_key=True),
    Column("at", UtcDateTime(), nullable=False, index=True),
    Column("user", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("prompts", String(16), nullable=False),
    Column("input", Integer, nullable=False),
    Column("output", Integer, nullable=False),
    Column("cached", Integer, nullable=False),
    Column("money", Float),
    Column("seconds", Float, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("tool_calls", Integer, nullable=False),
    Column("tool_errors", Integer, nullable=False),
    Column("claims", Integer, nullable=False),
    Column("verified", Integer, nullable=False),
    Column("fallback", Text, nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    Column("session", String(32), ForeignKey("sessions.id"), primary_key=True),
    Column("turn", Integer, primary_key=True),
    Column("user", String(200), primary_key=True),
    Column("at", UtcDateTime(), nullable=False),
    Column("useful", Integer, nullable=False),
    Column("text", Text, nullable=False),
)

# Versions of the cluster's objects as earlier looks found them; `well` is when a healthy look last did.
manifests = Table(
    "manifests",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("cluster", String(200), nullable=False),
    Column("kind", String(80), nullable=False),
    Column("namespace", String(80), nullable=False),
    Column("name", String(253), nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("first", UtcDateTime(), nullable=False),
    Column("last", UtcDateTime(), nullable=False),
    Column("well", UtcDateTime()),
    Column("whole", Boolean, nullable=False),
    Column("replicas", Integer),
    Column("body", LargeBinary, nullable=False),
    Index("manifests_place", "cluster", "namespace"),
)
