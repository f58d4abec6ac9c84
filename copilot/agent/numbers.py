"""Do the numbers of a sentence agree with those of the evidence that it rests on?

A number is supported when what is quoted shows it, or it can be reckoned from that; where what is quoted
has nothing of its kind, when the rest of the evidence does. It is contradicted when what is quoted has
numbers of its kind and none from which it follows. Anything else cannot be told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from copilot.agent.basis import Basis, facts
from copilot.agent.derived import Facts, reckoned, shown, together
from copilot.agent.labels import REST, complements, label, misplaced, named, opposed, poled, stems
from copilot.agent.numerals import SPELLED
from copilot.agent.quantities import Quantity, in_digits, interval, loose, said
from copilot.agent.rows import rows, without_rows, wrong_rows

_GAP = re.compile(
    r"^\S*\s+(?:or so |too )?(?:before|after|later|earlier|ahead|behind|ago|apart|between|from|since|until|of each other|into)\b"
    r"|^\S*\s+(?:lie|lay|passed|went by|had passed)\b",
    re.I,
)
_BY = re.compile(
    r"\bby (?:(?:about|some|roughly|over|more than|nearly|almost|around|a good|another|only|just|up to|close to) ?)*$",
    re.I,
)
_CHANGE = re.compile(
    r"\b(?:by|within|rose|risen|fell|fallen|grew|grown|up|down|dropped|climbed|increas\w*|decreas\w*|reduc\w*|cut|lower\w*|"
    r"rais\w*|more|less|fewer|higher|shr[aiu]nk|slow\w*|fast\w*|longer|short\w*|went|gone|lost|missing|sunk|sank)\b",
    re.I,
)
_MORE = re.compile(
    r"^(?: [\w-]+){0,3} (?:more|fewer|less|extra|additional|further|(?:(?:was|were|is|are|have been|has been) )?(?:lost|missing|gone))\b",
    re.I,
)
_LACK = re.compile(
    r"\b(?:lacks?|lacking|lost|loses|misses|short (?:of|by)) (?:about |some |only |just )?$", re.I
)


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
    wrong = [*wrong_rows(text, basis.quote, basis.line), *_reversed(text, basis.quote.told)]
    text = without_rows(text)
    claims = said(text)[:_MOST]
    held: list[Quantity] = []
    states = [State.QUOTED] * max(len(parts) - len(wrong), 0)
    for claim in sorted(claims, key=lambda q: q.spelled):
        alone = sum(other.dim == claim.dim for other in claims) == 1
        state, why = _state(claim, sentence, text, basis, held)
        if state is not State.WRONG and alone and (why := _elsewhere(claim, sentence, text, basis)):
            state = State.WRONG
        if state is State.WRONG:
            wrong.append(why)
        else:
            held.append(claim)
        states.append(state)
    counts = {state: states.count(state) for state in State}
    return Numbers(tuple(wrong), counts[State.QUOTED], counts[State.SEEN], counts[State.UNKNOWN])


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


def _dims(claim: Quantity) -> tuple[str, ...]:
    """What a number may measure: "12 times" is a multiple or a count."""
    if claim.dim == "ratio":
        return ("ratio", "count") if not claim.spelled else ("ratio",)
    return ("rate", "count") if claim.dim == "rate" else (claim.dim,)


def _hits(values: Iterable[float], room: tuple[float, float]) -> bool:
    return any(room[0] <= abs(v) <= room[1] for v in values)


def _state(
    claim: Quantity, sentence: str, text: str, basis: Basis, held: list[Quantity]
) -> tuple[State, str]:
    """Say of one number whether it holds, and why not."""
    room, wide = interval(claim, text), interval(claim, text, reckoned=True)
    dims, quote = _dims(claim), basis.quote
    # A change is not what something changed to, where both can be seen.
    level = not _amount(claim, text) or max(_count(dims, p) for p in (quote, basis.line)) < 2
    name = _shown(claim)
    if claim.dim == "count" and (claim.spelled or _EACH.search(sentence)):
        dims = ("count", "product")
    # What holds so far may be reckoned with.
    more = replace(quote, numbers=(*quote.numbers, *held))
    if claim.dim == "share" and _BY.search(text[: claim.start]) and _count(("ratio",), quote) > 1:
        dims = ("change",)
    elif claim.dim == "share" and (_CHANGE.search(sentence) or poled(sentence)):
        dims = ("share", "change")
    exact = _level(claim, text)
    for dim in dims:
        if level and _hits(shown(dim, quote), room):
            return State.QUOTED, ""
        if not exact and _hits(reckoned(dim, more), wide):
            return State.QUOTED, ""
    if claim.dim == "count" and any(
        _hits((*shown(q.dim, quote), *reckoned(q.dim, more)), _as(q, claim)) for q in held if q.unit
    ):
        return State.QUOTED, ""  # "61 Mi were left, 39 below the threshold"
    if rate := _as_rate(claim, sentence):
        timed = replace(more, clocks=basis.line.clocks, dates=basis.line.dates)
        for size in rate:
            scaled = (size * wide[0], size * wide[1])
            seen = level and _hits(shown("rate", quote), scaled)
            if seen or _hits(reckoned("rate", timed), scaled):
                return State.QUOTED, ""
    if claim.dim == "share" and _hits(complements(sentence, quote.numbers, quote.text), room):
        return State.QUOTED, ""
    if _comparable(claim, dims, quote, gap=bool(_GAP.match(text[claim.end :]))):
        if _beside(claim, sentence, basis, dims, wide) or (
            level and _labelled(claim, sentence, basis, room)
        ):
            return State.SEEN, ""
        return State.WRONG, f"what is quoted says another number than {name}"
    # Of a long text, nearly any number could be reckoned: what is not quoted must be told as reckoned.
    free = bool(basis.quoted or claim.spelled or loose(claim, text)) or any(
        words.search(sentence) for words in (_CHANGE, _EACH, REST)
    )
    for dim in dims:
        if level and any(_hits(shown(dim, facts(text)), room) for text in basis.cited):
            return State.SEEN, ""
        for place in (basis.line, *map(facts, basis.rows)):
            if level and _hits(shown(dim, place), room):
                return State.SEEN, ""
            if free and _hits(reckoned(dim, place, free=False), wide):
                return State.SEEN, ""
        if (
            level
            and len(f"{claim.plain:g}".replace(".", "").strip("0")) > 1
            and any(_hits(facts(text).of_dim(dim), room) for text in basis.everything)
        ):
            return State.SEEN, ""
    far = claim.step >= 60 or _GAP.match(text[claim.end :])
    if claim.dim == "time" and far and _hits(facts("\n".join(basis.everything)).gaps, wide):
        return State.SEEN, ""
    # What is said in words, of what nothing quoted measures, is a person's own view of it.
    bare = not (quote.clocks or quote.dates if claim.dim == "time" else quote.numbers)
    if basis.quoted and bare and (claim.spelled or loose(claim, text)):
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
    if any(_hits(together(dim, basis.quote, basis.line), wide) for dim in dims):
        return True
    return REST.search(sentence) is not None and any(
        _hits(together(claim.dim, basis.quote, place), wide)
        for place in map(facts, basis.everything)
    )


def _shown(claim: Quantity) -> str:
    """Return a number as it is told to people."""
    return re.sub(r"(\.\d\d)\d+", r"\1", claim.text.replace(SPELLED, ""))


def _as(other: Quantity, claim: Quantity) -> tuple[float, float]:
    """Return what a number without a unit allows for when it has the unit of another."""
    size = other.step / 10 ** -len(other.text.split()[0].partition(".")[2].rstrip(SPELLED))
    return (claim.value - 0.5 * claim.step) * size, (claim.value + 0.5 * claim.step) * size


def _as_rate(claim: Quantity, sentence: str) -> tuple[float, ...]:
    """What a number is to be multiplied with to be one per second, where the sentence tells how often something is."""
    if claim.dim == "rate":
        return (1.0,)
    if claim.dim != "count":
        return ()
    return tuple(1 / _PERIODS[m[1].lower()] for m in _PERIOD.finditer(sentence))


_PERIODS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0}
_PERIOD = re.compile(
    r"\b(?:in|per|each|every|an?|within) (?:[a-z]+ )?(second|minute|hour|day)\b", re.I
)


def _level(claim: Quantity, text: str) -> bool:
    """Whether a number is said to be where something was or went, in digits: it must be shown, not reckoned."""
    before, after = text[: claim.start], text[claim.end :]
    return not claim.spelled and bool(
        re.search(r"\b(?:from|instead of) $", before)
        or (re.search(r"\bto $", before) and re.search(r"\bfrom \S*\d", before))
        or re.match(r" (?:instead of|to \d)", after)
    )


_EACH = re.compile(
    r"\b(?:together|altogether|each|apiece|in all|in total|alone|per|every|times|makes?|that is|i\.e|would|may|need\w*)\b",
    re.I,
)


def _amount(claim: Quantity, text: str) -> bool:
    """Whether a number is said to be how much something changed, or lacks."""
    before, after = text[: claim.start], text[claim.end - len(claim.unit) - 1 :]
    return claim.dim not in ("share", "ratio", "points") and bool(
        _BY.search(before) or _LACK.search(before) or _MORE.match(after)
    )


def _count(dims: Sequence[str], place: Facts) -> int:
    """How many numbers of a place are of a kind."""
    if "ratio" in dims or "points" in dims:
        return len(place.numbers)
    return sum(q.dim in dims or (q.dim == "count" and "rate" in dims) for q in place.numbers)


def _comparable(claim: Quantity, dims: Sequence[str], quote: Facts, *, gap: bool) -> bool:
    """Whether what is quoted has numbers of the claim's kind."""
    if gap:
        return len(quote.clocks) > 1 or len(quote.dates) > 1
    if claim.dim == "points":
        return len(quote.of_dim("share")) > 1
    if claim.dim == "ratio" and any(len(quote.of_dim(q.dim)) > 1 for q in quote.numbers):
        return True
    if claim.dim == "share" and claim.spelled and len(quote.of_dim("count")) > 1:
        return True
    return any(quote.of_dim(dim) for dim in dims if dim != "ratio")


