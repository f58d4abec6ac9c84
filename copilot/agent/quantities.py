"""Numbers in texts, with what they measure: those that a sentence says, and those that evidence shows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from copilot.agent.clocks import without_times
from copilot.agent.dates import without_days
from copilot.agent.numerals import SPELLED, digits, joined

_UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("ns",), ("time", 1e-9)),
    **dict.fromkeys(("us", "µs"), ("time", 1e-6)),
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), ("time", 1e-3)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("time", 1.0)),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), ("time", 60.0)),
    **dict.fromkeys(("h", "hour", "hours"), ("time", 3600.0)),
    **dict.fromkeys(("d", "day", "days", "night", "nights"), ("time", 86400.0)),
    **dict.fromkeys(("week", "weeks"), ("time", 604800.0)),
    **dict.fromkeys(("month", "months"), ("time", 2629800.0)),
    **dict.fromkeys(("year", "years"), ("time", 31557600.0)),
    **dict.fromkeys(("%", "percent"), ("share", 0.01)),
    **dict.fromkeys(("points", "percentage"), ("points", 0.01)),
    **dict.fromkeys(("b", "byte", "bytes"), ("bytes", 1.0)),
    **dict.fromkeys(("kb",), ("bytes", 1e3)),
    **dict.fromkeys(("mb", "megabytes"), ("bytes", 1e6)),
    **dict.fromkeys(("gb", "gigabytes"), ("bytes", 1e9)),
    **dict.fromkeys(("tb",), ("bytes", 1e12)),
    **dict.fromkeys(("ki", "kib", "kibibytes"), ("bytes", 2.0**10)),
    **dict.fromkeys(("mi", "mib", "mebibytes", "mebibyte"), ("bytes", 2.0**20)),
    **dict.fromkeys(("gi", "gib", "gibibytes", "gibibyte"), ("bytes", 2.0**30)),
    **dict.fromkeys(("ti", "tib"), ("bytes", 2.0**40)),
    **dict.fromkeys(("times", "x", "×"), ("ratio", 1.0)),
    **dict.fromkeys(("rps", "qps", "/s", "req/s", "requests/s"), ("rate", 1.0)),
    **dict.fromkeys(("/min",), ("rate", 1 / 60)),
    **dict.fromkeys(("/h",), ("rate", 1 / 3600)),
}
_UNIT = r"(?:[ -]?(?P<unit>%|/s|/min|/h|req/s|requests/s|[A-Za-zµ×]+))?"
_VALUE = r"(?P<number>\d+(?:\.\d+)?)"
_SAID = re.compile(rf"(?<![\w.:/=-]){_VALUE}(?P<spelled>{SPELLED})?{_UNIT}")
# In evidence a number may also follow a sign or an x: "x12", "0/3", "port:9999", "=7"; not "p99".
_SEEN = re.compile(rf"(?:(?<![\w.])|(?<=\bx)){_VALUE}{_UNIT}")
_SPAN = re.compile(r"(?<![\w.])(?=\d+[dhm]\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?![\w.])")  # fmt: skip
_CRON = re.compile(r"(?<![\d*/-])(?=[\d*/, -]*\*)(\*/(\d+)|\d{1,2}) (\*(?:/\d+)?|\d{1,2}) (?:[\d*][\d,*/-]* ){2}[\d*]")  # fmt: skip
# Neither instants nor addresses, versions and ids are quantities.
_NO_QUANTITY = re.compile(
    r"\d{4}-\d\d-\d\dT?[ ]?\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?|\d{4}-\d\d-\d\d"
    r"|(?<![\d.-])(?:0\d|1[0-2])-(?:[0-2]\d|3[01])(?![\d-])"
    r"|(?<![\d:])\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?!\d|:\d)Z?|(?<![\w.])\d+\.\d+\.\d+(?:\.\d+)?|\bev-\w+"
    r"|\b(?=[\w-]*[a-z])(?=[\w-]*\d)[a-z0-9]+(?:-[a-z0-9]+)+\b|\bp\d\d(?:\.\d)?\b|\b\d+[a-f]+\d\w*\b|\b\d+(?:st|nd|rd|th)\b|\b(?:UTC|GMT) ?[+-] ?\d+(?::?\d\d)?"
)
_CODE = re.compile(r"`[^`]*`")
_LIST_NUMBER = re.compile(r"^\s*\d+[.)]\s")
_CPU = re.compile(r"cpu|\bcores?\b|millicores?", re.I)
# The name before a number may tell its unit: "initialDelaySeconds: 30", "offset_seconds a 0.2, b 187.4".
_KEYS = (
    (
        re.compile(
            r"milli_?seconds?|[_a-z](?:Ms|_ms)\b|(?<![a-z\d])(?<!\d )ms\b|Millis\b|_millis", re.I
        ),
        "ms",
    ),
    (re.compile(r"micro_?seconds?|_us\b|Micros\b|microseconds", re.I), "us"),
    (re.compile(r"\w(?:GB|GiB|_gb)\b"), "gb"),
    (re.compile(r"\w(?:MB|MiB|_mb)\b"), "mb"),
    (re.compile(r"(?<!per )seconds?\b|Seconds|_age\b|ttl\b|sleep\w*", re.I), "s"),
    (re.compile(r"(?<!per )minutes?\b|Minutes", re.I), "min"),
    (re.compile(r"_bytes\b", re.I), "b"),
)
_ANY_KEY = re.compile("|".join(pattern.pattern for pattern, _ in _KEYS), re.I)
_HEAD = re.compile(
    r"(?<![\w/])(?<!\d )\(?(ms|s|sec|seconds|min|minutes|%|[KMGT]i?B)\)?:(?!\d)", re.I
)
_PER = re.compile(
    r"^(?:\s+(?!(?:and|or|to|than|before|after|in|of)\b)[\w'-]+){0,4}?\s+(?:per|an?|each|every)\s+(?P<unit>second|minute|hour|day)\b",
    re.I,
)

WITHIN = re.compile(r"\b(?:within|at most|no more than)\s*$", re.I)
ABOUT = re.compile(
    r"(?:about|around|roughly|approximately|some|something like|~|≈|circa|in the order of|perhaps)\s*$", re.I
)  # fmt: skip
NEARLY = re.compile(r"(?:nearly|almost|close to|just under|practically|all but|towards)\s*$", re.I)
SLIGHTLY = re.compile(
    r"(?:a good|just over|slightly (?:more than|over)|(?:a )?little (?:more than|over|above)|a bit more than|well)\s*$",
    re.I,
)
OVER = re.compile(r"(?:over|above|more than|at least|exceed\w*|beyond|upwards of|passed|past|from)\s*$", re.I)  # fmt: skip
UNDER = re.compile(
    r"(?:under|below|(?:less|fewer|lower) than|short of|not|not even|not quite|barely|hardly)\s*$",
    re.I,
)


# "used_memory_human:3.99G", "480k messages"
_SUFFIXES = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_SIZED = re.compile(r"mem|heap|disk|size|bytes|storage|rss|gc", re.I)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number: its value in the base unit of what it measures, and the size of its last digit there.

    `dim` is "time" (seconds), "bytes", "flow" (bytes per second), "share" (of one), "ratio", "rate" (per second), or "count" for what
    has no unit. `spelled` says that it was written in words.
    """

    text: str
    value: float
    dim: str
    step: float
    unit: str = ""
    spelled: bool = False
    start: int = 0
    end: int = 0

    @property
    def bare(self) -> bool:
        """Whether it is written without a unit that says what it measures."""
        return self.unit not in _UNITS

    @property
    def plain(self) -> float:
        """The number as it is written, without its unit."""
        found = re.match(r"[\d.]+", self.text)
        return float(found[0]) if found and found[0].count(".") < 2 else 0.0


