"""Cuts streamed Markdown into blocks that can be rendered while the rest is still being written."""

from __future__ import annotations


def complete(text: str) -> tuple[str, str]:
    """Return (what can be rendered now, what must wait): whole blocks, never half a fence."""
    fenced = False
    end = position = 0
    for line in text.splitlines(keepends=True):
        position += len(line)
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if not line.strip() and line.endswith("\n") and not fenced:
            end = position
    return text[:end], text[end:]
