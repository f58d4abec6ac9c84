"""Does the evidence say what a claim says? The part of the grounding check that reads its words.

A claim is supported when its quotes are in the evidence that they name, its numbers and times follow
from that evidence, what it is about is what the evidence is about, it tells of nothing that the evidence
does not tell of, and its command could be allowed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from copilot.agent import commands
from copilot.agent.concepts import foreign
from copilot.agent.derived import contradicts, follows, row_follows
from copilot.agent.quantities import claimed, days, instants, occurs, rows
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
    found += numbers(claim.text, text, nearby, everything)
    found += [f"{ref} is not in scope" for ref in claim.objects if scope and ref not in scope]
    found += [f"the cited evidence is not about {ref}" for ref in elsewhere(claim, text, scope)]
    found += [f"nothing cited tells of {what}" for what in foreign(claim.text, text)]
    if claim.command:
        spaces = {ref.namespace for ref in scope if ref.namespace}
        if why := commands.problem(claim.command, spaces, scope):
            found.append(f"{claim.command}: {why}")
    return tuple(dict.fromkeys(found))


def numbers(sentence: str, text: str, nearby: str = "", everything: str = "") -> list[str]:
    """Return the numbers and times of a sentence that do not follow from a text.

    A measure with its unit may also stand in `nearby` evidence about the same object.
    """
    found = [
        f"the number {quantity.text} is not in the cited evidence"
        for quantity in claimed(sentence)
        if (
            not occurs(quantity, text)
            and not follows(quantity, sentence, text, everything)
            and not (quantity.family in ("bytes", "time") and occurs(quantity, nearby))
        )
        or contradicts(quantity, sentence, text)
    ]
    told = days(text)
    # A day more or less is a matter of the time zone.
    found += [
        "the date is not in the cited evidence"
        for day in days(sentence)
        if told and all(abs(day - other) > 1 for other in told)
    ]
    found += [
        f"{part} {word} {whole} does not follow from the cited evidence"
        for part, word, whole in rows(sentence)
        if not row_follows(part, word, whole, sentence, text)
    ]
    seen = instants(text)
    local = _ZONE.search(sentence) is not None
    found += [
        f"the time {time} is not in the cited evidence"
        for time in instants(sentence)
        if not any(_same_time(time, other, local=local) for other in seen)
    ]
    return found


_ZONE = re.compile(
    r"\b(?:(?:summer|winter|local|standard|daylight) time|CES?T|E[SD]T|P[SD]T|BST|IST|JST)\b"
)


def _same_time(said: str, seen: str, *, local: bool) -> bool:
    if seen.startswith(said):
        return True
    # In another zone the hours differ, and the minutes do not.
    return local and seen.split(":")[1:][: len(said.split(":")) - 1] == said.split(":")[1:]


def elsewhere(claim: Claim, text: str, scope: Collection[ObjectRef]) -> list[ObjectRef]:
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
    for ref in claim.objects:
        # What is to be done to an object may rest on what is seen of another.
        said = names(claim.text, ref, loose=True) and ref.name not in claim.command
        if (said and not names(text, ref, loose=True) and (others or ref.kind == "Pod")) or (
            said and _another(claim.text, text, ref)
        ):
            found.append(ref)
    return found


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
