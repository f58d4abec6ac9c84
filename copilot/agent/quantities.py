"""Numbers in texts: found with their units, and compared with those in evidence."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from copilot.agent.clocks import without_spoken

_UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("ns",), ("time", 1e-9)),
    **dict.fromkeys(("us", "µs"), ("time", 1e-6)),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), ("time", 1e-3)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("time", 1.0)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("time", 60.0)),
    **dict.fromkeys(("h", "hour", "hours"), ("time", 3600.0)),
    **dict.fromkeys(("d", "day", "days"), ("time", 86400.0)),
    **dict.fromkeys(("week", "weeks"), ("time", 604800.0)),
    **dict.fromkeys(("year", "years"), ("time", 31557600.0)),
    **dict.fromkeys(("%", "percent", "points"), ("share", 0.01)),
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
    r"(?:about|around|roughly|approximately|nearly|almost|within|some|practically|close to|something like|~|≈"
    r"|\ba good|\bjust|\bonly|up to)\s*$",
    re.IGNORECASE,
)
_OVER = re.compile(
    r"(?:over|above|more than|at least|exceeding|beyond|upwards of)\s*$", re.IGNORECASE
)
_UNDER = re.compile(r"(?:under|below|(?:less|fewer) than|at most|short of)\s*$", re.IGNORECASE)
# The name before a number may tell its unit: "initialDelaySeconds: 30", "offset_seconds a 0.2, b 187.4".
_KEYS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"milli_?seconds?|[_a-z](?:Ms|_ms)\b|Millis\b|_millis", re.I), "ms"),
    (re.compile(r"seconds?\b|Seconds", re.I), "s"),
    (re.compile(r"minutes?\b|Minutes", re.I), "min"),
    (re.compile(r"_bytes\b", re.I), "b"),
)
_KEY_REACH = 80
_WORDS = {
    **{word: n for n, word in enumerate(("two", "three", "four", "five", "six", "seven"), 2)},
    **{word: n for n, word in enumerate(("eight", "nine", "ten", "eleven", "twelve"), 8)},
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
}
_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b(?=[\s-][a-z\d])", re.IGNORECASE)
_LARGE_WORD = re.compile(
    r"(?<!first )(?<!last )(?<!next )(than |over |under |least |most |below |above )?\b((?:five|ten|fifteen|twenty|thirty|forty|fifty|sixty)"
    r"[ -](?:seconds?|minutes?|hours?|days?|weeks?|percent|per cent|times))",
    re.IGNORECASE,
)
_FRACTION = re.compile(
    r"\b(?P<n>half|a quarter|three quarters|one and a half) (?:of )?(?:an|a) (?P<unit>hour|minute|day)\b",
    re.IGNORECASE,
)
_AND_A_HALF = re.compile(r"\b(\d+|[a-z]+) and a half\b", re.IGNORECASE)
_THOUSANDS = re.compile(r"\b(\d+|[a-z]+) (thousand|million)\b", re.IGNORECASE)
_MULTIPLES = {"halved": 2, "doubled": 2, "tripled": 3, "quadrupled": 4}
_MULTIPLE = re.compile(rf"\b(?:{'|'.join(_MULTIPLES)})\b", re.IGNORECASE)
_ONE = re.compile(
    r"\bone (?=(?:milli)?seconds?\b|minutes?\b|hours?\b|days?\b|weeks?\b|years?\b)", re.IGNORECASE
)
_FACTOR = re.compile(r"\bfactor of (\d+(?:\.\d+)?)\b", re.IGNORECASE)
_ROW = re.compile(r"\b(\d+) (of|in|out of) (\d+)\b", re.IGNORECASE)
_GROUPED = re.compile(r"(?<![\d.,:/-])\d{1,3}(?: \d{3})+(?![\d.])")
_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
# Dates, hours in words, fractions, rates and spans of a calendar say no number of the evidence.
_NO_QUANTITY = re.compile(
    rf"\b\d{{1,2}} {_MONTHS}\b|\b{_MONTHS} \d{{1,2}}\b|\b\w+ past \w+|\b\w+ (?:thirds?|quarters?|fifths?|sixths?"
    r"|tenths?)\b|\bone \w+ in \w+|\b(?:first|last) \w+ (?:days|hours|minutes|weeks)\b"
    r"|\b[\d.,]+ [A-Za-z]+ (?:an?|per) (?:minute|hour|day)\b",
    re.IGNORECASE,
)
_BINARY = ("ki", "mi", "gi")
_LITTLE = {
    "of",
    "in",
    "at",
    "and",
    "more",
    "other",
    "by",
    "to",
    "on",
    "from",
    "the",
    "are",
    "were",
    "after",
    "before",
    "or",
}
_FRACTIONS = {"half": 0.5, "a quarter": 0.25, "three quarters": 0.75, "one and a half": 1.5}
# Neither instants nor addresses nor ids are quantities.
_INSTANT_OR_ID = re.compile(
    r"\d{4}-\d\d-\d\dT?[ ]?\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?|\d{4}-\d\d-\d\d"
    r"|\b\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\b|\b\d+\.\d+\.\d+(?:\.\d+)?|\bev-\w+"
    r"|\b(?=[\w-]*[a-z])(?=[\w-]*\d)[a-z0-9]+(?:-[a-z0-9]+)+\b"
)
_CODE = re.compile(r"`[^`]*`")
_LIST_NUMBER = re.compile(r"^\s*\d+[.)]\s")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number as written: its value, how many decimals it shows, its unit ("" for none).

    `told` says that the unit is not written but told by a name before it, which may be mistaken; `side` is
    1 for "more than", -1 for "less than".
    """

    text: str
    value: float
    decimals: int
    unit: str
    about: bool = False
    told: bool = False
    side: int = 0

    @property
    def family(self) -> str:
        """What it measures ("time", "bytes", …), "" when the unit is none or an ordinary word."""
        return _UNITS.get(self.unit, ("", 1.0))[0]

    @property
    def base(self) -> float:
        """Its value in the family's base unit."""
        return self.value * _UNITS.get(self.unit, ("", 1.0))[1]


