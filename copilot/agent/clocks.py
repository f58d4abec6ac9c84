"""Times of day in texts, however they are said, and whether one is another."""

from __future__ import annotations

import re
from collections.abc import Sequence

_CLOCK = re.compile(r"(?<![\d:])(\d{1,2}):(\d\d)(?::(\d\d))?(?!\d|:\d)")
_SPOKEN = re.compile(
    r"(?<![\d:.])(\d{1,2})(?::(\d\d))?(?::(\d\d))?\s?([ap])\.?m\b\.?", re.IGNORECASE
)
_HOURS = {
    word: n
    for n, word in enumerate(
        (
            "one", "two", "three", "four", "five", "six", "seven",
            "eight", "nine", "ten", "eleven", "twelve",
        ),
        1,
    )
} | {str(n): n for n in range(1, 13)}  # fmt: skip
_NAMED = {"noon": 12, "midday": 12, "midnight": 0}
_MINUTES = {
    **{word: n for word, n in _HOURS.items() if word.isalpha()},
    "a quarter": 15,
    "quarter": 15,
    "twenty": 20,
    "twenty-five": 25,
}
_HOUR = "|".join([*(word for word in _HOURS if word.isalpha()), *_NAMED])
_TO_PAST = re.compile(
    rf"\b(?<!from )(half|{'|'.join(sorted(_MINUTES, key=len, reverse=True))})(?: minutes?)? (past|to) ({_HOUR})\b(?! (?:of|percent|%|[a-z]+s\b))",
    re.IGNORECASE,
)
_ALONE = rf"({'|'.join([*(word for word in _HOURS if word.isalpha()), *_NAMED])})\b"
_END = r"(?=\s*(?:[.,;:)]|$))"
_O_CLOCK = re.compile(
    rf"\b({_HOUR}) o'?clock\b|\b({'|'.join(_HOURS)}) (?:in the (?:morning|afternoon|evening)|at night)\b"
    # An hour by itself: "since seven.", "between nine and ten".
    rf"|(?<=\bat ){_ALONE}(?=\s*(?:[.,;:)]|$)| the )|(?<=\b(?:since|until|after) ){_ALONE}{_END}"
    rf"|(?<=\bbefore ){_ALONE}{_END}|(?<=\bbetween ){_ALONE}(?= and {_ALONE}{_END})"
    rf"|(?<=[a-z\d] and ){_ALONE}(?=\.)",
    re.IGNORECASE,
)
_NEAR = re.compile(
    r"\b(?:about|around|roughly|approximately|nearly|almost|just|shortly|soon|by|towards?|some|circa|little|"
    r"slightly|until|since|before|after|within|near|close to|~|≈)\s*(?:\w+ ){0,2}$",
    re.IGNORECASE,
)
_ZONE = re.compile(
    r"\b(?:(?:summer|winter|local|standard|daylight) time|CES?T|E[SD]T|P[SD]T|C[SD]T|BST|IST|JST)\b"
)
_DAY = 86400


def seconds_of_day(text: str) -> list[float]:
    """Return the times of day that a text writes in digits, in seconds, each once, in order."""
    found = [
        3600.0 * int(h) + 60 * int(m) + int(s or 0)
        for h, m, s in _CLOCK.findall(_SPOKEN.sub(" ", text))
    ]
    for said in _SPOKEN.finditer(text):
        hour = int(said[1]) % 12 + (12 if said[4].lower() == "p" else 0)
        found.append(3600.0 * hour + 60 * int(said[2] or 0) + int(said[3] or 0))
    # The schedule of a CronJob: minute, then hour.
    found += [3600.0 * int(h) + 60 * int(m) for m, h in _CRON.findall(text)]
    return sorted(set(found))


_CRON = re.compile(
    r"(?<![\d*/-])(?=[\d*/, -]*\*)([0-5]?\d) ([01]?\d|2[0-3]) (?:[\d*][\d,*/-]* ){2}[\d*]"
)


