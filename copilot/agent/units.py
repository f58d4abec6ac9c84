"""In which units numbers of evidence may be that have none with them, given what a sentence says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from copilot.agent.derived import Facts
from copilot.agent.numerals import SPELLED
from copilot.agent.quantities import Quantity


def assumed(place: Facts, claim: Quantity) -> Iterator[Facts]:
    """Yield a place whose numbers have no unit with them in the units that they may have, given what a sentence says."""
    told = any(q.dim == claim.dim and not q.bare for q in place.numbers)
    named = any(q.dim == claim.dim and q.bare for q in place.numbers)
    size = claim.value / claim.plain if claim.plain else 0.0
    if claim.dim == "share":
        sizes = {1.0}
    elif claim.dim == "bytes" and size and not told:
        heads = {m[1].lower() for m in _SIZE.finditer(place.text)}
        sizes = {size, *(_BYTES[head[0]] for head in heads)}
    elif claim.dim == "time" and size and not told:
        sizes = {1.0, 1e-3, min(size, 1.0)}
    else:
        return
    for size in sizes:
        numbers = tuple(
            replace(q, dim=claim.dim, value=q.plain * size)
            if q.bare
            and (q.dim == claim.dim or not named)
            and (claim.dim != "share" or (q.step < 1 and q.plain <= 1))
            else q
            for q in place.numbers
        )
        if numbers != place.numbers:
            yield replace(place, numbers=numbers)


_SIZE = re.compile(r"(?:_|\b)([kmgt]i?b)\b", re.I)


_BYTES = {"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}


def hits(values: Iterable[float], room: tuple[float, float]) -> bool:
    """Whether one of some values lies in a range."""
    return any(room[0] <= abs(v) <= room[1] for v in values)


def scaled(claim: Quantity, values: Iterable[float]) -> Iterator[float]:
    """Yield numbers as they are written in the unit of a claim."""
    size = claim.value / claim.plain if claim.plain else 1.0
    return (value * size for value in values)


def in_unit_of(other: Quantity, claim: Quantity) -> tuple[float, float]:
    """Return what a number without a unit allows for when it has the unit of another."""
    size = other.step / 10 ** -len(other.text.split()[0].partition(".")[2].rstrip(SPELLED))
    return (claim.value - 0.5 * claim.step) * size, (claim.value + 0.5 * claim.step) * size