def in_digits(sentence: str) -> str:
    """Return a sentence with its numbers in digits, and without what is quoted, names, versions and times of day."""
    text = _HTTP.sub(_dash, _CODE.sub(_blank, _LIST_NUMBER.sub("", sentence)))
    text = _NO_QUANTITY.sub(_dash, joined(without_days(without_times(text))))
    return _TO_HOUR.sub(_blank, digits(_LAST.sub(_blank, text)))


# What is left of "half a minute before seven".
_TO_HOUR = re.compile(
    rf"\b\d+{SPELLED}? (?:second|minute)s? (?:before|after|past|to)\s+(?=[.,;:)]|$)"
)
_LAST = re.compile(
    r"\b[\w-]+ minutes (?:into|past|to|before) the hour\b|\b(?:first|last|next|past) \w+ (?=(?:second|minute|hour|day|week)s\b)",
    re.I,
)


def said(text: str) -> tuple[Quantity, ...]:
    """Return the numbers of a sentence that has them in digits."""
    return tuple(_read(m, text, keyed=False) for m in _SAID.finditer(text))


def seen(text: str) -> tuple[Quantity, ...]:
    """Return the numbers that evidence shows, in order."""
    found = [
        Quantity(m.group(), 86400.0 * d + 3600 * h + 60 * n + s, "time", 1.0, "", False, *m.span())
        for m in _SPAN.finditer(text)
        for d, h, n, s in [[float(part or 0) for part in m.groups()]]
    ]
    text = _SPAN.sub(_blank, without_days(text))
    for m in _CRON.finditer(text):
        period = 60.0 * float(m[2]) if m[2] else 60.0 if m[1] == "*" else 3600.0
        period = period if m[3] == "*" else 86400.0
        found.append(Quantity(m.group(), period, "time", 1.0, "", False, *m.span()))
    text = _NO_QUANTITY.sub(_blank, joined(_CRON.sub(_blank, text)))
    found += [_read(m, text) for m in _SEEN.finditer(text)]
    return tuple(sorted(found, key=lambda q: q.start))


