"""Query expansion: what people say at night, in the words of runbooks.

A hand-written thesaurus (`thesaurus.toml`) of operations talk; the expanded terms count less than the
query's own, so that a query in the documents' own words is not drowned.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from retrieval.indexes.words import stems

_FILE = Path(__file__).with_name("thesaurus.toml")


def expansions(query: str) -> list[str]:
    """Return what documents write for each idea in a query, in the order of the query."""
    said = stems(query)
    known = _phrases()
    found: dict[str, None] = {}
    for start, first in enumerate(said):
        for length in known.get(first, ()):
            written = _written().get(tuple(said[start : start + length]), ())
            found.update(dict.fromkeys(written))
    return list(found)


@cache
def _written() -> dict[tuple[str, ...], tuple[str, ...]]:
    """What is written for each stemmed phrase."""
    table: dict[tuple[str, ...], tuple[str, ...]] = {}
    for idea in tomllib.loads(_FILE.read_text("utf-8"))["idea"]:
        for phrase in idea["said"]:
            key = tuple(stems(phrase))
            table[key] = (*table.get(key, ()), idea["written"])
    return table


@cache
def _phrases() -> dict[str, tuple[int, ...]]:
    """The lengths of the phrases that begin with a stem."""
    lengths: dict[str, set[int]] = {}
    for phrase in _written():
        lengths.setdefault(phrase[0], set()).add(len(phrase))
    return {stem: tuple(sorted(found)) for stem, found in lengths.items()}
