"""The journal of answers in the making, the ledger, feedback."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables."""
    instant = sa.DateTime(timezone=True)

    def session() -> sa.Column[str]:
        return sa.Column("session", sa.String(32), sa.ForeignKey("sessions.id"), primary_key=True)

    op.create_table(
        "journal",
        session(),
        sa.Column("turn", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(120), primary_key=True),
        sa.Column("body", sa.JSON, nullable=False),
    )
    op.create_table(
        "answers",
        session(),
        sa.Column("turn", sa.Integer, primary_key=True),
        sa.Column("at", instant, nullable=False, index=True),
        sa.Column("user", sa.Text, nullable=False),
        sa.Column("team", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("prompts", sa.String(16), nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("input", "output", "cached")),
        sa.Column("money", sa.Float),
        sa.Column("seconds", sa.Float, nullable=False),
        *(
            sa.Column(name, sa.Integer, nullable=False)
            for name in ("steps", "tool_calls", "tool_errors", "claims", "verified")
        ),
        sa.Column("fallback", sa.Text, nullable=False),
    )
    op.create_table(
        "feedback",
        session(),
        sa.Column("turn", sa.Integer, primary_key=True),
        sa.Column("user", sa.String(200), primary_key=True),
        sa.Column("at", instant, nullable=False),
        sa.Column("useful", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
