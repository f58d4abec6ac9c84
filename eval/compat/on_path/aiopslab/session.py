"""The session."""

from eval.compat.session import Session, SessionItem

__all__ = ["Session", "SessionItem"]
