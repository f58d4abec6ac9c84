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


_MAY_END = re.compile(r"[.!?\n]")
_LONGEST = 2_000
_AHEAD = 200


class Sentences:
    """Cuts a growing text into sentences, headings, list items and fenced blocks.

    What goes on for too long is cut at a space: looking again and again for an end that never comes
    would take longer with each word.
    """

    def __init__(self) -> None:
        self._buffer = ""

    def feed(self, text: str) -> list[str]:
        """Add text and return the pieces that are now complete."""
        self._buffer += text
        pieces = []
        while end := self._boundary() or self._cut():
            pieces.append(self._buffer[:end])
            self._buffer = self._buffer[end:]
        return pieces

    def flush(self) -> list[str]:
        """Return what is left."""
        rest, self._buffer = self._buffer, ""
        return [rest] if rest else []

    def _cut(self) -> int:
        # A block is one piece however it ends, and looking for its end is cheap.
        longest = _LONGEST * (10 if _FENCE.match(self._buffer) else 1)
        if len(self._buffer) < longest + _AHEAD:
            return 0
        return self._buffer.rfind(" ", 0, longest) + 1 or longest

    def _boundary(self) -> int:
        text = self._buffer
        if fence := _FENCE.match(text):
            close = re.compile(rf"\n[ \t]*{re.escape(fence.group(1))}[ \t]*(?:\n)")
            found = close.search(text, fence.end())
            return found.end() if found else 0
        if not _MAY_END.search(text):
            return 0
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


def from_quote(text: str, excerpt: str, said: str) -> str:
    """Return `text` from the line before the one that `said` quotes.

    "" when nothing of it is quoted, or `excerpt` holds what is.
    """
    found = [quote for quote in quotes(said) if len(quote) > 3 and quote in text]
    if not found or any(quote in excerpt for quote in found):
        return ""
    line = text.rfind("\n", 0, text.index(found[0]))
    return text[text.rfind("\n", 0, max(line, 0)) + 1 :]
