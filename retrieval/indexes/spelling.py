"""Misspelt words of a query, put right with the words that the documents use.

Four out of five misspellings are one letter too many, too few, wrong or swapped with its neighbour
(Damerau, CACM 1964): only these are looked for. A word of the documents or of the English language is left
alone, as is everything that looks like an identifier.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Iterator, Mapping
from functools import cache

from retrieval.embedding.minilm import MODEL_FOLDER
from retrieval.indexes.words import stem

_PLAIN = re.compile(r"(?<![\w./:'’-])[a-z]{3,24}(?![\w./:'’])")
_WRITTEN = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}")
_SHORT = 3
_APOSTROPHES = frozenset(
    [
        "arent",
        "cant",
        "couldnt",
        "didnt",
        "doesnt",
        "dont",
        "hadnt",
        "hasnt",
        "havent",
        "isnt",
        "itll",
        "ive",
        "shouldnt",
        "thats",
        "theres",
        "theyre",
        "wasnt",
        "werent",
        "whats",
        "wheres",
        "whos",
        "wont",
        "wouldnt",
        "youre",
    ]
)


def plain_words(text: str) -> list[str]:
    """Return the words of a text in lower case, those of identifiers too."""
    return [word.lower() for word in _WRITTEN.findall(text)]


def corrected(text: str, spellings: Mapping[str, int], known: Callable[[str], bool]) -> str:
    """Return a query with its misspelt words as the documents write them.

    `spellings` counts the documents' words, `known` says whether they have a term.
    """

    def right(match: re.Match[str]) -> str:
        word = match.group()
        base = stem(word)
        if word in spellings or known(base) or word in _APOSTROPHES or _english(word, base):
            return word
        near = [other for other in _one_edit_away(word) if other in spellings]
        return max(near, key=lambda other: _likeness(word, other, spellings[other]), default=word)

    return _PLAIN.sub(right, text)


def _likeness(word: str, other: str, count: int) -> tuple[bool, bool, int, str]:
    """Swapped letters are likelier than wrong ones, and the first letter is seldom wrong."""
    return sorted(word) == sorted(other), word[0] == other[0], count, other


def _one_edit_away(word: str) -> Iterator[str]:
    splits = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    yield from (a + b[1] + b[0] + b[2:] for a, b in splits if len(b) > 1)
    if len(word) <= _SHORT:
        # Nearly any three letters are one letter away from some word.
        return
    yield from (a + b[1:] for a, b in splits if b)
    for letter in string.ascii_lowercase:
        yield from (a + letter + b[1:] for a, b in splits if b)
        yield from (a + letter + b for a, b in splits)


def _english(word: str, base: str) -> bool:
    words, bases = _vocabulary()
    return word in words or base in bases


@cache
def _vocabulary() -> tuple[frozenset[str], frozenset[str]]:
    """The words, and their stems, that the bundled tokenizer has whole: the frequent ones of English."""
    try:
        data = json.loads((MODEL_FOLDER / "tokenizer.json").read_text("utf-8"))
        pieces = data["model"]["vocab"]
    except (OSError, ValueError, KeyError):
        return frozenset(), frozenset()
    words = frozenset(piece for piece in pieces if len(piece) > 2 and piece.isalpha())
    return words, frozenset(map(stem, words))
