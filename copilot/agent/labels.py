"""Of what evidence says a number: the words around it, and whether a sentence says it of something else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from copilot.agent.quantities import Quantity

_CUT = re.compile(r"[;,|\n]|\. ")
_MEASURE = re.compile(r"\S*\d\S*(?:\s[A-Za-z%/µ]{1,4}\b)?")
_WORD = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}|\bp\d\d\b|\b\d{1,2}:\d\d\b")
_CLOCK = re.compile(r"\d{1,2}:\d\d")
_PLAIN = frozenset({
    "the", "and", "are", "was", "were", "has", "had", "have", "been", "with", "for", "from", "that", "this", "its",
    "than", "more", "less", "not", "over", "under", "about", "some", "nearly", "almost", "after", "before", "when",
    "while", "which", "of", "in", "at", "to", "by", "on", "or", "an", "is", "it", "as", "no", "be", "per", "all", "out", "now", "only", "into", "onto",
})  # fmt: skip
# Names and words for the same, cut as `stems` does.
_SAME = (
    ("max", "maxi", "limi", "most", "ceil", "hard", "capp", "allo"),
    ("min", "mini", "leas"),
    ("desi", "want", "woul", "wish"),
    ("wait", "queu", "pend"),
    ("p50", "medi"),
    ("used", "usag", "use"),
)
# What is there or goes well, and what is missing or fails.
POLES = (
    (
        r"success\w*|succe\w+|\bok\b|\bgood\b|healthy|\bready\b|available|availability|uptime|\bup\b|\bfine\b|\bhits?\b|running|done",
        r"fail\w*|error\w*|\blost\b|refus\w+|broken|unsuccess\w*|time[sd]? out|timeouts?|\bdead\b|\bdown\b|\bmiss\w*|reject\w*|unavailable"
        r"|\bnot (?:\w+ )?ready|unready|unhealthy|not up|lacks?|lacking|gone|pending|stuck|\bwait\w*|left to do",
    ),
    (r"\bquick\w*|\bfast\w*|\bprompt\w*", r"\bslow\w*|\blate\b|delayed"),
    (
        r"\bused\b|\buses?\b|\bfull\b|\btaken\b|in use|occupied|reserved|consum\w+|allocated|spent",
        r"\bfree\b|\bleft\b|remain\w*|\bspare\b|unused|\bidle\b|available|\broom\b",
    ),
)
_POLES = tuple((re.compile(a, re.I), re.compile(b, re.I)) for a, b in POLES)
REST = re.compile(
    r"\b(?:remain\w*|left|leav\w*|free|rest|spare|unused|idle|others?|available|room)\b", re.I
)


def stems(text: str) -> set[str]:
    """Return the words of a text, cut to what their forms share."""
    found = {word.casefold() for word in _WORD.findall(text)} - _PLAIN
    found = {word if word[-1:].isdigit() else word[:4].rstrip("s") for word in found}
    return found | {group[0] for group in _SAME if found & set(group)}


def label(number: Quantity, text: str, *, after: bool = True) -> str:
    """Return the words that a text says a number of: those before it, and the few behind it.

    In a row such as "p95 10:00 240 ms, 10:15 1.9 s" the later numbers have the first one's name.
    """
    start = number.start
    cuts = [m.end() for m in _CUT.finditer(text, 0, start)]
    own = text[cuts[-1] if cuts else 0 : start]
    # Of several numbers between two commas each has the words since the one before.
    near = re.split(r"(?<![\w:.])\d[\d.]*(?![\w:.])", own)[-1]
    own = near if re.search(r"[A-Za-z]{3,}", near) else own
    before = own
    while cuts and not re.search(r"[A-Za-z]{2,}", _MEASURE.sub(" ", before)):
        end = cuts.pop() - 1
        before = _MEASURE.sub(" ", before)
        before = text[cuts[-1] if cuts else 0 : end]
        if text[end] in "\n;":
            break
    before = _CLOCK.sub(" ", before) if before is not own else before
    clock = _CLOCK.findall(own[-12:])
    behind = re.split(r"[;,()|\n\d]", text[number.end : number.end + 40])[0] if after else ""
    return f"{before} {' '.join(clock)} {behind}"


def opposed(sentence: str, said_of: str) -> bool:
    """Whether one of two texts tells of what is there or goes well, the other only of the contrary."""
    for good, bad in _POLES:
        a, b = (
            bool(good.search(bad.sub(" ", t))) - bool(bad.search(t)) for t in (sentence, said_of)
        )
        if a * b < 0 and not (good.search(bad.sub(" ", sentence)) and bad.search(sentence)):
            return True
    return False


def named(number: Quantity, text: str) -> str:
    """Return the name right before a number, "" when there is none."""
    found = _NAME.search(_CHANGED.sub("", text[max(number.start - 80, 0) : number.start]))
    return (found[1] or "") if found else ""


def poled(text: str) -> bool:
    """Whether a text tells of what is there or goes well, or of the contrary."""
    return any(words.search(text) for pair in _POLES for words in pair)


def _keys(number: Quantity, text: str) -> set[str]:
    """Return the stems of the name right before a number, and the time of day that it is of."""
    before = _CHANGED.sub("", text[max(number.start - 80, 0) : number.start])
    found = _NAME.search(before)
    if not found:
        return set()
    return stems(f"{found[1] or ''} {found[2] or ''}")


_CHANGED = re.compile(r"[\d.,]+\s?\S{0,4}\s*(?:->|→)\s*$")
_NAME = re.compile(
    r"(?:(?<![\w./-])([A-Za-z][\w./-]*)(?:[\s=(]{1,2}|[\"']?:[\s\"']{1,2}))?(?:(\d\d?:\d\d)(?::\d\d)?[ =]+)?$"
)


def _shared(keys: set[str], said: set[str]) -> bool:
    """Whether two sets have a word in common, or one that begins as another: AMS, Amsterdam."""
    return bool(keys & said) or any(
        len(k) > 1 and len(w) > 2 and (w.startswith(k) or (len(k) > 2 and k.startswith(w)))
        for k in keys
        for w in said
    )


def _plain(text: str) -> set[str]:
    return {word for word in stems(text) if ":" not in word and word != "utc"}


def misplaced(
    hits: Iterable[Quantity], others: Iterable[Quantity], sentence: str, text: str
) -> bool:
    """Whether what is said has another name in a text than any that the sentence uses, and another number has one.

    `hits` are the numbers of `text` that are what the sentence says, `others` the rest of their kind. "p99 is
    0.42 s" of "p50 0.42 s, p99 1.36 s" is misplaced, and so is "198 MiB at 14:00" of "13:30 198 MiB, 14:00 249 MiB".
    """
    rows = {text.count("\n", 0, q.start) for q in hits}
    others = [q for q in others if text.count("\n", 0, q.start) in rows]
    said, clocks = stems(sentence), {word for word in stems(sentence) if ":" in word}
    own = [_keys(q, text) for q in hits]
    rest = [_keys(q, text) for q in others]
    if clocks:
        own = [{word for word in keys if ":" in word} or keys for keys in own]
    else:
        own = [{word for word in keys if ":" not in word} for keys in own]
    if not own or not all(own) or any(_shared(keys, said) for keys in own):
        return False
    wide = [_plain(label(q, text)) for q in hits]
    far = [_plain(label(q, text)) for q in others]
    if not any(_shared(keys, said) for keys in wide) and any(len(keys & said) > 1 for keys in far):
        return True
    timed = all(":" in word for keys in own for word in keys)
    rest = [{word for word in keys if (":" in word) == timed} for keys in rest]
    return any(keys & said for keys in rest)


def halves(numbers: Sequence[Quantity], text: str) -> list[float]:
    """What part of both two numbers are of which one counts what went well, the other what did not."""
    if len(numbers) != 2 or not all(q.value and q.dim == "count" for q in numbers):
        return []
    one, two = numbers
    if not opposed(label(one, text, after=False), label(two, text, after=False)):
        return []
    return [q.value / (one.value + two.value) for q in numbers]


def complements(sentence: str, numbers: Iterable[Quantity], text: str) -> list[float]:
    """What is left of the shares that are quoted, where the sentence tells of what is left or of the contrary."""
    return [
        1 - q.value
        for q in numbers
        if q.dim == "share"
        and (
            REST.search(sentence)
            or opposed(sentence, label(q, text))
            or (poled(sentence) and not poled(label(q, text)))
        )
    ]
