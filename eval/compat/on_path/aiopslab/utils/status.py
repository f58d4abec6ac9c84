"""Statuses and errors."""

from eval.compat.status import (
    InvalidActionError,
    ResponseParsingError,
    SessionPrint,
    SubmissionStatus,
)

__all__ = ["InvalidActionError", "ResponseParsingError", "SessionPrint", "SubmissionStatus"]