_CPU = re.compile(r"cpu|\bcores?\b|millicores?", re.I)


def _quantities(pattern: re.Pattern[str], text: str) -> Iterable[Quantity]:
    for found in pattern.finditer(text):
        number = found["number"].replace(",", "")
        decimals = len(number.partition(".")[2])
        unit = (found["unit"] or "").lower()
        unit = "" if unit in _LITTLE else unit
        before = text[max(found.start() - 30, 0) : found.start()]
        if unit == "m" and _CPU.search(text):
            yield Quantity(found.group().strip(), float(number) / 1000, 3, "")
            continue
        side = _side(before)
        about = bool(side or _ABOUT.search(before))
        yield Quantity(found.group().strip(), float(number), decimals, unit, about, False, side)


def _side(before: str) -> int:
    return 1 if _OVER.search(before) else -1 if _UNDER.search(before) else 0


def claimed(sentence: str, *, small: bool = False) -> tuple[Quantity, ...]:
    """Return the numbers in a sentence that say something: with a unit or a noun, or above 9.

    A small number in words that measures nothing ("three replicas") is often a person's own count of what
    is listed, and is left out unless `small`.
    """
    text = _CODE.sub(" ", _LIST_NUMBER.sub("", sentence))
    text = _INSTANT_OR_ID.sub(" ", without_spoken(text))
    plain = joined(text)
    text = _NO_QUANTITY.sub(" ", _ROW.sub(" ", digits(text)))
    return tuple(
        q
        for q in _quantities(_NUMBER, text)
        if (q.unit or q.value > 9)
        and q.unit not in ("st", "nd", "rd", "th")
        and (
            small
            or q.family
            or q.value > 12
            or f"{q.value:g}" in plain
            or q.unit in ("times", "fold")
        )
    )


