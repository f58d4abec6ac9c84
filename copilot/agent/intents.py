"""What a question is about, told from its words alone."""

from __future__ import annotations

import re
from enum import StrEnum


class Intent(StrEnum):
    """The kinds of questions that can be told apart without a model."""

    INVESTIGATE = "investigate"
    WHY = "why"
    EVIDENCE = "evidence"
    LOGS = "logs"
    CHANGES = "changes"
    SIMILAR = "similar"
    FIX = "fix"
    SAFE = "safe"
    HANDOVER = "hand-over"
    OTHER = "other"


def _any(*words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})\b", re.IGNORECASE)


_AGAIN = _any(
    "again", "re-?check", "re-?investigate", "still", "any better", "right now", "by now",
    "is it (?:fixed|gone|back|ok|okay|healthy)", "did (?:it|that) (?:help|work)", "how is it",
)  # fmt: skip
_TROUBLE = _any(
    r"fail\w*", r"slow\w*", "down", r"errors?", "broken", r"crash\w*", "5xx", "50[0234]",
    r"time-?(?:s |d )?outs?", "unhealthy", "wrong", "latency", "outage", "pending", r"oom\w*",
    "unreachable", r"not (?:working|ready|responding|starting)", "problem", "healthy",
)  # fmt: skip
_FOLLOW_UPS: tuple[tuple[Intent, re.Pattern[str]], ...] = (
    (
        Intent.HANDOVER,
        _any("hand.?over", "next shift", r"summar\w+", "tl;?dr", "catch me up", "recap"),
    ),
    (Intent.SAFE, _any("safe", r"risk\w*", "dangerous", "undo", "take (?:it|that) back", "revert")),
    (Intent.LOGS, _any("logs?")),
    (
        Intent.SIMILAR,
        _any("last time", "similar", "past incidents?", "(?:happened|seen|had) (?:this |it )?before"),
    ),
    (Intent.CHANGES, _any(r"chang\w+", r"deployed", "what is new", "rollout history")),
    (
        Intent.FIX,
        _any(
            r"what (?:should|can|do) (?:i|we) do",
            r"fix\w*", r"mitigat\w+", r"remed\w+", "next steps?", r"roll.?back", "solve", "repair",
        ),
    ),
    (
        Intent.EVIDENCE,
        _any("evidence", "proof", "prove", "how do you know", "are you sure", r"ev-\w+"),
    ),
)  # fmt: skip
_WHY = re.compile(r"^\W*why(?:\W*$|\s+(?:do|did|would|should|that|this|it)\b)|\bexplain\b", re.I)


def classify(question: str, *, follow_up: bool) -> Intent:
    """Return what is asked; `follow_up` says that there is a diagnosis to ask about.

    A first question is a report of trouble unless it plainly asks for something else.
    """
    text = question.strip()
    if not text or (follow_up and _AGAIN.search(text)):
        return Intent.INVESTIGATE
    if not follow_up and _TROUBLE.search(text):
        return Intent.INVESTIGATE
    if follow_up and _WHY.search(text):
        return Intent.WHY
    for intent, words in _FOLLOW_UPS:
        if words.search(text):
            return intent
    if not follow_up or _TROUBLE.search(text):
        return Intent.INVESTIGATE
    return Intent.OTHER
