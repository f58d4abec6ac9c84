"""Numbers that follow from those of the evidence: shares, multiples, differences, sums, rates, durations.

Reckoned first from what is quoted, since that is what a claim says it rests on: there any pair of
numbers may be combined. Elsewhere only the numbers of one line are, lest anything follow from something.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import combinations, permutations

from copilot.agent.clocks import seconds_of_day
from copilot.agent.quantities import (
    Quantity,
    digits,
    joined,
    moments,
    near,
    occurs,
    seen_in,
    unit_size,
)

_MOST = 14
"""Numbers on one line beyond which anything would follow from some pair of them."""

_PAIR = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*(?:/|of|out of)\s*(\d+(?:\.\d+)?)(?![\d.])")
_ARROW = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*\w*\s*(?:->|→|to)\s*(\d+(?:\.\d+)?)(?![\d.])")
_SPAN = re.compile(r"(?<![\w.])(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?![\w.])")
_TIMES = {"times", "x", "fold", "×"}
_ADDRESS = re.compile(r"\b\d+\.\d+\.\d+\.\d+\b")
_RELATIVE = re.compile(r"\b(?:earlier|later|before|after)\b", re.I)
_PER = (60.0, 3600.0, 1 / 60, 1 / 3600)
_RATE = re.compile(
    r"\b(?:each|per|every|once|an? (?:second|minute|hour|day)|alone|altogether|together|in all|make up|that is|i\.e|in a row|speed|pace)\b",
    re.I,
)


def follows(claim: Quantity, sentence: str, quoted: str, text: str, everything: str = "") -> bool:
    """Whether a claimed number can be reckoned from what is quoted, or from one line of a text.

    How long before or after something else may be reckoned with a time from `everything`, and so may what
    is left between a quoted measure and another of its kind.
    """
    if claim.family == "time" and _duration(claim, text):
        return True
    single = len(seconds_of_day(text)) < 2 and len(moments(text)) < 2
    if claim.family == "time" and _RELATIVE.search(sentence) and single:
        return not everything or _duration(claim, everything)
    rate = bool(_RATE.search(sentence))
    mine = seen_in(quoted)[:_MOST]
    if _from(claim, mine, quoted, free=True, rate=rate):
        return True
    if any(_from_line(claim, joined(line), rate=rate) for line in text.splitlines() or [""]):
        return True
    if (
        claim.family == "share"
        and opposite(sentence, lines_with(quoted, text))
        and any(near(claim, 100 - q.value) for q in mine if q.unit == "%")
    ):
        return True
    if _REST.search(sentence) and (
        (claim.family == "share" and any(near(claim, 100 - q.value) for q in mine if q.unit == "%"))
        or any(_difference(claim, a, b) for a in mine for b in seen_in(text)[: 2 * _MOST])
    ):
        return True
    if claim.family in ("bytes", "time"):
        others = [q for q in seen_in(everything) if q.family == claim.family and not q.told]
        return any(_difference(claim, a, b) for a in mine for b in others)
    # What everyone gets of the whole, and what a share of it is.
    return rate and any(
        _rate(claim, a, b) for a in mine for b in seen_in(text)[: 2 * _MOST] if a != b
    )


def said_otherwise(
    claim: Quantity, sentence: str, quoted: str, text: str, everything: str = ""
) -> bool:
    """Whether what is quoted tells another number of the claim's kind, and none from which it follows.

    The claim's number may then still stand elsewhere in the cited `text`, but of something else: unless
    the word just before it there is one of the sentence's.
    """
    mine = [q for q in seen_in(quoted) if f":{q.text}" not in quoted]
    alike = [q for q in mine if q.family == claim.family]
    if claim.unit in _TIMES:
        groups = [[q for q in mine if q.family == family] for family in {q.family for q in mine}]
        if not any(len(group) > 1 for group in groups):
            return False
    elif not alike or _duration(claim, quoted):
        return False
    if occurs(claim, quoted):
        return False
    rate = bool(_RATE.search(sentence))
    if _from(claim, mine[:_MOST], joined(quoted), free=True, rate=rate):
        return False
    others = seen_in(text)[: 2 * _MOST]
    if rate and any(_rate(claim, a, b) for a in mine for b in others if a != b):
        return False
    if _REST.search(sentence) and (
        any(near(claim, 100 - q.value) for q in alike if q.unit == "%")
        or any(_difference(claim, a, b) for a in alike for b in others)
    ):
        return False
    if claim.family == "share" and opposite(sentence, lines_with(quoted, text)):
        return not any(near(claim, 100 - q.value) for q in alike)
    if claim.family in ("bytes", "time") and any(
        _difference(claim, a, b) for a in alike for b in seen_in(everything) if not b.told
    ):
        return False
    return not _told_of(claim, sentence, text)


def _told_of(claim: Quantity, sentence: str, text: str) -> bool:
    """Whether a text has the number right behind a word of the sentence."""
    said = set(re.findall(r"[a-z0-9]{2,}", sentence.casefold()))
    if len(claim.unit) > 3 and not claim.family:
        parts = re.split(r"[,;|\n]", joined(text))
        if any(claim.unit in part.casefold() and occurs(claim, part) for part in parts):
            return True
    for line in map(joined, text.splitlines()):
        for found in re.finditer(r"(?P<word>[A-Za-z]\w+)[ =:(]{1,2}(?=\d)", line):
            if found["word"].casefold() in said and occurs(claim, line[found.end() :][:24]):
                number = re.match(r"[\d.,]+(?:\s?[A-Za-z%µ/]+)?", line[found.end() :])
                if number and occurs(claim, number.group()):
                    return True
    return False


_REST = re.compile(
    r"\b(?:remain\w*|left|free|rest|spare|unused|more|fewer|short|missing|others?|away)\b", re.I
)
_FAILS = re.compile(
    r"\b(?:fail\w*|error\w*|lost|refused|broken|unsuccess\w*|time[sd]? out)\b", re.I
)
_HOLDS = re.compile(r"\b(?:success\w*|ok|healthy|available|availability|uptime|ready)\b", re.I)


def lines_with(quoted: str, text: str) -> str:
    """Return the lines of a text that have one of the quotes, each of which is a line of `quoted`."""
    spans = [" ".join(quote.split()) for quote in quoted.splitlines()]
    lines = (" ".join(line.split()) for line in re.split(r"[\n;]", text))
    return "\n".join(line for line in lines if any(span in line for span in spans))


def opposite(sentence: str, text: str) -> bool:
    """Whether one of two texts tells of what fails, and the other of what succeeds."""
    a, b = (bool(_FAILS.search(t)) - bool(_HOLDS.search(t)) for t in (sentence, text))
    return a * b < 0


def _from_line(claim: Quantity, line: str, *, rate: bool) -> bool:
    found = seen_in(line)
    return len(found) <= _MOST and _from(claim, found, line, free=False, rate=rate)


def _from(claim: Quantity, found: Sequence[Quantity], line: str, *, free: bool, rate: bool) -> bool:
    """Whether a number follows from those of a line; `free`: from any two of them."""
    if claim.family == "share" and _share(claim, found, line, free=free):
        return True
    if rate and any(
        near(claim, q.base * by) for q in found if q.family in ("", "rate") for by in _PER
    ):
        return True
    if len(found) < 2 or (claim.family == "share" and claim.unit != "points"):
        return False
    if claim.unit == "points":
        shares = [q.value for q in found if q.family == "share"]
        return any(near(claim, abs(a - b)) for a, b in combinations(shares, 2))
    if claim.unit in _TIMES:
        return any(
            near(claim, max(a.base, b.base) / min(a.base, b.base), loose=True)
            for a, b in combinations(found, 2)
            if a.family == b.family and min(a.base, b.base) > 0
        )
    if any(_difference(claim, a, b) for a, b in combinations(found, 2)):
        return True
    if rate and any(_rate(claim, a, b) for a, b in permutations([*found, *_spans(line)], 2)):
        return True
    if claim.family:
        same = [q.base for q in found if q.family == claim.family]
        return free and len(same) > 1 and near(claim, sum(same) / unit_size(claim))
    bare = [q.value for q in found if not q.family]
    if near(claim, sum(bare)):
        return True
    counts = {line.count(",") + 1, len(set(_ADDRESS.findall(line))), len(bare)}
    return 1 < claim.value < 10 and claim.value in counts


def _share(claim: Quantity, found: Sequence[Quantity], line: str, *, free: bool) -> bool:
    """A part of a whole, what is left of it, or how much more or less one number is than another."""
    parts = [100 * float(a) / float(b) for a, b in _PAIR.findall(line) if float(b)]
    changes = [(float(a), float(b)) for a, b in _ARROW.findall(line)]
    parts += [100 * abs(b - a) / a for a, b in changes if a]
    for a, b in combinations(found, 2):
        alike = a.family == b.family and (free or a.family or a.unit == b.unit)
        if not alike or not a.base or not b.base:
            continue
        parts.append(100 * abs(b.base - a.base) / a.base)
        if free:
            small, large = sorted((a.base, b.base))
            parts += [100 * small / large, 100 - 100 * small / large]
    return any(near(claim, value) for value in parts)


def _difference(claim: Quantity, a: Quantity, b: Quantity) -> bool:
    if a.family != b.family or (a.family and a.family != claim.family):
        return False
    if not a.family and claim.family:
        return False
    return near(claim, abs(a.base - b.base) / unit_size(claim))


def _rate(claim: Quantity, a: Quantity, b: Quantity) -> bool:
    """How many for each, how long between two, or how much a share or so many pieces make."""
    size = unit_size(claim)
    values = []
    if b.base and not (a.family and a.family == b.family):
        values.append(a.base / b.base / size)
    if claim.family == "time" and not a.family and b.family == "rate" and b.base:
        return near(claim, a.base / b.base / size, loose=claim.about)
    if b.family == "share" or not b.family:
        values.append(a.base * b.base / size)
    matching = claim.family in ("", a.family) or (claim.family == "time" and a.family == "time")
    return matching and any(near(claim, value, loose=claim.about) for value in values if value > 1)


def row_follows(part: int, word: str, whole: int, sentence: str, text: str) -> bool:
    """Whether "part of whole" (or "part in whole") follows from a text.

    Of what is missing the text may tell what is there.
    """
    rest = whole - part if _ABSENT.search(sentence) else part
    if word == "in":
        said = Quantity(f"{part} in {whole}", 100 * part / whole, 0, "%", about=True)
        return occurs(said, text) or follows(said, "", text, text) or _percentile(part, whole, text)
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
    if word == "out of" and whole <= 10:
        said = Quantity(f"{part} out of {whole}", 100 * part / whole, 0, "%", about=True)
        return occurs(said, text) or follows(said, "", text, text)
    return False


def _percentile(part: int, whole: int, text: str) -> bool:
    """One in twenty is beyond p95."""
    told = (float(n) for n in re.findall(r"\bp(\d\d(?:\.\d)?)\b", text))
    return any(abs(100 - n - 100 * part / whole) < 0.6 for n in told)


def contradicts(claim: Quantity, sentence: str, text: str) -> bool:
    """Whether a number stands on the wrong side of "a -> b" for what is said of it."""
    for before, after in _ARROW.findall(text):
        a, b = float(before), float(after)
        if abs(b - a) == claim.value or a == b:
            continue
        amount = re.search(rf"\bby {re.escape(claim.text)}", sentence) or (
            not claim.family
            and re.search(
                rf"\b{claim.value:g}(?: fewer\b|[^.,;()]{{0,30}}\b(?:lost|missing|gone)\b)",
                digits(sentence),
                re.I,
            )
        )
        if amount and claim.value == b:
            return True
        if claim.value == a and _AFTER.search(sentence) and not re.search(r"\bfrom\b", sentence):
            return True
    return False


def misplaced(claim: Quantity, sentence: str, text: str) -> bool:
    """Whether a text gives another number to what the sentence names, and the claim's to something else.

    "p99 is 0.42 s" of "p50 0.42 s, p99 1.36 s"; "2 pods are not ready" of "2 of 9 ready".
    """
    for part, whole, what in _COUNTED.findall(text):
        absent = re.search(rf"\b(?:not|never|no longer|un|in)[ -]?{what}\b", sentence, re.I)
        if absent and claim.value == float(part) != float(whole) - float(part) and not claim.family:
            return True
    if claim.about:
        return False
    said = set(re.findall(r"[a-z]\w+", sentence.casefold()))
    named: list[Quantity] = []
    others: list[Quantity] = []
    for label, quantity in _labelled(text):
        if quantity.family == claim.family:
            (named if label in said else others).append(quantity)
    own = [q for q in named if near(claim, q.base / unit_size(claim))]
    strange = [q for q in others if near(claim, q.base / unit_size(claim))]
    return bool(named and strange) and not own


_COUNTED = re.compile(r"(\d+) ?(?:/|of) ?(\d+) (ready|available|healthy|running|up)\b", re.I)
_SEGMENT = re.compile(r"[,;()|\n]")
_LABEL = re.compile(r"(?:^|[^\w.-])([A-Za-z][A-Za-z_.]*\d{0,2})[ =:]+(?=\d)")


def _labelled(text: str) -> list[tuple[str, Quantity]]:
    """Return the numbers of a text that stand behind a name, with the last word of that name."""
    found = []
    for segment in _SEGMENT.split(joined(text)):
        labels = _LABEL.findall(segment)
        if len(labels) == 1:
            name = re.split(r"[_.]|(?<=[a-z])(?=[A-Z])", labels[0])[-1].casefold()
            found += [(name, quantity) for quantity in seen_in(segment)]
    return found


_ABSENT = re.compile(
    r"\b(?:lost|missing|gone|fewer|down|not|un\w+|fail\w*|without|remain\w*|left|waiting|pending)\b",
    re.I,
)
_AFTER = re.compile(r"\b(?:still|now|afterwards|after the)\b", re.I)


def _duration(claim: Quantity, text: str) -> bool:
    """Whether two times of day lie that far apart, or a span such as 3h42m is written."""
    times = seconds_of_day(text)[:40]
    gaps = _gaps(times) + _gaps(sorted(set(moments(text)))[:40])
    for span in _SPAN.finditer(text):
        if any(span.groups()):
            d, h, m, s = (float(part or 0) for part in span.groups())
            gaps.append(86400 * d + 3600 * h + 60 * m + s)
    if any(time % 60 == 0 for time in times) and claim.unit.startswith("m"):
        gaps += [gap + 30 for gap in gaps]
    unit = unit_size(claim)
    return any(near(claim, gap / unit, loose=claim.about) for gap in gaps)


def _spans(line: str) -> list[Quantity]:
    """Return the durations that a line writes as 3h42m or 52m."""
    found = []
    for span in _SPAN.finditer(line):
        if any(span.groups()[:3]):
            d, h, m, s = (float(part or 0) for part in span.groups())
            found.append(Quantity(span.group(), 86400 * d + 3600 * h + 60 * m + s, 0, "s"))
    return found


def _gaps(times: Iterable[float]) -> list[float]:
    return [b - a for a, b in combinations(sorted(times), 2)]