def digits(text: str) -> str:
    """Return a text with the numbers that it spells out, written in digits."""
    text = joined(text)
    text = _FRACTION.sub(lambda m: f"{_minutes(m)} minutes", text)
    text = _MULTIPLE.sub(lambda m: f"{_MULTIPLES[m.group().lower()]} times", text)
    text = re.sub(r"\b(allows?|exactly) one (?=[a-z])", r"\1 1 ", _ONE.sub("1 ", text))
    text = _AND_A_HALF.sub(lambda m: f"{_number(m[1])}.5" if _number(m[1]) else m.group(), text)
    text = _THOUSANDS.sub(
        lambda m: (
            f"{_number(m[1])}{'000' if m[2].lower() == 'thousand' else '000000'}"
            if _number(m[1])
            else m.group()
        ),
        text,
    )
    # What is written in words is seldom counted to the last one, where it measures something.
    text = _LARGE_WORD.sub(lambda m: f"{m[1] or ''}about {m[2]}", text)
    text = _WORD.sub(lambda m: str(_WORDS[m.group().lower()]), text)
    text = re.sub(r"\b(?:Only one|one) (of|in|out of) (?=\d)", r"1 \1 ", text, flags=re.IGNORECASE)
    return _FACTOR.sub(r"\1 times", text)