_LEADING = re.compile(r"(?:\S+ ){0,2}?\W{0,2}(?:\d{4}-\d\d-\d\d[T ])?(\d{1,2}:\d\d(?::\d\d)?)\b")


def leading(text: str) -> list[float]:
    """Return the times of day that the lines and entries of a text begin with, in seconds."""
    found = (_LEADING.match(part.strip()) for part in re.split(r"[\n;|]", text))
    return sorted({time for m in found if m for time in seconds_of_day(m[1])})


def without_times(text: str) -> str:
    """Return a text without the times that it says in words, whose numbers measure nothing."""
    return _O_CLOCK.sub(" ", _TO_PAST.sub(" ", _SPOKEN.sub(" ", text)))


def unsupported_times(
    sentence: str,
    text: str,
    quoted: str = "",
    everything: str = "",
    durations: Sequence[float] = (),
) -> list[str]:
    """Return the times of a sentence that a text has not, as they are said.

    One that other evidence has, of `everything`, counts where the sentence gives a time that is `quoted`, too, or nothing quoted has one;
    so does one that lies as far from a time of the text as one of the `durations`, in seconds.

    A time without seconds may be rounded either way; "about", "just before" and the like leave more room,
    and a time in words most: half of the day is left open there. In another zone the hours differ.
    """
    seen, told = seconds_of_day(text), seconds_of_day(quoted)
    wide = seconds_of_day(everything)
    # What lasted so long and began then ended when that says.
    derived = [(t + sign * d) % _DAY for t in seen[:20] for d in durations[:10] for sign in (1, -1)]

    def has(times: list[float], wanted: list[float], slack: float) -> bool:
        return any(_apart(a, b) <= slack for a in wanted for b in times)

    said = said_times(sentence)
    anchored = not told or any(has(told, wanted, slack) for _, wanted, slack in said)
    return [
        words
        for words, wanted, slack in said
        if not has(seen, wanted, slack)
        and not (anchored and has(wide, wanted, min(slack, 60.0)))
        and not (words.count(":") == 2 and has(wide, wanted, 0.5))
        and not has(derived, wanted, min(slack, 60.0))
    ]


def said_times(sentence: str) -> list[tuple[str, list[float], float]]:
    """Return each time said, the times of day it may mean, and how far it may be off, in seconds."""
    found: list[tuple[str, list[float], float]] = []
    zone = _ZONE.search(sentence) is not None
    for m in _CLOCK.finditer(_SPOKEN.sub(lambda s: " " * len(s.group()), sentence)):
        slack = 1.0 if m[3] else 60.0
        time = 3600.0 * int(m[1]) + 60 * int(m[2]) + int(m[3] or 0)
        found.append((m.group(), [time], _slack(sentence[: m.start()], slack)))
    for m in _SPOKEN.finditer(sentence):
        time = 3600.0 * (int(m[1]) % 12 + (12 if m[4].lower() == "p" else 0))
        time += 60 * int(m[2] or 0) + int(m[3] or 0)
        slack = 1.0 if m[3] else 60.0 if m[2] else 600.0
        found.append((m.group(), [time], _slack(sentence[: m.start()], slack)))
    for m in _TO_PAST.finditer(sentence):
        minutes = 30 if m[1].lower() == "half" else _MINUTES[m[1].lower()]
        sign = 1 if m[2].lower() == "past" else -1
        found.append((m.group(), _halves(m[3], sign * minutes), 300.0))
    for m in _O_CLOCK.finditer(_TO_PAST.sub(lambda s: " " * len(s.group()), sentence)):
        sure = re.search(r"o'?clock|\bin the\b|at night|noon|midday|midnight", m.group(), re.I)
        if sure:  # "since seven" may be a count
            found.append((m.group(), _halves(_hour(m), 0), _slack(sentence[: m.start()], 600.0)))
    if zone:
        found = [
            (said, [(t + 1800 * n) % _DAY for t in ts for n in range(48)], slack)
            for said, ts, slack in found
        ]
    return found


