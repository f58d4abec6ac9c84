"""Numbers that evidence does have, but says of something else than a sentence does."""

from __future__ import annotations

import re

from copilot.agent.basis import Basis, facts
from copilot.agent.labels import label, misplaced, named, opposed, stems
from copilot.agent.quantities import Quantity, interval, loose, shown_as


def labelled(claim: Quantity, sentence: str, basis: Basis, room: tuple[float, float]) -> bool:
    """Whether evidence has the number by a name that the sentence uses, and that no quoted number has."""
    words, noun = stems(sentence), stems(claim.unit)
    known = {stem for q in basis.quote.numbers for stem in stems(label(q, basis.quote.text))}
    for place in (basis.line, *map(facts, basis.everything)):
        wanted = words if place is basis.line else noun if claim.dim == "count" else set()
        for q in place.numbers:
            near = q.dim == claim.dim and room[0] <= q.value <= room[1]
            if near and (stems(label(q, place.text)) - known) & wanted:
                return True
    return False


def said_elsewhere(claim: Quantity, sentence: str, text: str, basis: Basis) -> str:
    """Why a number that the evidence does have is said of something else there, "" when it is not."""
    low, high = interval(claim, text)
    if loose(claim, text) or claim.dim == "ratio":
        return ""
    alike = [q for q in basis.line.numbers if q.dim == claim.dim]
    hits = [q for q in alike if low <= q.value <= high]
    hits = [q for q in hits if q in basis.quote.numbers] or hits
    if not hits:
        return ""
    where, what = basis.line.text, shown_as(claim)
    if claim.dim == "share" and all(opposed(sentence, label(q, where)) for q in hits):
        return f"{what} is said of the contrary"
    if claim.dim != "count" and all(opposed(sentence, named(q, where)) for q in hits):
        return f"{what} is said of the contrary"
    if _NOW.search(sentence) and all(_BEFORE.match(where, q.end - len(q.unit)) for q in hits):
        return f"{what} is what it was before"
    if claim.dim == "count" and all(_contrary(q, sentence, where) for q in hits):
        return f"{what} is said of the contrary"
    noun = stems(claim.unit) if claim.dim == "count" else set()
    if any(noun & stems(re.split("[,;()]", where[q.start :], maxsplit=1)[0][:40]) for q in hits):
        return ""  # "3 of 12 partitions"
    rest = [q for q in alike if not low <= q.value <= high]
    return f"{what} is said of something else" if misplaced(hits, rest, sentence, where) else ""


def _contrary(number: Quantity, sentence: str, text: str) -> bool:
    """Whether the word right behind a number, as in "2 of 9 ready", is the contrary of what is said."""
    found = _BEHIND.match(text, number.start)
    behind = found[1] if found else None
    return behind is not None and opposed(sentence, behind)


_NOW = re.compile(
    r"\b(?:now|still|currently|at present)\b(?!.*\b(?:from|instead|used to|before|was)\b)", re.I
)


_BEFORE = re.compile(r"\S*\s*(?:->|→)")


_BEHIND = re.compile(r"\d+\s*(?:(?:/|of|out of)\s*\d+)?\s*([a-z]+)?")
