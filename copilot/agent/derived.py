"""Numbers that follow from those of the evidence: shares, multiples, differences, sums, durations."""

from __future__ import annotations

import re
from itertools import combinations

from copilot.agent.quantities import Quantity, instants, joined, moments, occurs, seen_in

_MOST = 14
"""Numbers on one line beyond which anything would follow from some pair of them."""

_PAIR = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*(?:/|of|out of)\s*(\d+(?:\.\d+)?)(?![\d.])")
_ARROW = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*\w*\s*(?:->|→|to)\s*(\d+(?:\.\d+)?)(?![\d.])")
_SPAN = re.compile(r"(?<![\w.])(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?![\w.])")
_TIMES = {"times", "x", "fold", "×"}
_ADDRESS = re.compile(r"\b\d+\.\d+\.\d+\.\d+\b")
_RELATIVE = re.compile(r"\b(?:earlier|later|before|after)\b", re.I)


def follows(claim: Quantity, sentence: str, text: str, everything: str = "") -> bool:
    """Whether a claimed number can be reckoned from the numbers of one line of a text.

    How long before or after something else may be reckoned with a time from `everything`.
    """
    if claim.family == "time" and _duration(claim, text):
        return True
    single = len(instants(text)) < 2 and len(moments(text)) < 2
    if claim.family == "time" and _RELATIVE.search(sentence) and single:
        return not everything or _duration(claim, everything)
    return any(_from_line(claim, joined(line)) for line in text.splitlines() or [""])


def _from_line(claim: Quantity, line: str) -> bool:
    if claim.family == "share":
        pairs = [(float(a), float(b)) for a, b in _PAIR.findall(line)]
        if any(b and _near(claim, 100 * a / b) for a, b in pairs):
            return True
        changes = [(float(a), float(b)) for a, b in _ARROW.findall(line)]
        if any(a and _near(claim, 100 * abs(b - a) / a) for a, b in changes):
            return True
    found = seen_in(line)
    if not 2 <= len(found) <= _MOST:
        return False
    if claim.family == "share":
        shares = [q.value for q in found if q.family == "share"]
        if claim.unit == "points":
            return any(_near(claim, abs(a - b)) for a, b in combinations(shares, 2))
        return any(
            a.family == b.family
            and a.unit == b.unit
            and a.base
            and _near(claim, 100 * abs(b.base - a.base) / a.base)
            for a, b in combinations(found, 2)
        )
    if claim.unit in _TIMES:
        return any(
            _multiple(claim, max(a.base, b.base) / min(a.base, b.base))
            for a, b in combinations(found, 2)
            if a.family == b.family and min(a.base, b.base) > 0
        )
    same = [q for q in found if q.family == claim.family or not q.family]
    if any(
        _near(claim, abs(a.base - b.base) / (claim.base / claim.value if claim.value else 1))
        for a, b in combinations(same, 2)
        if a.family == b.family
    ):
        return True
    if claim.family:
        return False
    bare = [q.value for q in found if not q.family]
    if _near(claim, sum(bare)):
        return True
    counts = {line.count(",") + 1, len(set(_ADDRESS.findall(line))), len(bare)}
    return 1 < claim.value < 10 and claim.value in counts


def row_follows(part: int, word: str, whole: int, sentence: str, text: str) -> bool:
    """Whether "part of whole" (or "part in whole") follows from a text.

    Of what is missing the text may tell what is there.
    """
    rest = whole - part if _ABSENT.search(sentence) else part
    if word == "in":
        said = Quantity(f"{part} in {whole}", 100 * part / whole, 0, "%", about=True)
        return occurs(said, text) or follows(said, "", text)
    for line in map(joined, text.splitlines()):
        values = {q.value for q in seen_in(line)} | {float(n) for n in re.findall(r"\d+", line)}
        pairs = {(float(a), float(b)) for a, b in _PAIR.findall(line)}
        if pairs and all(b != whole for _, b in pairs) and whole not in values:
            continue
        of_whole = {a for a, b in pairs if b == whole}
        if of_whole:
            if part in of_whole or rest in of_whole:
                return True
        elif whole in values and (part in values or rest in values):
            return True
    return False


def contradicts(claim: Quantity, sentence: str, text: str) -> bool:
    """Whether a number stands on the wrong side of "a -> b" for what is said of it."""
    for before, after in _ARROW.findall(text):
        a, b = float(before), float(after)
        if abs(b - a) == claim.value or a == b:
            continue
        amount = re.search(rf"\bby {re.escape(claim.text)}", sentence) or (
            _GONE.search(sentence) and not claim.family
        )
        if amount and claim.value == b:
            return True
        if claim.value == a and _AFTER.search(sentence) and not re.search(r"\bfrom\b", sentence):
            return True
    return False


_ABSENT = re.compile(
    r"\b(?:lost|missing|gone|fewer|down|not|un\w+|fail\w*|without|remain\w*|left|waiting|pending)\b",
    re.I,
)
_GONE = re.compile(r"\b(?:lost|missing|gone|fewer)\b", re.I)
_AFTER = re.compile(r"\b(?:still|now|afterwards|after the)\b", re.I)


def _duration(claim: Quantity, text: str) -> bool:
    """Whether two times of day lie that far apart, or a span such as 3h42m is written."""
    times = sorted({_seconds(time) for time in instants(text)})
    gaps = [b - a for a, b in combinations(times[:40], 2)]
    dates = sorted(set(moments(text)))[:40]
    gaps += [b - a for a, b in combinations(dates, 2)]
    for span in _SPAN.finditer(text):
        if any(span.groups()):
            d, h, m, s = (float(part or 0) for part in span.groups())
            gaps.append(86400 * d + 3600 * h + 60 * m + s)
    if any(time % 60 == 0 for time in times) and claim.unit.startswith("m"):
        gaps += [gap + 30 for gap in gaps]
    unit = claim.base / claim.value if claim.value else 1.0
    return any(_near(claim, gap / unit, loose=claim.about) for gap in gaps)


def _seconds(time: str) -> float:
    hours, minutes, *rest = time.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + (float(rest[0]) if rest else 0)


def _multiple(claim: Quantity, ratio: float) -> bool:
    """Whether "12 times" is said of a ratio; "over 100 times" of one that is up to twice that."""
    return _near(claim, ratio, loose=True) or (
        claim.about and claim.value <= ratio <= 2 * claim.value
    )


def _near(claim: Quantity, value: float, *, loose: bool = False) -> bool:
    if claim.about or loose:
        return abs(claim.value - value) <= 0.1 * max(abs(value), 1e-9)
    return abs(round(value, claim.decimals) - claim.value) < 1e-9
