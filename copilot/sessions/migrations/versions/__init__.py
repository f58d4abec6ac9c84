"""Migrations, in order. Append only."""
