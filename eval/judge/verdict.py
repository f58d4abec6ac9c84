"""What a judge says of an answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from eval.judge.text import Labels

PASS = 7.0
"""A score of at least this passes (SREGym's paper: 7 of 9 questions)."""


class Unusable(StrEnum):
    """Why a vote has no score."""

    REFUSED = "refused"
    GARBAGE = "no verdict in the reply"
    MISSING = "a rating is missing"
    RANGE = "a rating is out of range"
    ENDPOINT = "the endpoint failed"


@dataclass(frozen=True, slots=True)
class Vote:
    """One reply to one prompt, with `labels` and a `score` from 0 to 10; both None when `problem` says why.

    `swapped`: the answer stood before the truth. `wrong_claims` are those that the judge counted.
    """

    prompt: str
    reply: str
    score: float | None
    problem: str = ""
    swapped: bool = False
    labels: Labels | None = None
    wrong_claims: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All votes on one answer. `score` is the median of the usable ones; None when there is none.

    `key` names the line of results, `judge` the model, or "rubric". `flipped`: some votes of one order
    pass and those of the other do not.
    """

    key: str
    id: str
    agent: str
    judge: str
    score: float | None
    passed: bool | None
    flipped: bool
    labels: Labels | None
    votes: tuple[Vote, ...]

    @property
    def data(self) -> dict[str, Any]:
        """As JSON data."""
        return asdict(self)
