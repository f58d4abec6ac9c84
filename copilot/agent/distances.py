"""How far the entries of evidence lie apart in time, and whether a sentence says another distance."""

from __future__ import annotations

import re
from collections.abc import Iterator

from copilot.agent.basis import Basis, facts
from copilot.agent.clocks import leading
from copilot.agent.labels import stems
from copilot.agent.quantities import Quantity, shown_as
from copilot.agent.units import hits


def apart_from(basis: Basis) -> Iterator[float]:
    """Yield how far the times that are quoted, or the entries that have the quotes, lie from other such entries."""
    ends = {*basis.quote.clocks, *leading("\n".join(basis.lines))}
    for one in ends:
        for other in leading("\n".join(basis.lines)):
            if one != other:
                yield from (abs(one - other), 86400 - abs(one - other))


_ANCHOR = re.compile(r"^\S*\s+(?:before|after)\s+(?P<what>[^,;.]{4,60})")


def from_another(claim: Quantity, text: str, basis: Basis, wide: tuple[float, float]) -> str:
    """Why "ten minutes before the sale opened" is wrong: only one entry tells of it, at another distance."""
    said_of = _ANCHOR.match(
        text[claim.end - len(claim.unit) :].lstrip() if claim.unit else text[claim.end :]
    )
    own = set(basis.quote.clocks) or set(leading("\n".join(basis.lines)))
    if not said_of or len(own) != 1:
        return ""
    words = {word[:4] for word in re.findall(r"[a-z]{4,}", said_of["what"].casefold())} - _TIMES
    entries = {
        time
        for whole in basis.everything
        for part in re.split(r"[\n;]", whole)
        if words & stems(part)
        for time in leading(part)
        if time not in own
    }
    if len(entries) != 1:
        return ""
    known = {time for whole in basis.everything for time in facts(whole).clocks}
    if hits((one - other for one in own for other in known), wide):
        return ""
    apart = abs(next(iter(own)) - next(iter(entries)))
    if hits((apart, 86400 - apart), (0.7 * wide[0] - 60, 1.3 * wide[1] + 60)):
        return ""
    return f"it was {apart:.0f} seconds, not {shown_as(claim)}"


_TIMES = {"minu", "seco", "hour", "days", "week", "this", "that", "then", "when", "from", "with"}