def _read(found: re.Match[str], text: str, *, keyed: bool = True) -> Quantity:
    number, unit = found["number"], (found["unit"] or "").lower()
    value, step = float(number), 10.0 ** -len(number.partition(".")[2])
    line = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
    spelled = bool(found.groupdict().get("spelled"))
    if unit == "m" and _CPU.search(line):
        dim, size = "count", 1e-3
    elif (
        keyed
        and found["unit"] in _SUFFIXES
        and (found["unit"] == "M" or found["number"] + found["unit"] in found.group())
    ):
        size = _SUFFIXES[found["unit"]]
        dim = "bytes" if found["unit"] in "GT" or _SIZED.search(line) else "count"
    elif unit in _UNITS:
        dim, size = _UNITS[unit]
        after = text[found.end() :]
        if dim == "bytes" and (per := _FLOW.match(after)):
            dim, size = "flow", size / _UNITS[(per[1] or per[2]).lower()][1]
        elif dim == "ratio" and (per := _PER.match(after)):
            dim, size = "rate", 1 / _UNITS[per["unit"].lower()][1]
        elif keyed and unit == "times" and not _COMPARED.match(after):
            dim = "count"
    elif unit == "of" and (whole := _WHOLE.match(text, found.end())) and whole[1].lower() in _UNITS:
        dim, size = _UNITS[whole[1].lower()]
    else:
        own = line[-300:]
        while ";" in own and re.search(r"[A-Za-z]{3}", own.rpartition(";")[2]):
            own = own.rpartition(";")[2]
        dim, size = _UNITS.get(_key(own) if keyed else "", ("count", 1.0))
        after = text[found.end("number") :].lstrip(SPELLED)
        if dim == "count" and (per := _PER.match(after)):
            dim, size = "rate", 1 / _UNITS[per["unit"].lower()][1]
    return Quantity(
        found.group().strip(), value * size, dim, step * size, unit, spelled, *found.span()
    )


_COMPARED = re.compile(r"\s+(?:as|the|its|their|his|more|less|slower|faster|higher|lower|longer|shorter|larger|smaller|bigger|what|worse|greater|that|over|of)\b", re.I)  # fmt: skip


_FLOW = re.compile(
    r"/(s|min|h|d)\b|\s+(?:per|an?|each|every)\s+(second|minute|hour|day|night)\b", re.I
)
_WHOLE = re.compile(rf"\s(?:the |its |their )?[\d.]+{SPELLED}?[ ]?([A-Za-z%]+)")


