"""Sums of the ledger: tokens, cached tokens, money and seconds, by session, user, team or model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from copilot.sessions.ledger import Answered

By = Literal["session", "user", "team", "model"]


@dataclass(frozen=True, slots=True)
class Sum:
    """What some answers cost together; `unpriced` of them have no known price and are not in `money`."""

    name: str
    answers: int = 0
    input: int = 0
    output: int = 0
    cached: int = 0
    seconds: float = 0.0
    money: float = 0.0
    unpriced: int = 0


def sums(rows: Iterable[Answered], by: By) -> list[Sum]:
    """Return one sum for each value of `by`, the dearest first, then those with most tokens."""
    found: dict[str, Sum] = {}
    for row in rows:
        booking = row.booking
        name = booking.model if by == "model" else str(getattr(row, by)) or "(none)"
        known = found.get(name, Sum(name))
        found[name] = replace(
            known,
            answers=known.answers + 1,
            input=known.input + booking.input,
            output=known.output + booking.output,
            cached=known.cached + booking.cached,
            seconds=known.seconds + booking.seconds,
            money=known.money + (booking.money or 0.0),
            unpriced=known.unpriced + (booking.money is None),
        )
    return sorted(found.values(), key=lambda s: (-s.money, -s.input - s.output, s.name))


def as_data(total: Sum) -> dict[str, Any]:
    """Return a sum as JSON data."""
    return {name: getattr(total, name) for name in Sum.__dataclass_fields__}
