"""Does the evidence say what a claim says? The part of the grounding check that reads its words.

Only what the evidence contradicts is held against a claim: a quote that is not where it is said to be, another
number than the one quoted, another object, an act that nothing records, a command that policy could never
allow. What merely follows or sums up is an inference, and is told as one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from copilot.agent import commands
from copilot.agent.basis import Basis
from copilot.agent.clocks import said_times, unsupported_times, wrong_order
from copilot.agent.conditions import contrary
from copilot.agent.dates import days, wrong_day
from copilot.agent.events import untold
from copilot.agent.numbers import judged
from copilot.agent.objects import elsewhere
from copilot.agent.quoting import contains
from copilot.agent.siblings import misdirected, mixed_up
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import ObjectRef


class Verdict(StrEnum):
    """What became of a claim: the evidence shows it, it goes beyond what can be checked, or it is contradicted."""

    VERIFIED = "verified"
    INFERRED = "inferred"
    CONTRADICTED = "contradicted"


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


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a claim, and why when it is contradicted."""

    verdict: Verdict
    why: tuple[str, ...] = ()


def judge(
    claim: Claim, evidence: Mapping[str, Evidence], scope: Collection[ObjectRef] = ()
) -> Judgement:
    """Say whether a claim holds against the evidence that it quotes."""
    why = [f"there is no evidence {q.evidence}" for q in claim.quotes if q.evidence not in evidence]
    cited = {q.evidence: evidence[q.evidence] for q in claim.quotes if q.evidence in evidence}
    if not cited:
        why.append("it cites no evidence")
    for quote in claim.quotes:
        if quote.evidence in cited and not contains(cited[quote.evidence].text, quote.text):
            why.append(f'{quote.evidence} does not contain "{quote.text}"')
    basis = Basis.of(
        [quote.text for quote in claim.quotes if quote.evidence in cited],
        [f"{piece.query}\n{piece.text}" for piece in cited.values()],
        [piece.text for piece in evidence.values()],
        changes=any(piece.source is Source.CHANGES for piece in cited.values()),
    )
    said = words(claim.text, basis, recommends=bool(claim.command))
    why += said.why
    text, everything = "\n".join(basis.cited), "\n".join(basis.everything)
    why += [f"{ref} is not in scope" for ref in claim.objects if scope and ref not in scope]
    why += [
        f"the cited evidence is not about {ref}"
        for ref in elsewhere(
            claim.text,
            claim.objects,
            text,
            scope,
            everything,
            claim.command,
            "\n".join(basis.lines),
        )
    ]
    if claim.command:
        spaces = {ref.namespace for ref in scope if ref.namespace}
        if problem := commands.problem(claim.command, spaces, scope, everything):
            why.append(f"{claim.command}: {problem}")
        kinds = {ref.kind for ref in claim.objects}
        names = [ref.name for ref in scope if ref.kind in kinds]
        if spoken := misdirected(claim.text, claim.command, names):
            why.append(f"{claim.command}: the sentence speaks of {spoken}")
    if why:
        return Judgement(Verdict.CONTRADICTED, tuple(dict.fromkeys(why)))
    return said


def words(sentence: str, basis: Basis, *, recommends: bool = False) -> Judgement:
    """Judge what a sentence says by itself: its numbers, days, times, their order, and what it tells as done.

    What it `recommends` need not have been done, and may name other numbers.
    """
    numbers = judged(sentence, basis)
    why = [] if recommends else list(numbers.wrong)
    text, quoted = "\n".join(basis.cited), "\n".join(basis.quoted)
    # What is quoted is what the sentence rests on: its days come before others of that text.
    if wrong_day(sentence, quoted if days(quoted) else text):
        why.append("the date is not in the cited evidence")
    if not recommends:
        why += mixed_up(sentence, basis.quoted, basis.lines, basis.cited, basis.everything)
    if not recommends:
        lasting = basis.line.of_dim("time")
        everything = "\n".join(basis.everything)
        why += [
            f"the time {time} is not in the cited evidence"
            for time in unsupported_times(sentence, text, quoted, everything, lasting)
        ]
    if wrong_order(sentence, basis.placed):
        why.append("it happened in another order")
    if said := contrary(sentence, quoted):
        why.append(f'what is quoted shows the contrary of "{said}"')
    if not recommends:
        lines, everything = "\n".join(basis.lines) or text, "\n".join(basis.everything)
        # A number that what is quoted gives vouches for the sentence, however it words what happened.
        vouched = numbers.quoted > 0
        why += [
            f"no evidence tells of {what}"
            for what in untold(
                sentence, quoted or text, lines, everything, changes=basis.changes, vouched=vouched
            )
        ]
    if why:
        return Judgement(Verdict.CONTRADICTED, tuple(dict.fromkeys(why)))
    shown = numbers.quoted or numbers.seen or said_times(sentence) or basis.placed
    return Judgement(Verdict.VERIFIED if shown and not numbers.unknown else Verdict.INFERRED)
