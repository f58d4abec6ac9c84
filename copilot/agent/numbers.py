"""Do the numbers of a sentence agree with those of the evidence that it rests on?

A number is supported when what is quoted shows it, or it can be reckoned from that; where what is quoted
has nothing of its kind, when the rest of the evidence does. It is contradicted when what is quoted has
numbers of its kind and none from which it follows. Anything else cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from copilot.agent.basis import Basis, facts
from copilot.agent.cues import (
    BY,
    CHANGE,
    EACH,
    FALL,
    FAR,
    GAP,
    LIMIT,
    MEAN,
    RISE,
    SUPPOSED,
    TOLD_TOTAL,
    TOTAL,
    amount,
    as_rate,
    exact_level,
    spans,
)
from copilot.agent.derived import Facts, reckoned, shown, together
from copilot.agent.distances import apart_from, from_another
from copilot.agent.labels import (
    REST,
    complements,
    halves,
    label,
    poled,
)
from copilot.agent.mismatch import labelled, said_elsewhere
from copilot.agent.numerals import SPELLED
from copilot.agent.quantities import (
    Quantity,
    compared,
    in_digits,
    interval,
    loose,
    said,
    shown_as,
)
from copilot.agent.rows import rows, unequal, without_rows, wrong_rows
from copilot.agent.tables import column_ratios, column_sums, row_counts
from copilot.agent.units import assumed, hits, in_unit_of, scaled

_LONGEST, _MOST = 2000, 40
"""Characters of a sentence and numbers in it that are looked at: none that tells something has more."""


class State(Enum):
    """What is known of a number: what is quoted gives it, other evidence does, nothing tells, it is wrong."""

    QUOTED = 1
    SEEN = 2
    UNKNOWN = 3
    WRONG = 4


@dataclass(frozen=True, slots=True)
class Numbers:
    """How the numbers of a sentence fared: why some are wrong, and how many hold by what is quoted, or otherwise."""

    wrong: tuple[str, ...] = ()
    quoted: int = 0
    seen: int = 0
    unknown: int = 0


def judged(sentence: str, basis: Basis) -> Numbers:
    """Hold the numbers of a sentence against the evidence that it rests on."""
    text = in_digits(sentence[:_LONGEST])
    parts = list(rows(text))
    listed = row_counts(sentence, basis.cited)
    sums = {value for part in basis.cited for value in column_sums(part)}
    wrong = [
        *wrong_rows(text, basis.quote, basis.line, listed, sums),
        *_reversed(text, basis.quote.told),
    ]
    wrong += unequal(text)
    text = without_rows(text)
    spoken = said(text)[:_MOST]
    claims = [claim for claim in spoken if not _named(claim, text, basis.everything)]
    names = sum(_named(claim, text, basis.cited) for claim in spoken)
    if not wrong:  # "939 of 982, or 96 %"
        shares = [part / whole for _, part, whole, _ in parts if whole]
        claims = [q for q in claims if q.dim != "share" or not hits(shares, interval(q, text))]
    held: list[Quantity] = []
    states = [State.QUOTED] * max(len(parts) - len(wrong), 0) + [State.SEEN] * names
    doubtful: list[tuple[Quantity, str]] = []
    for claim in sorted(claims, key=lambda q: q.spelled):
        alone = sum(other.dim == claim.dim for other in claims) == 1
        state, why = _state(claim, sentence, text, basis, held)
        if state is State.WRONG:
            doubtful.append((claim, why))
            continue
        if alone and (why := said_elsewhere(claim, sentence, text, basis)):
            wrong.append(why)
            continue
        held.append(claim)
        states.append(state)
    for claim, why in doubtful:
        if (state := _excused(claim, sentence, text, basis, held, states)) is not State.WRONG:
            states.append(state)
        else:
            wrong.append(why)
            states.append(State.WRONG)
    counts = {state: states.count(state) for state in State}
    return Numbers(tuple(wrong), counts[State.QUOTED], counts[State.SEEN], counts[State.UNKNOWN])


_NAME = re.compile(
    r"\b(?:PR|MR|ticket|issue|change|process|pid|backend|backends|thread|port|ports|revision|revisions|generation|version|release|chart|job|run|"
    r"build|commit|id|code|status|exit|number|no\.?|line|term|partition|shard|rung|step|attempt|try|HTTP|error|errno|GPU|CPU|core|vlan|VLAN|"
    r"offset|member|INC|CHG|SEV|P|v)[ #-]*#?$",
    re.I,
)
_YEAR = re.compile(
    r"(?:\s\s|\b(?:in|until|till|since|of|from|by|before|after|year|end of|early|late|mid)|[A-Z][a-z]{2,8},?|\d) $"
)


def _named(claim: Quantity, text: str, places: Sequence[str]) -> bool:
    """Whether a number is a name or a year that some texts have: it measures nothing."""
    before, plain = text[: claim.start], f"{claim.plain:g}"
    if claim.dim != "count" or claim.spelled or claim.step != 1 or claim.value >= 1e6:
        return False
    year = 1990 <= claim.value <= 2099 and _YEAR.search(before)
    if not (year or before.endswith("#") or _NAME.search(before)):
        return False
    whole = re.compile(rf"(?<![\d.]){plain}(?![\d.])" if not year else rf"(?<!\d){plain}(?!\d)")
    return any(whole.search(part) for part in places)


def _excused(
    claim: Quantity,
    sentence: str,
    text: str,
    basis: Basis,
    held: list[Quantity],
    states: list[State],
) -> State:
    """Say what a number is that what is quoted does not give: only a quoted number of which nothing else is said contradicts it."""
    if SUPPOSED.search(sentence):
        return State.UNKNOWN
    quote = basis.quote
    alike = [q for q in quote.numbers if q.dim in _dims(claim, text)]
    rest = [q for q in alike if not any(_same(q, one, text) for one in held)]
    settled = State.QUOTED in states and bool(alike) and not rest
    if State.QUOTED not in states:
        return State.WRONG
    few = claim.dim == "count" and claim.value <= (20 if claim.spelled else 12)
    if few and not CHANGE.search(sentence) and not exact_level(claim, text):
        return State.UNKNOWN  # a person's own count
    if (
        claim.dim == "count"
        and alike
        and not rest
        and any(
            hits(
                reckoned(claim.dim, facts(row), free=False, far=False),
                interval(claim, text, reckoned=True),
            )
            for row in basis.rows
        )
    ):
        return State.SEEN
    open_ = rest and claim.dim != "count"
    if not open_ and not amount(claim, text) and _beyond(claim, text, basis):
        return State.SEEN
    return State.UNKNOWN if settled and claim.spelled and claim.value <= 100 else State.WRONG


def _of_listed(claim: Quantity, quote: Facts) -> bool:
    """Whether "a third of them" may be one of three that are listed."""
    parts = len(re.split(r"[,;|]", quote.told))
    return parts > 2 and abs(claim.value * parts - round(claim.value * parts)) < 0.02


def _same(number: Quantity, claim: Quantity, text: str) -> bool:
    """Whether a number of the evidence is what a sentence says, as it stands there."""
    low, high = interval(claim, text)
    return number.dim == claim.dim and low <= number.value <= high


def _beyond(claim: Quantity, text: str, basis: Basis) -> bool:
    """Whether evidence beside what is quoted shows a number of a sentence that rests on its quotes otherwise."""
    room = interval(claim, text)
    if TOTAL.search(text) or len(f"{claim.plain:g}".replace(".", "").strip("0")) < 2:
        return False
    places = [facts(part) for part in (*basis.cited, *basis.everything)]
    return any(hits(place.of_dim(claim.dim), room) for place in places)


def _reversed(text: str, quoted: str) -> Iterator[str]:
    """Yield what is said to have gone from one number to another and is quoted as having gone the other way."""
    changes = _ARROW.findall(quoted)
    for m in _FROM_TO.finditer(text):
        if (m[2], m[1]) in changes and (m[1], m[2]) not in changes:
            yield f"it went from {m[2]} to {m[1]}"


_ARROW = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)\s?\S{0,4}\s*(?:->|→)\s*(\d+(?:\.\d+)?)")
_FROM_TO = re.compile(
    rf"\bfrom (\d+(?:\.\d+)?){SPELLED}?(?: ?\S{{1,4}})? to (\d+(?:\.\d+)?)(?!\d|\.\d)"
)


def _dims(claim: Quantity, text: str) -> tuple[str, ...]:
    """What a number may measure: "12 times" is a multiple or a count."""
    if claim.dim == "ratio":
        return ("ratio",) if compared(claim, text) else ("count", "ratio")
    return ("rate", "count") if claim.dim == "rate" else (claim.dim,)


def _state(
    claim: Quantity, sentence: str, text: str, basis: Basis, held: list[Quantity]
) -> tuple[State, str]:
    """Say of one number whether it holds, and why not."""
    room, wide = interval(claim, text), interval(claim, text, reckoned=True)
    dims, quote = _dims(claim, text), basis.quote
    # A change is not what something changed to, where both can be seen.
    summed = (
        TOTAL.search(sentence)
        and not TOLD_TOTAL.search(quote.told)
        and _count((claim.dim,), quote) > 2
    )
    averaged = MEAN.search(sentence) and not MEAN.search(quote.text)
    level = (
        not (summed or averaged or amount(claim, text))
        or max(_count(dims, p) for p in (quote, basis.line)) < 2
    )
    name = shown_as(claim)
    if claim.dim == "count" and EACH.search(f"{sentence} {quote.told}"):
        dims = ("count", "product")
    # What holds so far may be reckoned with.
    new = [one for one in held if not any(_same(q, one, text) for q in quote.numbers)]
    more = replace(quote, numbers=(*quote.numbers, *new))
    if claim.dim == "share" and BY.search(text[: claim.start]) and _count(("ratio",), quote) > 1:
        # From what is reckoned is known where the direction is.
        dims = (
            ("fall",)
            if FALL.search(sentence) and not RISE.search(sentence)
            else ("rise",)
            if RISE.search(sentence) and not FALL.search(sentence)
            else ("change",)
        )
        more = quote
    elif claim.dim == "share" and (CHANGE.search(sentence) or poled(sentence)):
        dims = ("share", "change")
    exact = exact_level(claim, text)
    # Of two numbers little can follow by chance.
    if claim.dim == "time" and quote.of_dim("time") and not spans(claim, text):
        more = replace(more, clocks=(), dates=())
    far = len(quote.numbers) < 3 or FAR.search(f"{sentence} {quote.told}") is not None
    for place in (more, *assumed(quote, claim)):
        for dim in dims:
            if level and hits(shown(dim, place), room):
                return State.QUOTED, ""
            if not exact and hits(reckoned(dim, place, far=far), wide):
                return State.QUOTED, ""
    if claim.dim == "count" and any(
        hits((*shown(q.dim, quote), *reckoned(q.dim, more)), in_unit_of(q, claim))
        for q in held
        if not q.bare
    ):
        return State.QUOTED, ""  # "61 Mi were left, 39 below the threshold"
    if rate := as_rate(claim, sentence):
        timed = replace(more, clocks=basis.line.clocks, dates=basis.line.dates)
        for size in rate:
            second = (size * wide[0], size * wide[1])
            seen = level and hits(shown("rate", quote), second)
            if seen or hits(reckoned("rate", timed), second):
                return State.QUOTED, ""
    rest = [*complements(sentence, quote.numbers, quote.text), *halves(quote.numbers, quote.text)]
    if REST.search(sentence):
        rest += [1 - value for value in reckoned("share", quote) if value < 1]
    if claim.dim == "share" and hits(rest, room):
        return State.QUOTED, ""
    if claim.dim == "share" and claim.spelled and _of_listed(claim, quote):
        return State.SEEN, ""
    if claim.dim in ("ratio", "share") and basis.lines:
        ratios = (
            r for part in basis.cited for line in basis.lines for r in column_ratios(part, line)
        )
        if hits(ratios, wide):
            return State.SEEN, ""
    small = claim.dim == "count" and claim.value <= 20 and claim.value % 1 == 0
    if (
        small
        and not GAP.match(text[claim.end :])
        and claim.value in row_counts(sentence, basis.cited)
    ):
        return State.SEEN, ""
    if claim.plain >= 10 and hits(
        scaled(claim, (v for part in basis.cited for v in column_sums(part))), room
    ):
        return State.SEEN, ""
    if claim.dim == "time" and len(quote.clocks) < 2 and len(quote.dates) < 2:
        if hits((*apart_from(basis), *basis.line.gaps), wide):
            return State.QUOTED, ""
        near = (a - b for a in quote.clocks for part in basis.cited for b in facts(part).clocks)
        if claim.value >= 60 and hits(near, wide):
            return State.SEEN, ""
        days_apart = (
            abs(a - b)
            for a in quote.dates
            for part in basis.everything
            for b in facts(part).dates
            if a != b
        )
        if claim.value >= 86400 and hits(days_apart, wide):
            return State.SEEN, ""
        if claim.value >= 86400 and quote.dates and len(basis.line.dates) > 1:
            return State.WRONG, f"what is quoted says another number than {name}"
    if _comparable(claim, dims, quote, gap=bool(GAP.match(text[claim.end :]))):
        if _beside(claim, sentence, basis, dims, wide) or (
            level and labelled(claim, sentence, basis, room)
        ):
            return State.SEEN, ""
        return State.WRONG, f"what is quoted says another number than {name}"
    if claim.dim == "time" and (why := from_another(claim, text, basis, wide)):
        return State.WRONG, why
    # Of a long text, nearly any number could be reckoned: what is not quoted must be told as reckoned.
    free = bool(basis.quoted or claim.spelled or loose(claim, text)) or any(
        words.search(sentence) for words in (CHANGE, EACH, REST)
    )
    for dim in dims:
        if level and any(hits(shown(dim, facts(text)), room) for text in basis.cited):
            return State.SEEN, ""
        for place in (basis.line, *map(facts, basis.rows)):
            if level and hits(shown(dim, place), room):
                return State.SEEN, ""
            if free and hits(reckoned(dim, place, free=False, far=far), wide):
                return State.SEEN, ""
        if (
            level
            and len(f"{claim.plain:g}".replace(".", "").strip("0")) > 1
            and any(hits(facts(text).of_dim(dim), room) for text in basis.everything)
        ):
            return State.SEEN, ""
    distant = claim.step >= 60 or GAP.match(text[claim.end :])
    if claim.dim == "time" and distant and hits(facts("\n".join(basis.everything)).gaps, wide):
        return State.SEEN, ""
    # What is said in words, of what nothing quoted measures, is a person's own view of it.
    bare = not (quote.clocks or quote.dates if claim.dim == "time" else quote.numbers)
    if basis.quoted and (claim.spelled or (bare and loose(claim, text))):
        return State.UNKNOWN, ""
    if claim.dim == "count" and (claim.spelled or claim.value < 10):
        return State.UNKNOWN, ""  # a person's own count of what is listed, as often as not
    return State.WRONG, f"the number {name} is not in the cited evidence"


def _beside(
    claim: Quantity, sentence: str, basis: Basis, dims: Sequence[str], wide: tuple[float, float]
) -> bool:
    """Whether a number follows from the only one that is quoted and another of its line; or of what is left, of any."""
    if _count(dims, basis.quote) > 1:
        return False
    if any(hits(together(dim, basis.quote, basis.line), wide) for dim in dims):
        return True
    limits = [
        q
        for part in basis.everything
        for q in facts(part).numbers
        if LIMIT.search(label(q, facts(part).text, after=False))
    ]
    bounds = replace(basis.quote, numbers=tuple(limits))
    if limits and any(hits(together(dim, basis.quote, bounds), wide) for dim in dims):
        return True
    return REST.search(sentence) is not None and any(
        hits(together(claim.dim, basis.quote, place), wide)
        for place in map(facts, basis.everything)
    )


def _count(dims: Sequence[str], place: Facts) -> int:
    """How many numbers of a place are of a kind."""
    if {"ratio", "points", "share", "change", "fall", "rise"} & {*dims}:
        return len(place.numbers)
    return sum(q.dim in dims or (q.dim == "count" and "rate" in dims) for q in place.numbers)


def _comparable(claim: Quantity, dims: Sequence[str], quote: Facts, *, gap: bool) -> bool:
    """Whether what is quoted has numbers of the claim's kind."""
    if gap:
        return len(quote.clocks) > 1 or len(quote.dates) > 1
    if claim.dim == "time" and not quote.of_dim("time") and len(quote.clocks) == 2:
        return True
    if claim.dim == "points":
        return len(quote.of_dim("share")) > 1 or len(quote.of_dim("count")) > 1
    if claim.dim == "ratio" and any(len(quote.of_dim(q.dim)) > 1 for q in quote.numbers):
        return True
    if claim.dim == "share" and claim.spelled and re.search(r"\bp\d\d\b", quote.told):
        return True
    if claim.dim == "share" and any(len(quote.of_dim(q.dim)) > 1 for q in quote.numbers):
        return True
    return any(quote.of_dim(dim) for dim in dims if dim != "ratio")
