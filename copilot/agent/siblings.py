"""Objects that are called alike: whether a sentence tells of one what its evidence tells of another.

"shard-2", "shard-3"; "cart-6f9-abcde", "cart-6f9-fghij"; "tracks.new", "tracks.old": names that share all but their last part.
A person or a model that mixes objects up takes one of these for the other, more often than not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

_NAME = re.compile(r"(?<![\w./:@-])[a-z][a-z0-9_]*(?:[-.][a-z0-9_]+)+(?![\w-])(?!\.[a-z])", re.I)
_POD = re.compile(r"^[a-z0-9-]+?-[a-z0-9]*\d[a-z0-9]*-[a-z0-9]{4,5}$")
_CLOCK = re.compile(r"(?<![\d:])\d{1,2}:\d\d:\d\d")
# A sentence that sets one thing against another may rest on either.
_AGAINST = re.compile(
    r"\b(?:than|unlike|whereas|while|instead|rather|compared|comparison|other|others|both|and not|but not|but|though|although|another|against|"
    r"too|also|as well|until|between|neither|nor|next|similar\w*)\b",
    re.I,
)


@lru_cache(maxsize=4096)
def _names(text: str) -> frozenset[str]:
    found = {m.group().casefold() for m in _NAME.finditer(text)}
    hosts = {name.partition(".")[0] for name in found if "-" in name.partition(".")[0]}
    return frozenset(found | hosts)


def _family(name: str) -> tuple[str, ...]:
    return tuple(re.split(r"[-.]", name))


def _alike(one: str, other: str) -> bool:
    """Whether two names differ in their last part only."""
    a, b = _family(one), _family(other)
    if one == other or len(a) != len(b) or a[0] != b[0]:
        return False
    if _POD.match(one) and _POD.match(other):
        return a[:-2] == b[:-2]
    return a[:-1] == b[:-1] and _shape(a[-1]) == _shape(b[-1])


def _shape(part: str) -> str:
    return "d" if any(c.isdigit() for c in part) else "w"


def mixed_up(
    sentence: str,
    quoted: Sequence[str],
    lines: Sequence[str],
    cited: Iterable[str],
    everything: Iterable[str],
) -> list[str]:
    """Return why names of a sentence are those of other objects than its evidence is about; () of what nothing tells."""
    text = re.sub(r"`[^`]*`", " ", sentence)
    named = _names(text)
    known = frozenset().union(*map(_names, everything)) if named else frozenset[str]()
    found = []
    for name in sorted(named):
        siblings = {other for other in known if _alike(name, other)}
        if name not in known:
            if siblings and any(c.isdigit() for c in name) and not _within(name, everything):
                found.append(f"nothing names {name}")
            continue
        if _AGAINST.search(text):
            continue
        for place in ("\n".join(quoted), "\n".join(lines)):
            there = _names(place)
            if name in there or _within(name, (place,)):
                break
            if re.search(r"\d\.\.\d", place):
                break
            if re.search(rf"(?<![\w.:-]){re.escape(_family(name)[-1])}(?![\w.:-])", place):
                break
            others = {o for o in there if _alike(name, o) or (_POD.match(name) and _POD.match(o))}
            if others and not any(_within(o, (text,)) for o in others):
                found.append(f"the cited evidence is about {min(others)}, not {name}")
                break
        found += _timed(name, siblings, text, cited)
    return found


def misdirected(sentence: str, command: str, scope: Iterable[str]) -> str:
    """Return what a sentence names where the `command` that it recommends changes another object only, else ""."""
    text, line = sentence.casefold(), command.casefold()
    spoken = _names(sentence)
    if any(name in line for name in spoken):
        return ""
    for name in sorted(spoken):
        if any(_alike(name, other) for other in _names(command)):
            return name
    told = [
        n for n in scope if len(n) > 2 and re.search(rf"(?<![\w./-]){re.escape(n)}(?![\w/-])", text)
    ]
    done = [n for n in scope if re.search(rf"(?<![\w.-]){re.escape(n)}(?![\w.-])", line)]
    if told and done and not any(n in line for n in told) and not any(n in text for n in done):
        return told[0]
    return ""


def _within(name: str, texts: Iterable[str]) -> bool:
    return any(name in text.casefold() for text in texts)


def _timed(name: str, siblings: set[str], text: str, cited: Iterable[str]) -> list[str]:
    """A time of day that only entries of another object have."""
    rows = [line.casefold() for part in cited for line in part.splitlines()]
    for time in _CLOCK.findall(text):
        there = [row for row in rows if time in row]
        if there and not any(name in row for row in there):
            for other in sorted(siblings):
                if all(other in row for row in there) and other not in text.casefold():
                    return [f"{time} is told of {other}"]
    return []
