"""Days of the year that a sentence names, and whether evidence names others."""

from __future__ import annotations

import re

_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = rf"(?:{'|'.join(_NAMES)})[a-z]*"
_DAY = re.compile(
    rf"\b(?:(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?({_MONTHS})|({_MONTHS}) (\d{{1,2}}))\b", re.I
)
_DATE = re.compile(r"\d{4}-(\d\d)-(\d\d)")
_TIMED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_MIDNIGHT = re.compile(r"\bmidnight\b|\bend of\b", re.I)


def days(text: str) -> tuple[int, ...]:
    """Return the days of a year that a text names ("29 April", "2025-04-29"), as numbers."""
    found = [_number(m[1] or m[4], m[2] or m[3]) for m in _DAY.finditer(text)]
    found += [31 * int(m[1]) + int(m[2]) for m in _DATE.finditer(text)]
    return tuple(found)


def wrong_day(sentence: str, text: str) -> bool:
    """Whether a sentence names a day, and a text others only.

    A day more or less may be a matter of the time zone, where the text has the time to it.
    """
    told = days(text)
    exact = not _TIMED.search(text) or ("UTC" in sentence and not _MIDNIGHT.search(sentence))
    room = 0 if exact else 1
    return bool(told) and any(
        all(abs(day - other) > room for other in told) for day in days(sentence)
    )


def without_days(text: str) -> str:
    """Return a text without the days that it names."""
    return _WITH_YEAR.sub(lambda m: " " * len(m.group()), text)


_WITH_YEAR = re.compile(rf"{_DAY.pattern}(?:,? (?:19|20)\d\d\b)?", re.I)


def _number(day: str, month: str) -> int:
    return 31 * (_NAMES.index(month[:3].lower()) + 1) + int(day)