def _labelled(claim: Quantity, sentence: str, basis: Basis, room: tuple[float, float]) -> bool:
    """Whether evidence has the number by a name that the sentence uses, and that no quoted number has."""
    words, noun = stems(sentence), stems(claim.unit)
    known = {stem for q in basis.quote.numbers for stem in stems(label(q, basis.quote.text))}
    for place in (basis.line, *map(facts, basis.everything)):
        wanted = words if place is basis.line else noun if claim.dim == "count" else set()
        for q in place.numbers:
            near = q.dim == claim.dim and room[0] <= q.value <= room[1]
            if near and (stems(label(q, place.text)) - known) & wanted:
                return True
    return False


def _elsewhere(claim: Quantity, sentence: str, text: str, basis: Basis) -> str:
    """Why a number that the evidence does have is said of something else there, "" when it is not."""
    low, high = interval(claim, text)
    if loose(claim, text) or claim.dim == "ratio":
        return ""
    alike = [q for q in basis.line.numbers if q.dim == claim.dim]
    hits = [q for q in alike if low <= q.value <= high]
    hits = [q for q in hits if q in basis.quote.numbers] or hits
    if not hits:
        return ""
    where, what = basis.line.text, _shown(claim)
    if claim.dim == "share" and all(opposed(sentence, label(q, where)) for q in hits):
        return f"{what} is said of the contrary"
    if claim.dim != "count" and all(opposed(sentence, named(q, where)) for q in hits):
        return f"{what} is said of the contrary"
    if _NOW.search(sentence) and all(_BEFORE.match(where, q.end - len(q.unit)) for q in hits):
        return f"{what} is what it was before"
    if claim.dim == "count" and all(_contrary(q, sentence, where) for q in hits):
        return f"{what} is said of the contrary"
    noun = stems(claim.unit) if claim.dim == "count" else set()
    if any(noun & stems(re.split("[,;()]", where[q.start :], maxsplit=1)[0][:40]) for q in hits):
        return ""  # "3 of 12 partitions"
    rest = [q for q in alike if not low <= q.value <= high]
    return f"{what} is said of something else" if misplaced(hits, rest, sentence, where) else ""


def _contrary(number: Quantity, sentence: str, text: str) -> bool:
    """Whether the word right behind a number, as in "2 of 9 ready", is the contrary of what is said."""
    found = _BEHIND.match(text, number.start)
    behind = found[1] if found else None
    return behind is not None and opposed(sentence, behind)


_NOW = re.compile(
    r"\b(?:now|still|currently|at present)\b(?!.*\b(?:from|instead|used to|before|was)\b)", re.I
)
_BEFORE = re.compile(r"\S*\s*(?:->|→)")
_BEHIND = re.compile(r"\d+\s*(?:(?:/|of|out of)\s*\d+)?\s*([a-z]+)?")
