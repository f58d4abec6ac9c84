"""Versions of the cluster's objects."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    instant = sa.DateTime(timezone=True)
    op.create_table(
        "manifests",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("cluster", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(80), nullable=False),
        sa.Column("namespace", sa.String(80), nullable=False),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("fingerprint", sa.String(32), nullable=False),
        sa.Column("first", instant, nullable=False),
        sa.Column("last", instant, nullable=False),
        sa.Column("well", instant),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("replicas", sa.Integer),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Index("manifests_place", "cluster", "namespace"),
    )
