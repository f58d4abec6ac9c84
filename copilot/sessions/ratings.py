"""What people think of answers, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

USEFUL = 3
"""The least rating, of 1 to 5, with which an answer counts as useful."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What somebody thinks of an answer: `useful` is 1 (useless) to 5 (very useful)."""

    session: str
    turn: int
    at: datetime
    user: str
    useful: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Ratings:
    """Some ratings, and what they come to. Reads as "4.5 of 5 by 2 people"."""

    given: tuple[Rating, ...] = ()

    @property
    def mean(self) -> float | None:
        """The mean of the ratings, None without any."""
        return sum(one.useful for one in self.given) / len(self.given) if self.given else None

    @property
    def useful_share(self) -> float | None:
        """The share of ratings that are `USEFUL` or better, None without any."""
        good = sum(one.useful >= USEFUL for one in self.given)
        return good / len(self.given) if self.given else None

    def __str__(self) -> str:
        """Return the mean and the number of people in words."""
        people = len({one.user for one in self.given})
        if self.mean is None:
            return "not rated yet"
        return f"{self.mean:.1f} of 5 by {people} {'person' if people == 1 else 'people'}"
