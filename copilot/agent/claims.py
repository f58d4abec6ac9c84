"""An answer's text as a row of sentences, each with what it cites.

Works on a stream: a sentence is handed out as soon as it is certain where it ends, and the
pieces put together again are the text, byte for byte.
"""

from __future__ import annotations

import re

CITATION = re.compile(r"\bev-[0-9a-z]+\b", re.IGNORECASE)

_FENCE = re.compile(r"[ \t]*(```+|~~~+)")
# A sentence ends at its full stop and the citations behind it, once the next one has begun, which
# may well be with a small letter: services are called that.
_END = re.compile(
    r"""(?<!\be\.g)(?<!\bi\.e)(?<!\betc)(?<!\bvs)(?<!\bca)(?<!\bapprox)(?<!\b[a-z])"""
    r"""[.!?][)*_"”]*(?:\s*\[ev-[^\]\n]*\][.]?)*(?=[ \t]+[^\s\[])|\n""",
    re.IGNORECASE,
)


def citations(text: str) -> tuple[str, ...]:
    """Return the evidence ids that a text names, each once, in order."""
    return tuple(dict.fromkeys(found.group().lower() for found in CITATION.finditer(text)))


class Sentences:
    """Cuts a growing text into sentences, headings, list items and fenced blocks."""

    def __init__(self) -> None:
        self._buffer = ""

    def feed(self, text: str) -> list[str]:
        """Add text and return the pieces that are now complete."""
        self._buffer += text
        pieces = []
        while end := self._boundary():
            pieces.append(self._buffer[:end])
            self._buffer = self._buffer[end:]
        return pieces

    def flush(self) -> list[str]:
        """Return what is left."""
        rest, self._buffer = self._buffer, ""
        return [rest] if rest else []

    def _boundary(self) -> int:
        text = self._buffer
        if fence := _FENCE.match(text):
            close = re.compile(rf"\n[ \t]*{re.escape(fence.group(1))}[ \t]*(?:\n)")
            found = close.search(text, fence.end())
            return found.end() if found else 0
        for found in _END.finditer(text):
            piece = text[: found.end()]
            if piece.endswith("\n"):
                return found.end()
            if piece.count("`") % 2 == 0 and piece.count('"') % 2 == 0:
                return found.end()
        return 0


def sentences(text: str) -> list[str]:
    """Cut a whole text; joined, the pieces are the text again."""
    cutter = Sentences()
    return cutter.feed(text) + cutter.flush()


def quotes(sentence: str) -> tuple[str, ...]:
    """Return what a sentence quotes: text in quotation marks or backticks."""
    found = re.findall(r'"([^"\n]+)"|“([^”\n]+)”|``([^\n]+?)``|`([^`\n]+)`', sentence)
    return tuple(next(part for part in groups if part).strip() for groups in found)
