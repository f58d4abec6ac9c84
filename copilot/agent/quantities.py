"""Numbers in texts: found with their units, and compared with those in evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("ns",), ("time", 1e-9)),
    **dict.fromkeys(("us", "µs"), ("time", 1e-6)),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), ("time", 1e-3)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("time", 1.0)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("time", 60.0)),
    **dict.fromkeys(("h", "hour", "hours"), ("time", 3600.0)),
    **dict.fromkeys(("d", "day", "days"), ("time", 86400.0)),
    **dict.fromkeys(("%", "percent"), ("share", 0.01)),
    **dict.fromkeys(("b", "byte", "bytes"), ("bytes", 1.0)),
    **dict.fromkeys(("kb",), ("bytes", 1e3)),
    **dict.fromkeys(("mb",), ("bytes", 1e6)),
    **dict.fromkeys(("gb",), ("bytes", 1e9)),
    **dict.fromkeys(("ki", "kib"), ("bytes", 2.0**10)),
    **dict.fromkeys(("mi", "mib"), ("bytes", 2.0**20)),
    **dict.fromkeys(("gi", "gib"), ("bytes", 2.0**30)),
    **dict.fromkeys(("rps", "req/s", "requests/s", "/s"), ("rate", 1.0)),
}
_NUMBER = re.compile(
    r"(?<![\w.])(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:\s?(?P<unit>%|/s|req/s|requests/s|[A-Za-zµ]+))?"
)
# In evidence a number may also follow a sign or an x: "x12", "0/3", "port:9999", "=7"; not "p99".
_SEEN = re.compile(
    r"(?:(?<![\w.])|(?<=\bx))(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:\s?(?P<unit>%|/s|req/s|requests/s|[A-Za-zµ]+))?"
)
_ABOUT = re.compile(
    r"(?:about|around|roughly|nearly|almost|over|under|~|≈|than)\s*$", re.IGNORECASE
)
# Neither instants nor addresses nor ids are quantities.
_INSTANT_OR_ID = re.compile(
    r"\d{4}-\d\d-\d\dT?[ ]?\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?|\d{4}-\d\d-\d\d"
    r"|\b\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\b|\b\d+\.\d+\.\d+(?:\.\d+)?|\bev-\w+"
    r"|\b(?=[\w-]*[a-z])(?=[\w-]*\d)[a-z0-9]+(?:-[a-z0-9]+)+\b"
)
_CODE = re.compile(r"`[^`]*`")
_CLOCK = re.compile(r"(?<![\d:])\d{1,2}:\d\d(?::\d\d)?(?![\d:])")
_LIST_NUMBER = re.compile(r"^\s*\d+[.)]\s")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written: its value, how many decimals it shows, its unit ("" for none)."""

    text: str
    value: float
    decimals: int
    unit: str
    about: bool = False

    @property
    def family(self) -> str:
        """What it measures ("time", "bytes", …), "" when the unit is none or an ordinary word."""
        return _UNITS.get(self.unit, ("", 1.0))[0]

    @property
    def base(self) -> float:
        """Its value in the family's base unit."""
        return self.value * _UNITS.get(self.unit, ("", 1.0))[1]


def _quantities(pattern: re.Pattern[str], text: str) -> Iterable[Quantity]:
    for found in pattern.finditer(text):
        number = found["number"].replace(",", "")
        decimals = len(number.partition(".")[2])
        unit = (found["unit"] or "").lower()
        about = bool(_ABOUT.search(text[: found.start()]))
        yield Quantity(found.group().strip(), float(number), decimals, unit, about)


def claimed(sentence: str) -> tuple[Quantity, ...]:
    """Return the numbers in a sentence that say something: with a unit or a noun, or above 9."""
    text = _INSTANT_OR_ID.sub(" ", _CODE.sub(" ", _LIST_NUMBER.sub("", sentence)))
    return tuple(q for q in _quantities(_NUMBER, text) if q.unit or q.value > 9)


def occurs(quantity: Quantity, text: str) -> bool:
    """Whether a claimed number is in an evidence text, as such, converted, or rounded."""
    seen = _quantities(_SEEN, _INSTANT_OR_ID.sub(" ", text))
    return any(_equal(quantity, other) for other in seen)


def _equal(claim: Quantity, seen: Quantity) -> bool:
    if claim.family and seen.family:
        if claim.family != seen.family:
            return False
        factor = _UNITS[claim.unit][1]
        return _rounds(claim, seen.base / factor, exact=claim.unit == seen.unit)
    if claim.family == "share" and seen.decimals and _rounds(claim, seen.value * 100, exact=False):
        return True
    return not seen.family and _rounds(claim, seen.value, exact=not seen.decimals)


def _rounds(claim: Quantity, value: float, *, exact: bool) -> bool:
    if claim.about:
        return abs(claim.value - value) <= 0.1 * abs(value)
    if exact and value == int(value):
        return claim.value == value
    return abs(round(value, claim.decimals) - claim.value) < 1e-9


def clock_times(sentence: str) -> tuple[str, ...]:
    """Return the times of day that a sentence names."""
    return tuple(_CLOCK.findall(sentence))
