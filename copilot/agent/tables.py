"""What tables in evidence give without saying it: how many rows speak of something, and the sums of columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

_WORD = re.compile(r"[A-Za-z][\w-]{2,}")
_NUMBER = re.compile(r"(?<![\w.-])\d+(?:\.\d+)?(?=(?:[KMGT]i?[Bb]?|[kmgt]b|ms|s|%)?(?![\w.-]))")
_MOST = 60


def row_counts(sentence: str, texts: Iterable[str]) -> set[float]:
    """Return how many rows of the texts speak of a word of the sentence, when more than one does."""
    found: set[float] = set()
    words = [word.casefold() for word in _WORD.findall(sentence)]
    # A name with a number is told from another by its end.
    stems = frozenset(w if re.search(r"\d", w) else w[:5] for w in words)
    for text in texts:
        found |= _counts(text, stems)
    return found


@lru_cache(maxsize=1024)
def _counts(text: str, stems: frozenset[str]) -> frozenset[float]:
    lines = [line for line in text.splitlines() if line.strip()][:_MOST]
    found: set[float] = set()
    if len(lines) > 2:
        rows = lines[lines[0].isupper() :]
        found.add(float(len(rows)))
        counts = (sum(stem in row.casefold() for row in rows) for stem in stems)
        found.update(float(n) for n in counts if n > 1)
    return frozenset(found)


@lru_cache(maxsize=1024)
def column_sums(text: str) -> tuple[float, ...]:
    """Return the sum of each column of numbers in a text's runs of alike lines, as written, whatever the units."""
    return tuple(_sums(text))


def column_ratios(text: str, line: str) -> Iterator[float]:
    """Yield how the numbers of a row compare with those that stand in the same place in other rows alike."""
    own = [float(n) for n in _NUMBER.findall(line)]
    for other in text.splitlines()[:_MOST]:
        numbers = [float(n) for n in _NUMBER.findall(other)]
        if len(numbers) == len(own) > 1 and other != line:
            yield from (b / a for a, b in zip(own, numbers, strict=True) if a and b)
            yield from (a / b for a, b in zip(own, numbers, strict=True) if a and b)


def _sums(text: str) -> Iterator[float]:
    rows: list[list[float]] = []
    for line in [*text.splitlines(), ""]:
        numbers = [float(n) for n in _NUMBER.findall(line)]
        if rows and len(numbers) != len(rows[-1]):
            if len(rows) > 1:
                yield from map(sum, zip(*rows, strict=True))
            rows = []
        if numbers:
            rows.append(numbers)