def _key(before: str) -> str:
    """Return the unit that the words before a number tell, "" when they tell none."""
    if heads := list(_HEAD.finditer(before)):
        return heads[-1][1].lower()  # "latency p90 ms: 18:59 70, 19:02 980"
    before = before[-80:]
    if own := re.search(r"[\w.-]+\s?[=:]\s?$|\b[a-z]+[A-Z]\w*\s$", before):
        before = own.group()
    best, place = "", -1
    if not _ANY_KEY.search(before):
        return ""
    for pattern, unit in _KEYS:
        for match in pattern.finditer(before):
            if match.end() > place:
                best, place = unit, match.end()
    return best


_GROWN = re.compile(
    r"\b(?:by|(?:in|de)crease of|increased|rose|risen|grew|grown|multiplied|up|rise of|growth of)\s(?:(?:about|some|roughly|over|more than|nearly|almost|around|an?)\s)*$",
    re.I,
)


def compared(claim: Quantity, text: str) -> bool:
    """Whether "nine times" is said of how much more something is, not of how often it was."""
    if claim.unit != "times" or _COMPARED.match(text, claim.end):
        return True
    return _GROWN.search(text[: claim.start]) is not None


_HTTP = re.compile(r"\b[45](?:\d\d|xx)s\b|\bHTTP [1-5]\d\d\b")


def _dash(found: re.Match[str]) -> str:
    """A name stays a word: "seven minutes after x-1" does not end with "after"."""
    return ("_" if found.group()[0].isalnum() else " ") * len(found.group())


def _blank(found: re.Match[str]) -> str:
    return " " * len(found.group())


def interval(claim: Quantity, text: str, *, reckoned: bool = False) -> tuple[float, float]:
    """Return what a said number allows for: as exact as its digits, as wide as the words before it say.

    For what is `reckoned`, trailing zeros say how far it was rounded.
    """
    before = text[max(claim.start - 30, 0) : claim.start]
    v, u = claim.value, claim.step
    if SLIGHTLY.search(before):
        return 0.985 * v, 1.25 * v
    if NEARLY.search(before):
        return 0.85 * v, 1.04 * v
    if WITHIN.search(before):
        return 0.0, 1.08 * v
    if UNDER.search(before):
        return max(v - max(0.35 * v, _last(claim)), 0.4 * v), 1.02 * v
    if OVER.search(before):
        return 0.97 * v, min(v + max(0.2 * v, _last(claim)), 1.6 * v)
    if ABOUT.search(before):
        figures = len(f"{claim.plain:g}".replace(".", "").strip("0"))
        rough = 0.1 if claim.spelled else {1: 0.1, 2: 0.05}.get(figures, 0.02)
        room = max(rough * v, 0.5 * u if v >= 3 * u else 0.3 * u)
        if claim.dim == "share" and 0.5 < v <= 1:
            room = min(room, 0.3 * (1 - v) + 0.02)  # "about 90 %" is not 99 %
        return v - room, v + room
    if claim.spelled:
        room = max(
            (0.15 if claim.dim == "ratio" else 0.12 if claim.dim == "time" else 0.08) * v,
            0.5 * u if claim.dim == "time" else 0.0,
        )
        return v - room, v + room
    if not reckoned:
        # "17,900" for 17 903, but not "40" for 42.
        room = min(0.5 * _last(claim), 0.01 * v)
        return v - max(room, 0.5 * u), v + max(room, u * (1 - 1e-9))
    units, zeros = v / u, 1.0
    while units and units % (10 * zeros) == 0 and zeros < units:
        zeros *= 10
    room = max(min(0.5 * zeros * u, 0.05 * v), 0.5 * u, 0.005 * v)
    return v - room, v + max(room, u * (1 - 1e-9))


def _last(claim: Quantity) -> float:
    """Return the size of a number's last digit that is not zero: people round to it."""
    units, zeros = round(claim.value / claim.step), 1
    while units and units % (10 * zeros) == 0:
        zeros *= 10
    return zeros * claim.step


def loose(claim: Quantity, text: str) -> bool:
    """Whether a number is said to be about right only."""
    before = text[max(claim.start - 30, 0) : claim.start]
    return any(words.search(before) for words in (ABOUT, NEARLY, SLIGHTLY, OVER, UNDER, WITHIN))


def shown_as(claim: Quantity) -> str:
    """Return a number as it is told to people."""
    return re.sub(r"(\.\d\d)\d+", r"\1", claim.text.replace(SPELLED, ""))
