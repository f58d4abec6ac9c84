"""The parser of replies."""

from eval.compat.parser import ResponseParser

__all__ = ["ResponseParser"]
