"""How long a text is for a model, without its tokenizer."""

from __future__ import annotations

import math

_BYTES_PER_TOKEN = 3.2
# Measured on manifests, logs and JSON, which split into more tokens than prose does (about 4).


def estimate(text: str) -> int:
    """Return about how many tokens `text` has, rather too many than too few."""
    return math.ceil(len(text.encode()) / _BYTES_PER_TOKEN)


def clip(text: str, tokens: int, *, mark: str = "[… {cut:,} characters left out …]") -> str:
    """Shorten `text` to about `tokens`, keeping its beginning and its end in whole lines."""
    room = int(tokens * _BYTES_PER_TOKEN)
    if len(text.encode()) <= room:
        return text
    room = max(room - len(mark), 40)
    head = text.encode()[: room * 2 // 3].decode(errors="ignore")
    tail = text.encode()[-(room // 3) :].decode(errors="ignore")
    if "\n" in head:
        head = head[: head.rindex("\n")]
    if "\n" in tail:
        tail = tail[tail.index("\n") + 1 :]
    cut = len(text) - len(head) - len(tail)
    return f"{head}\n{mark.format(cut=cut)}\n{tail}"
