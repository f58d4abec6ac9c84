"""Texts shortened to a number of tokens."""

from __future__ import annotations

from copilot.tools.tokens import Counter, estimate, fit

__all__ = ["Counter", "clip", "estimate"]


def clip(
    text: str,
    tokens: int,
    *,
    mark: str = "[… {cut:,} characters left out …]",
    count: Counter = estimate,
) -> str:
    """Shorten `text` to about `tokens`, keeping its beginning and its end in whole lines."""
    if len(text) <= tokens or (len(text) <= tokens * 8 and count(text) <= tokens):
        return text
    room = max(tokens - count(mark) - 2, 10)
    head = text[: fit(text, room * 2 // 3, count)]
    tail = text[len(text) - fit(text[::-1], room // 3, count) :]
    if "\n" in head:
        head = head[: head.rindex("\n")]
    if "\n" in tail:
        tail = tail[tail.index("\n") + 1 :]
    cut = len(text) - len(head) - len(tail)
    return f"{head}\n{mark.format(cut=cut)}\n{tail}"
