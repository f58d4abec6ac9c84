"""Is what a sentence is about what its evidence is about?"""

from __future__ import annotations

import re
from collections.abc import Collection

from copilot.model.scope import ObjectRef


def elsewhere(
    sentence: str,
    objects: Collection[ObjectRef],
    text: str,
    scope: Collection[ObjectRef],
    evidence: str = "",
    command: str = "",
    lines: str = "",
) -> list[ObjectRef]:
    """Return the `objects` that a sentence names and the cited text does not, though it names another.

    The same where the `lines` with its quotes name another of their kind, and none of them. What a sentence is about but does not name is not held against it.
    """
    found: list[ObjectRef] = []
    told = [ref for ref in scope if names(lines, ref)]
    if told and not any(names(lines, ref) or ref.name in command for ref in objects):
        found = [
            ref
            for ref in objects
            if names(sentence, ref)
            and any(other.kind == ref.kind for other in told)
            and not any(names(sentence, other) for other in told)
        ]
        if found:
            return found
    if any(names(text, ref, loose=True) and not _another(sentence, text, ref) for ref in objects):
        return found
    if any(_shortened(ref.name, text) for ref in objects):
        return found
    parts = [part for part in lines.splitlines() if part.strip()]
    rows = [row for row in text.splitlines() if any(part in row for part in parts)]
    place = "\n".join(rows) or text
    others = [ref for ref in scope if ref not in objects and names(place, ref)]
    if any(_linked(ref, others, evidence) for ref in objects):
        return found
    if any(_spoken(sentence, other) for other in others):
        return found
    for ref in objects:
        # What is to be done to an object may rest on what is seen of another.
        said = _speaks_of(sentence, ref) and ref.name not in command
        if (said and not names(text, ref, loose=True) and (others or ref.kind == "Pod")) or (
            said and _another(sentence, text, ref)
        ):
            found.append(ref)
    return found


def _spoken(sentence: str, ref: ObjectRef) -> bool:
    """Whether a sentence names an object in the singular: "the template" of "templates"."""
    name = ref.name.removesuffix("s")
    if name == ref.name or len(name) < 4:
        return False
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", sentence, re.I) is not None


def _shortened(name: str, text: str) -> bool:
    """Whether a text names an object in a shorter way: crdb-3 for cockroachdb-3, web-0..4 for web-2."""
    head, _, last = name.rpartition("-")
    if not head or not last.isdigit():
        return False
    short = re.search(rf"\b{re.escape(head[0])}[a-z]*-{last}\b", text, re.I)
    spread = re.search(rf"\b{re.escape(head)}-\d+\.\.\d+", text, re.I)
    return bool(short or spread)


def _linked(ref: ObjectRef, others: Collection[ObjectRef], evidence: str) -> bool:
    """Whether evidence says that an object runs on, or belongs to, one that the text tells of."""
    return any(
        names(part, ref) and names(part, other)
        for part in re.split(r"[\n;,]", evidence)
        for other in others
        if {ref.kind, other.kind} in _TOGETHER
    )


_TOGETHER = ({"Pod", "Node"},)


def _speaks_of(sentence: str, ref: ObjectRef) -> bool:
    """Whether a sentence names an object, or all of its kind and a part of its name."""
    if names(sentence, ref, loose=True):
        return True
    parts = [part for part in re.split(r"[-_.]", ref.name) if len(part) > 3]
    kind = re.search(rf"\b{ref.kind}s?\b", sentence) is not None
    said = sum(re.search(rf"\b{re.escape(p)}s?\b", sentence, re.I) is not None for p in parts)
    return len(parts) > 1 and (said == len(parts) or (kind and said > 0))


def _another(sentence: str, text: str, ref: ObjectRef) -> bool:
    """Whether the sentence says "the Deployment X" and the text tells of another Deployment only."""
    kind, name = ref.kind, re.escape(ref.name)
    qualified = re.search(rf"\b{kind} {name}\b|\b{name} {kind}\b", sentence, re.I)
    told = re.findall(rf"\b{kind}s?[ /]+(?:[\w-]+/)?([a-z0-9][\w.-]*)", text, re.I)
    return bool(qualified and told) and all(other.rstrip(".,:;") != ref.name for other in told)


def names(text: str, ref: ObjectRef, *, loose: bool = False) -> bool:
    """Whether a text names an object, or one of its pods; `loose`: whatever its capitals and marks."""
    name = re.escape(ref.name)
    if loose:
        name = re.sub(r"\\[-_.]", "[-_. ]?", name)
    flags = re.IGNORECASE if loose else 0
    return re.search(rf"(?<![A-Za-z0-9.]){name}(?![A-Za-z0-9])", text, flags) is not None
