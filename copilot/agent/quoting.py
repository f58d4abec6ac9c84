"""What is quoted, and whether a text has it."""

from __future__ import annotations

import re

_MARKS = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "`": "'"})


def contains(text: str, quote: str) -> bool:
    """Whether a text has what is quoted, whatever its spaces and capitals; "…" stands for anything left out."""
    parts = [plain(part).strip(".,;:") for part in re.split(r"…|\.\.\.", quote)]
    wanted = ".*?".join(map(re.escape, filter(None, parts)))
    return re.search(wanted, plain(text), re.DOTALL) is not None


def places(text: str, quote: str) -> list[str]:
    """Return the lines of a text that have a quote; where a part up to a semicolon has it, that part only."""
    for cut in (r"[\n;]\s*", r"\n"):
        if found := [line for line in re.split(cut, text) if contains(line, quote)]:
            return found
    return []


def plain(text: str) -> str:
    """Return a text in small letters with single spaces and straight quotation marks."""
    return " ".join(text.translate(_MARKS).split()).casefold()