_PARTS = {"third": 3, "quarter": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
_PART = re.compile(
    rf"\b(?:(?P<half>half)|(?P<n>an?|one|\d+|{'|'.join(_WORDS)}) (?P<part>{'|'.join(_PARTS)})s?)"
    r" of (?:the|all|its|their|it|them|every\w*)\b(?! (?:hour|minute|day))",
    re.IGNORECASE,
)


def parts(sentence: str) -> tuple[Quantity, ...]:
    """Return the shares that a sentence says in words: "a third of the requests"."""
    found = []
    for said in _PART.finditer(sentence):
        if said["half"]:
            value = 50.0
        else:
            count = 1 if said["n"].lower() in ("a", "an", "one") else int(_number(said["n"]) or 1)
            value = 100.0 * count / _PARTS[said["part"].lower()]
        found.append(
            Quantity(said.group(), value, 0, "%", True, False, _side(sentence[: said.start()]))
        )
    return tuple(found)


def joined(text: str) -> str:
    """Return a text with "1 882 410" written as 1882410."""
    return _GROUPED.sub(lambda m: m.group().replace(" ", ""), text)


def rows(sentence: str) -> tuple[tuple[int, str, int], ...]:
    """Return what a sentence counts as "two of three" or "1 in 5"."""
    return tuple((int(m[1]), m[2].lower(), int(m[3])) for m in _ROW.finditer(digits(sentence)))


def _number(word: str) -> str:
    return word if word.isdigit() else str(_WORDS.get(word.lower(), ""))


def _minutes(said: re.Match[str]) -> str:
    size = {"minute": 1, "hour": 60, "day": 1440}[said["unit"].lower()]
    return f"{_FRACTIONS[said['n'].lower()] * size:g}"


def seen_in(text: str) -> tuple[Quantity, ...]:
    """Return the numbers of an evidence text, with the units that their names tell."""
    plain = joined(_INSTANT_OR_ID.sub(" ; ", text))
    found = []
    for match, quantity in zip(_SEEN.finditer(plain), _quantities(_SEEN, plain), strict=True):
        unit = quantity.unit
        if unit not in _UNITS:
            line = plain[plain.rfind("\n", 0, match.start()) + 1 : match.start()]
            if key := _key_unit(line[-_KEY_REACH:]):
                quantity = replace(quantity, unit=key, told=True)
        found.append(quantity)
    return tuple(found)


def _key_unit(before: str) -> str:
    best, place = "", -1
    for pattern, unit in _KEYS:
        for match in pattern.finditer(before):
            if match.end() > place:
                best, place = unit, match.end()
    return best


def occurs(quantity: Quantity, text: str) -> bool:
    """Whether a claimed number is in an evidence text, as such, converted, or rounded."""
    return any(_equal(quantity, other) for other in seen_in(text))


def _equal(claim: Quantity, seen: Quantity) -> bool:
    if claim.unit in _BINARY and not seen.unit:
        # "64 Ki" of what is counted, not of bytes.
        return claim.base == seen.value
    if claim.family == "share" and seen.family != "share" and seen.decimals and seen.value <= 1:
        # A share may be written as 0.34, whatever it is the rate of.
        return _rounds(claim, seen.value * 100, exact=False)
    if claim.family and seen.family:
        if claim.family != seen.family:
            return False
        factor = _UNITS[claim.unit][1]
        return _rounds(claim, seen.base / factor, exact=claim.unit == seen.unit)
    if claim.family == "share":
        # A bare whole number is something else.
        return bool(seen.decimals) and _rounds(claim, seen.value, exact=False)
    if claim.family == "time" and _UNITS[claim.unit][1] >= 60:
        return False  # a bare number is seldom one of minutes or hours
    if seen.family and not seen.told:
        return False
    return _rounds(claim, seen.value, exact=not seen.decimals)


def _rounds(claim: Quantity, value: float, *, exact: bool) -> bool:
    if claim.about:
        return near(claim, value)
    if exact and value == int(value):
        return claim.value == value
    # People round down as often as to the nearest.
    scale = 10**claim.decimals
    rounded = (round(value, claim.decimals), math.floor(value * scale + 1e-9) / scale)
    return any(abs(one - claim.value) < 1e-9 for one in rounded)


def near(claim: Quantity, value: float, *, loose: bool = False) -> bool:
    """Whether a value is what is claimed, in its unit: rounded as shown, or as wide as "about" says."""
    if claim.side > 0:
        return 0.97 * claim.value <= value <= 1.5 * claim.value
    if claim.side < 0:
        return 0.6 * claim.value <= value <= 1.03 * claim.value
    if claim.about or loose:
        # Small numbers are rounded to whole ones.
        room = 0.0 if claim.decimals or not claim.about else 0.5 if claim.value >= 3 else 0.3
        return abs(claim.value - value) <= max(0.1 * abs(value), room, 1e-9)
    if not claim.decimals and claim.value >= 20 and len(f"{claim.value:.0f}".rstrip("0")) == 1:
        return abs(claim.value - value) <= 0.06 * claim.value
    return abs(round(value, claim.decimals) - claim.value) < 1e-9


def unit_size(claim: Quantity) -> float:
    """Return how much one of a number's unit is, in the base unit of what it measures."""
    return _UNITS.get(claim.unit, ("", 1.0))[1]


_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?")


def moments(text: str) -> tuple[float, ...]:
    """Return the dates of a text, with their times where they have one, in seconds."""
    found = []
    for said in _MOMENT.finditer(text):
        year, month, day, *clock = (int(part or 0) for part in said.groups())
        if 1 <= month <= 12 and 1 <= day <= 31:
            days = (date(year, month, 1) - date(1970, 1, 1)).days + day - 1
            found.append(86400.0 * days + 3600 * clock[0] + 60 * clock[1] + clock[2])
    return tuple(found)


_DAY = re.compile(rf"\b(?:(\d{{1,2}}) ({_MONTHS})|({_MONTHS}) (\d{{1,2}}))\b", re.IGNORECASE)


def days(text: str) -> tuple[int, ...]:
    """Return the days of a year that a text names ("29 April", "2025-04-29"), as numbers."""
    found = [_day(said[1] or said[4], said[2] or said[3]) for said in _DAY.finditer(text)]
    for said in _MOMENT.finditer(text):
        if 1 <= int(said[2]) <= 12:
            found.append(31 * int(said[2]) + int(said[3]))
    return tuple(found)


def wrong_day(sentence: str, text: str) -> bool:
    """Whether a sentence names a day, and a text others only.

    A day more or less may be a matter of the time zone, where the text has the time to it.
    """
    told = days(text)
    exact = not _TIMED.search(text) or ("UTC" in sentence and not _MIDNIGHT.search(sentence))
    near = 0 if exact else 1
    return bool(told) and any(
        all(abs(day - other) > near for other in told) for day in days(sentence)
    )


_TIMED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_MIDNIGHT = re.compile(r"\bmidnight\b|\bend of\b", re.I)


def _day(day: str, month: str) -> int:
    names = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
    return 31 * (names.index(month[:3].lower()) + 1) + int(day)
