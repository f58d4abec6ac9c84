"""The one alembic tree."""
