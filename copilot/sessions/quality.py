"""How good answers are, by week, model and version of the prompts, and whether that got worse."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from copilot.sessions.ledger import Answered

_Z = 1.96
_RATING_DROP = 0.5
_LEAST = 5


@dataclass(slots=True)
class Group:
    """The answers of one week by one model with one version of the prompts."""

    week: str
    model: str
    prompts: str
    answers: int = 0
    ratings: list[int] = field(default_factory=list)
    claims: int = 0
    verified: int = 0
    fallbacks: int = 0
    calls: int = 0
    errors: int = 0

    @property
    def rating(self) -> float | None:
        """The mean rating, None without any."""
        return sum(self.ratings) / len(self.ratings) if self.ratings else None

    @property
    def grounded(self) -> float | None:
        """The share of checked claims that hold."""
        return self.verified / self.claims if self.claims else None

    @property
    def fallback(self) -> float:
        """The share of answers that the engine had to give."""
        return self.fallbacks / self.answers if self.answers else 0.0

    @property
    def error(self) -> float | None:
        """The share of tool calls that failed."""
        return self.errors / self.calls if self.calls else None

    def data(self) -> dict[str, Any]:
        """Return the group as JSON data."""
        return {
            "week": self.week,
            "model": self.model,
            "prompts": self.prompts,
            "answers": self.answers,
            "ratings": len(self.ratings),
            "rating": self.rating,
            "grounded": self.grounded,
            "fallback": self.fallback,
            "tool_errors": self.error,
        }


def groups(rows: Iterable[Answered]) -> list[Group]:
    """Return the groups, oldest week first."""
    found: dict[tuple[str, str, str], Group] = {}
    for row in rows:
        year, number, _ = row.at.isocalendar()
        booking = row.booking
        key = (f"{year}-W{number:02}", booking.model, booking.prompts)
        group = found.setdefault(key, Group(*key))
        group.answers += 1
        group.ratings += row.ratings
        group.claims += booking.claims
        group.verified += booking.verified
        group.fallbacks += bool(booking.fallback)
        group.calls += booking.tool_calls
        group.errors += booking.tool_errors
    return [found[key] for key in sorted(found)]


def regressions(found: list[Group]) -> list[str]:
    """Return what became worse in the last week against all weeks before, in words.

    Shares are compared by a two-proportion z-test at 95 %, ratings by half a point; either needs a few
    answers on both sides, so that one bad night is no alarm.
    """
    if not found:
        return []
    week = found[-1].week
    now, before = (
        _merged([g for g in found if g.week == week]),
        _merged([g for g in found if g.week < week]),
    )
    if now.answers < _LEAST or before.answers < _LEAST:
        return []
    said = []
    if _worse(
        now.claims - now.verified, now.claims, before.claims - before.verified, before.claims
    ):
        said.append(_said("verified claims", now.grounded, before.grounded))
    if _worse(now.fallbacks, now.answers, before.fallbacks, before.answers):
        said.append(_said("answers that the engine had to give", now.fallback, before.fallback))
    if _worse(now.errors, now.calls, before.errors, before.calls):
        said.append(_said("failed tool calls", now.error, before.error))
    enough = min(len(now.ratings), len(before.ratings)) >= _LEAST
    if enough and (before.rating or 0) - (now.rating or 0) >= _RATING_DROP:
        said.append(f"mean rating: {now.rating:.1f}, before {before.rating:.1f}")
    names = ", ".join(sorted({f"{g.model}, prompts {g.prompts}" for g in found if g.week == week}))
    return [f"{week} ({names}): {one}" for one in said]


def _merged(some: list[Group]) -> Group:
    total = Group("", "", "")
    for group in some:
        total.answers += group.answers
        total.ratings += group.ratings
        total.claims += group.claims
        total.verified += group.verified
        total.fallbacks += group.fallbacks
        total.calls += group.calls
        total.errors += group.errors
    return total


def _worse(bad: int, count: int, bad_before: int, before: int) -> bool:
    if count < _LEAST or before < _LEAST:
        return False
    pooled = (bad + bad_before) / (count + before)
    spread = sqrt(pooled * (1 - pooled) * (1 / count + 1 / before))
    return spread > 0 and (bad / count - bad_before / before) / spread > _Z


def _said(what: str, now: float | None, before: float | None) -> str:
    return f"{what}: {now or 0:.0%}, before {before or 0:.0%}"
