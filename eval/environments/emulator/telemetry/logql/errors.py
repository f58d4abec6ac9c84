"""What a LogQL query can fail with, in Loki's own words."""

from __future__ import annotations


class LogQLError(Exception):
    """A query or parameter that Loki refuses with status 400; the text is the answer's body."""


class ParseError(LogQLError):
    """A query that is not LogQL, or not of the part that is emulated. Columns count from 1."""

    def __init__(self, text: str, line: int = 0, column: int = 0) -> None:
        at = f" at line {line}, col {column}:" if line or column else " :"
        super().__init__(f"parse error{at} {text}")
