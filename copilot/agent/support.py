"""Does the evidence say what a claim says? The part of the grounding check that reads its words.

A claim is supported when its quotes are in the evidence that they name, its numbers and times follow
from that evidence, what it is about is what the evidence is about, it tells of nothing that the evidence
does not tell of, and its command could be allowed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from copilot.agent import commands
from copilot.agent.clocks import unsupported_times, wrong_order
from copilot.agent.concepts import foreign
from copilot.agent.derived import (
    contradicts,
    follows,
    lines_with,
    misplaced,
    opposite,
    row_follows,
    said_otherwise,
)
from copilot.agent.quantities import Quantity, claimed, days, occurs, parts, rows, wrong_day
from copilot.model.evidence import Evidence
from copilot.model.scope import ObjectRef


@dataclass(frozen=True, slots=True)
class Quote:
    """Text that a claim says is in a piece of evidence."""

    evidence: str
    text: str


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence, with what it quotes, what it is about, and the command that it recommends."""

    text: str
    quotes: tuple[Quote, ...] = ()
    objects: tuple[ObjectRef, ...] = ()
    command: str = ""


def unsupported(
    claim: Claim, evidence: Mapping[str, Evidence], scope: Collection[ObjectRef] = ()
) -> tuple[str, ...]:
    """Return why a claim does not hold, () when it does."""
    found = [
        f"there is no evidence {q.evidence}" for q in claim.quotes if q.evidence not in evidence
    ]
    cited = {q.evidence: evidence[q.evidence] for q in claim.quotes if q.evidence in evidence}
    for quote in claim.quotes:
        if quote.evidence in cited and not contains(cited[quote.evidence].text, quote.text):
            found.append(f'{quote.evidence} does not contain "{quote.text}"')
    if not cited:
        found.append("it cites no evidence")
    text = "\n".join(f"{piece.query}\n{piece.text}" for piece in cited.values())
    about = [p for p in evidence.values() if any(names(p.text, ref) for ref in claim.objects)]
    everything = "\n".join(piece.text for piece in evidence.values())
    nearby = "\n".join([text, *(piece.text for piece in about)])
    quoted = "\n".join(quote.text for quote in claim.quotes)
    found += numbers(claim.text, text, nearby, everything, quoted)
    lines = [
        (quote.text, line)
        for quote in claim.quotes
        if quote.evidence in cited
        for line in re.split(r"[\n;]\s*", cited[quote.evidence].text)
        if contains(line, quote.text)
    ]
    if wrong_order(claim.text, lines):
        found.append("it happened in another order")
    found += [f"{ref} is not in scope" for ref in claim.objects if scope and ref not in scope]
    found += [
        f"the cited evidence is not about {ref}"
        for ref in elsewhere(claim, text, scope, everything)
    ]
    found += [f"no evidence tells of {what}" for what in foreign(claim.text, everything)]
    if claim.command:
        spaces = {ref.namespace for ref in scope if ref.namespace}
        if why := commands.problem(claim.command, spaces, scope, everything):
            found.append(f"{claim.command}: {why}")
    return tuple(dict.fromkeys(found))


def numbers(
    sentence: str, text: str, nearby: str = "", everything: str = "", quoted: str = ""
) -> list[str]:
    """Return the numbers and times of a sentence that do not follow from a text.

    A measure with its unit may also stand in `nearby` evidence about the same object; what is `quoted` of
    the text may be reckoned with more freely.
    """
    found = [
        f"the number {quantity.text} is not in the cited evidence"
        for quantity in claimed(sentence)
        if (
            not occurs(quantity, text)
            and not follows(quantity, sentence, quoted, text, everything)
            and not (quantity.family in ("bytes", "time") and occurs(quantity, nearby))
        )
    ]
    found += [
        f"what is quoted says another number than {quantity.text}"
        for quantity in claimed(sentence, small=True)
        if said_otherwise(quantity, sentence, quoted, text, everything)
        or contradicts(quantity, sentence, text)
        or (quantity.family == "share" and _turned(quantity, sentence, quoted, text))
    ]
    of_family = [quantity.family for quantity in claimed(sentence, small=True)]
    found += [
        f"{quantity.text} is said of something else"
        for quantity in claimed(sentence, small=True)
        if of_family.count(quantity.family) == 1 and misplaced(quantity, sentence, text)
    ]
    found += [
        f"{part.text} does not follow from the cited evidence"
        for part in parts(sentence)
        if not occurs(part, text) and not follows(part, sentence, text, text)
    ]
    # What is quoted is what the sentence rests on: its days come before others of that text.
    if wrong_day(sentence, quoted if days(quoted) else text):
        found.append("the date is not in the cited evidence")
    found += [
        f"{part} {word} {whole} does not follow from the cited evidence"
        for part, word, whole in rows(sentence)
        if not row_follows(part, word, whole, sentence, text)
    ]
    found += [
        f"the time {time} is not in the cited evidence"
        for time in unsupported_times(sentence, text)
    ]
    return found


def _turned(quantity: Quantity, sentence: str, quoted: str, text: str) -> bool:
    """Whether the share of what succeeds is said to be that of what fails, or the other way round."""
    return (
        occurs(quantity, quoted)
        and opposite(sentence, lines_with(quoted, text))
        and not occurs(replace(quantity, value=100 - quantity.value), quoted)
    )


def elsewhere(
    claim: Claim, text: str, scope: Collection[ObjectRef], evidence: str = ""
) -> list[ObjectRef]:
    """Return what the claim's sentence names and the text does not, though it names another object.

    What a sentence is about but does not name is not held against it.
    """
    found: list[ObjectRef] = []
    if any(
        names(text, ref, loose=True) and not _another(claim.text, text, ref)
        for ref in claim.objects
    ):
        return found
    others = [ref for ref in scope if ref not in claim.objects and names(text, ref)]
    if any(_linked(ref, others, evidence) for ref in claim.objects):
        return found
    for ref in claim.objects:
        # What is to be done to an object may rest on what is seen of another.
        said = _speaks_of(claim.text, ref) and ref.name not in claim.command
        if (said and not names(text, ref, loose=True) and (others or ref.kind == "Pod")) or (
            said and _another(claim.text, text, ref)
        ):
            found.append(ref)
    return found


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


def contains(text: str, quote: str) -> bool:
    """Whether a text has what is quoted; "…" stands for anything left out."""
    parts = [_plain(part).strip(".,;:") for part in re.split(r"…|\.\.\.", quote)]
    wanted = ".*?".join(map(re.escape, filter(None, parts)))
    return re.search(wanted, _plain(text), re.DOTALL) is not None


def names(text: str, ref: ObjectRef, *, loose: bool = False) -> bool:
    """Whether a text names an object, or one of its pods; `loose`: whatever its capitals and marks."""
    name = re.escape(ref.name)
    if loose:
        name = re.sub(r"\\[-_.]", "[-_. ]?", name)
    flags = re.IGNORECASE if loose else 0
    return re.search(rf"(?<![\w.]){name}(?![\w])", text, flags) is not None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
