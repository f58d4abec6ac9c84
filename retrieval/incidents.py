"""What a past incident is worth today: when it was, how it ended, whether it came back, how near it was."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from retrieval.values import DocumentKind, Hit

HALF_LIFE_DAYS = 365.0
"""After so long the age of an incident counts half."""

NEARNESS, RECENCY, RECURRENCE, HELD = 0.10, 0.04, 0.03, 0.02
"""The most that each may add to a score of 0 to 1: enough to order what is alike, not to bring up what is not."""

_DATE = re.compile(r"\b(\d{4}-\d{2}-\d{2})(?:T[\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?")
_LINE = re.compile(r"^(date|services?)\s*:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_OUTCOME = re.compile(
    r"^#{1,6}\s*(?:did it hold|outcome|held)\b[^\n]*\n+\s*(.+)$", re.IGNORECASE | re.MULTILINE
)
_NOT_HELD = re.compile(
    r"^(no\b|false|not\b|did(n't| not) hold|it did not|came back|recurred|failed|only (partly|for))",
    re.IGNORECASE,
)
_HELD = re.compile(r"^(yes|true|held|it held|holds|so far)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about today: the time, and how many calls away each service is (0: the one itself)."""

    now: datetime | None = None
    distances: Mapping[str, int] = field(default_factory=dict)


def facts(metadata: Mapping[str, str], text: str) -> dict[str, str]:
    """Return `date`, `services` and `held` of an incident that only its text tells."""
    found: dict[str, str] = {}
    for match in _LINE.finditer(text):
        name = "date" if match.group(1).lower() == "date" else "services"
        found.setdefault(name, match.group(2).strip())
    outcome = _OUTCOME.search(text)
    if outcome and _NOT_HELD.match(outcome.group(1).strip()):
        found["held"] = "false"
    elif outcome and _HELD.match(outcome.group(1).strip()):
        found["held"] = "true"
    return {name: value for name, value in found.items() if not metadata.get(name)}


def weighed(hits: Sequence[Hit], today: Circumstances | None) -> list[Hit]:
    """Return hits in the order of what they are worth, past incidents with notes on how they ended.

    Runbooks keep their scores, and all keep their order where nothing is known about today.
    """
    past = [hit for hit in hits if hit.kind is DocumentKind.INCIDENT]
    again = {hit.document: _like(hit, past) for hit in past}
    raised = [
        replace(
            hit,
            score=min(1.0, hit.score + _worth(hit, len(again[hit.document]), today)),
            notes=tuple(_notes(hit, again[hit.document])),
        )
        if hit.document in again
        else hit
        for hit in hits
    ]
    return sorted(raised, key=lambda hit: -hit.score)


def _worth(hit: Hit, recurrences: int, today: Circumstances | None) -> float:
    if today is None:
        return 0.0
    nearness = max(
        (0.5 ** today.distances[name] for name in _services(hit) if name in today.distances),
        default=0.0,
    )
    age = _age(hit, today.now)
    recency = 0.0 if age is None else 0.5 ** (age / HALF_LIFE_DAYS)
    recurrence = min(1.0, math.log1p(recurrences) / math.log1p(4))
    held = 1.0 if hit.metadata.get("held", "").lower() in ("true", "yes") else 0.0
    return NEARNESS * nearness + RECENCY * recency + RECURRENCE * recurrence + HELD * held


def _notes(hit: Hit, again: Sequence[Hit]) -> list[str]:
    notes = []
    if hit.metadata.get("held", "").lower() in ("false", "no"):
        notes.append("its fix did not hold")
    if again:
        names = ", ".join(
            f"{other.metadata.get('id') or other.title} ({other.metadata.get('date', 'no date')})"
            for other in sorted(again, key=lambda other: other.metadata.get("date", ""))
        )
        notes.append(f"the same cause on the same service again: {names}")
    return notes


def _like(hit: Hit, past: Sequence[Hit]) -> list[Hit]:
    cause, services = hit.metadata.get("cause", ""), _services(hit)
    return [
        other
        for other in past
        if other.document != hit.document
        and cause
        and other.metadata.get("cause") == cause
        and services & _services(other)
    ]


def _services(hit: Hit) -> set[str]:
    text = hit.metadata.get("services", "")
    return {name for name in re.split(r"[\s,;\[\]\"']+", text) if name and not name.endswith(":")}


def _age(hit: Hit, now: datetime | None) -> float | None:
    """Return days, None where no date is known."""
    match = _DATE.search(hit.metadata.get("date", ""))
    if match is None or now is None:
        return None
    try:
        then = datetime.fromisoformat(match.group(1)).replace(tzinfo=UTC)
    except ValueError:
        return None
    return max(0.0, (now - then).total_seconds() / 86400)
