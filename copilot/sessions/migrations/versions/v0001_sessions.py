"""Sessions, events, evidence, approvals, locks, claims, audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("reference", sa.String(200), unique=True),
    )
    op.create_table(
        "claims",
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("at", instant, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("session", sa.String(32), sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("at", instant, nullable=False),
        sa.Column("type", sa.String(40), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_table(
        "evidence",
        sa.Column("session", sa.String(32), sa.ForeignKey("sessions.id"), primary_key=True),
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("session", sa.String(32), sa.ForeignKey("sessions.id"), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("proposal", sa.JSON, nullable=False),
        sa.Column("undo", sa.JSON),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", instant),
    )
    op.create_index("approvals_session", "approvals", ["session"])
    op.create_table(
        "locks",
        sa.Column("object", sa.String(400), primary_key=True),
        sa.Column("holder", sa.String(32), nullable=False),
        sa.Column("expires_at", instant, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", instant, nullable=False),
        sa.Column("session", sa.String(32), nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
