"""Texts to index terms: stems of words, and identifiers both whole and in parts."""

from __future__ import annotations

import re
import threading
from typing import Any

WORDS = "words-2"
"""Changes whenever the same text would give other terms."""

_TERM = re.compile(r"\w+(?:[.\-/:]\w+)*")
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\dA-Za-z_]+")
_JOINED = re.compile(r"\b[A-Za-z]*[a-z][A-Z][A-Za-z]*\b|\b[A-Z]{2,}[a-z]{2,}[A-Za-z]*\b")
_SPOKEN = re.compile(r"\w+")
_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "if",
        "in",
        "into",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
    ]
)
_MAX_EXACT = 80

_stemmers = threading.local()


def terms(text: str) -> list[str]:
    """Return the terms of a text in order.

    `KubePodCrashLooping` gives itself in lower case and the stems of kube, pod, crash, looping;
    `db-secret.yaml` itself and its parts; a plain word only its stem.
    """
    stemmer = _stemmer()
    found: list[str] = []
    for match in _TERM.finditer(text):
        term = match.group()
        parts = _PART.findall(term)
        whole = term.lower()
        if len(parts) > 1 and len(whole) <= _MAX_EXACT:
            found.append(whole)
        words = [part.lower() for part in parts]
        kept = [word for word in words if word not in _STOP and (len(word) > 1 or word.isdigit())]
        found.extend(stemmer.stemWords(kept))
    return found


def spoken(text: str) -> str:
    """Return a text with identifiers in their words: `KubePodCrashLooping` is Kube Pod Crash Looping.

    An embedding model knows the words, not what they were put together to.
    """
    return _JOINED.sub(lambda match: " ".join(_PART.findall(match.group())), text)


def stem(word: str) -> str:
    """Return the stem of one word in lower case."""
    found: str = _stemmer().stemWord(word)
    return found


def stems(text: str) -> list[str]:
    """Return the stems of all words, stop words too; "can't" and "cant" are the same."""
    words = _SPOKEN.findall(text.lower().replace("'", "").replace("’", ""))
    found: list[str] = _stemmer().stemWords(words)
    return found


def _stemmer() -> Any:
    # A stemmer must not be used by two threads at once.
    if not hasattr(_stemmers, "english"):
        import Stemmer

        _stemmers.english = Stemmer.Stemmer("english")
    return _stemmers.english
