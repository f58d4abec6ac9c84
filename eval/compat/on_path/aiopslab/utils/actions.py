"""Marks on actions."""

from eval.compat.marks import action, get_actions, read, write

__all__ = ["action", "get_actions", "read", "write"]
