"""The words by which a sentence says what its numbers are: an amount of change, a total, a rest, a rate, a supposition."""

from __future__ import annotations

import re

from copilot.agent.quantities import ABOUT, NEARLY, Quantity

GAP = re.compile(
    r"^\S*\s+(?:or so |too )?(?:before|after|later|earlier|ahead|behind|ago|apart|between|from|since|until|of each other|into)\b"
    r"|^\S*\s+(?:lie|lay|passed|went by|had passed)\b",
    re.I,
)


BY = re.compile(
    r"(?<!\blags )(?<!\blagging )(?<!\bbehind )\b(?:by|(?:a |an )?(?:decline|increase|drop|rise|gain|growth|reduction|fall|cut|loss|jump) of) (?:(?:about|some|roughly|over|more than|nearly|almost|around|a good|another|only|just|up to|close to) ?)*$",
    re.I,
)


CHANGE = re.compile(
    r"\b(?:by|within|rose|risen|fell|fallen|grew|grown|up|down|dropped|climbed|increas\w*|decreas\w*|reduc\w*|cut|lower\w*|"
    r"rais\w*|more|less|fewer|higher|shr[aiu]nk|slow\w*|fast\w*|longer|short\w*|went|gone|lost|missing|sunk|sank)\b",
    re.I,
)


FALL = re.compile(
    r"\b(?:fell|fallen|falls?|drop\w*|declin\w*|decreas\w*|reduc\w*|lower\w*|cut|shr[aiu]nk\w*|less|fewer|down|lost|loss|sank|sunk|below|shorter|short)\b",
    re.I,
)


RISE = re.compile(
    r"\b(?:rose|risen|rises?|grew|grown|grows?|gr[oa]wth|climb\w*|increas\w*|rais\w*|more|up|jump\w*|gain\w*|higher|longer|above|larger|bigger|slower)\b",
    re.I,
)


_MORE = re.compile(
    r"^(?: [\w-]+){0,3} (?:more|fewer|less|extra|additional|further|(?:(?:was|were|is|are|have been|has been) )?(?:lost|missing|gone)(?! (?:from|in|on)\b))\b",
    re.I,
)


_LACK = re.compile(
    r"\b(?:lacks?|lacking|lost|loses|misses|short (?:of|by)) (?:about |some |only |just )?$", re.I
)


SUPPOSED = re.compile(
    r"\b(?:by default|default of|typical\w*|usually|recommended|rule of thumb)\b|^\W*(?:\w+ing|with|without|if|take|at (?:this|that))\b.*\b(?:would|could|should|will)\b|\bif\b.*\bwould\b|\bwould\b.*\bif\b|, say\b|\bsay,",
    re.I,
)


LIMIT = re.compile(r"limit|max|hard|quota|capacity|allowed|threshold|watermark|total|of\s*$", re.I)


_FOR = re.compile(
    r"\b(?:in|within|over|after|for|during|every|last|past|took|takes?|lasted|of|than|until|since|another|age|old)\b[\w\s]{0,12}$",
    re.I,
)


def spans(claim: Quantity, text: str) -> bool:
    """Whether a time may be that between two others, where what is quoted has times of its own."""
    before = ABOUT.sub("", NEARLY.sub("", text[: claim.start].rstrip()))
    return bool(GAP.match(text[claim.end :]) or _FOR.search(before))


def as_rate(claim: Quantity, sentence: str) -> tuple[float, ...]:
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


def exact_level(claim: Quantity, text: str) -> bool:
    """Whether a number is said to be where something was or went, in digits: it must be shown, not reckoned."""
    before, after = text[: claim.start], text[claim.end :]
    return not claim.spelled and bool(
        re.search(r"\b(?:from|instead of) $", before)
        or (re.search(r"\bto $", before) and re.search(r"\bfrom \S*\d", before))
        or re.match(r" (?:instead of|to \d)", after)
    )


EACH = re.compile(
    r"\b(?:together|altogether|each|apiece|in all|in total|alone|per|every|times|makes?|that is|i\.e|would|may|need\w*)\b",
    re.I,
)


FAR = re.compile(
    rf"{EACH.pattern}|\b(?:average|mean|pace|speed|rate|at this|both|all|up to|twice|double|alike|evenly|longest|hold|serve|take|want)\w*\b|/s\b",
    re.I,
)


TOTAL = re.compile(
    r"\b(?:(?<!come )(?<!came )together|altogether|in all|in total|all told|combined|sum|cluster-wide|overall)\b",
    re.I,
)


MEAN = re.compile(r"\b(?:average\w*|avg|mean|median|p50)\b", re.I)


TOLD_TOTAL = re.compile(r"\b(?:total|sum|all|overall|of|count)", re.I)


def amount(claim: Quantity, text: str) -> bool:
    """Whether a number is said to be how much something changed, or lacks."""
    before, after = text[: claim.start], text[claim.end - len(claim.unit) - 1 :]
    return claim.dim not in ("share", "ratio", "points") and bool(
        BY.search(before) or _LACK.search(before) or _MORE.match(after)
    )