def _hour(found: re.Match[str]) -> str:
    return next(part for part in found.groups() if part)


def _halves(hour: str, minutes: int) -> list[float]:
    """Return what an hour in words may mean: before noon and after it."""
    named = _NAMED.get(hour.lower())
    hours = (named,) if named is not None else (_HOURS[hour.lower()], _HOURS[hour.lower()] + 12)
    return [(3600.0 * h + 60 * minutes) % _DAY for h in hours]


def _slack(before: str, exact: float) -> float:
    return max(exact, 600.0) if _NEAR.search(before) else exact


def _apart(a: float, b: float) -> float:
    return min(abs(a - b), _DAY - abs(a - b))


_ORDER = re.compile(
    r"\b(?P<later>after|following|later than)\b(?! (?:about |some |only )?(?:\d|an? |half|"
    + "|".join(_MINUTES)
    + r"))"
    r"|\b(?:before|ahead of|prior to|earlier than)\b(?! (?:\d|" + _HOUR + r"))",
    re.I,
)


def wrong_order(sentence: str, quoted: Sequence[tuple[str, str]]) -> bool:
    """Whether "A after B" is said of two quotes whose times say the contrary; each comes with its line.

    Which line tells of A and which of B is read from the words that they share; where that is not
    clear, nothing is held against the sentence.
    """
    said = _ORDER.search(sentence)
    timed = [(line, time) for q, line in quoted if (time := _moment(q, line)) is not None]
    if not said or len(timed) != 2 or timed[0][1] == timed[1][1]:
        return False
    left = _stems(sentence[: said.start()]) - _TIMES
    right = _stems(sentence[said.end() :]) - _TIMES
    if not left:
        return False  # "an hour after A, B": what B is begins somewhere on the right
    (one, first), (two, second) = timed
    if bool(_DATED.search(one)) != bool(_DATED.search(two)):
        first, second = first % _DAY, second % _DAY
    few = _FEW.search(sentence)
    if few and not _few(abs(first - second), few):
        return True
    straight = len(left & _stems(one)) + len(right & _stems(two))
    crossed = len(left & _stems(two)) + len(right & _stems(one))
    if max(straight, crossed) < 2 * min(straight, crossed) + 2:
        return False
    near, far = (one, two) if straight > crossed else (two, one)
    if not left & _stems(near) or not right & _stems(far):
        return False  # "shortly after A, B": both stand on the right
    a, b = (first, second) if straight > crossed else (second, first)
    return a < b if said["later"] else a > b


_FEW = re.compile(
    r"\b(?:a few |some |only |mere |just )(?P<unit>seconds|minutes|hours|days) (?:after|before|later|earlier|ahead)",
    re.I,
)
_SIZES = {"seconds": 1, "minutes": 60, "hours": 3600, "days": _DAY}


def _few(gap: float, said: re.Match[str]) -> bool:
    """Whether "a few minutes" may be said of a gap."""
    size = _SIZES[said["unit"].lower()]
    return size <= gap <= 60 * size if size < 3600 else size <= gap <= 30 * size


_TIMES = {
    "seco",
    "minu",
    "hour",
    "days",
    "week",
    "quar",
    "half",
    "thre",
    "some",
    "abou",
    "time",
    "good",
    "full",
}
_DATED = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


def _moment(quote: str, line: str) -> float | None:
    times = seconds_of_day(quote) or seconds_of_day(line)
    if len(times) != 1:
        return None
    dated = _DATED.search(line)
    days = 372 * int(dated[1]) + 31 * int(dated[2]) + int(dated[3]) if dated else 0
    return _DAY * days + times[0]


def _stems(text: str) -> set[str]:
    return {word[:4] for word in re.findall(r"[a-z]{4,}", text.casefold())}
