"""What a model is told first: the engine's diagnosis with its evidence, within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from copilot.agent.claims import citations, from_quote
from copilot.agent.prompts import render
from copilot.agent.tokens import clip, estimate
from copilot.model.diagnosis import Diagnosis, Finding, RootCause, Severity, Step, Verdict
from copilot.model.evidence import Evidence, Source

_WEIGHT = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_METRICS = 3
_LOG_TOKENS = 110
"""Logs decide: a line of theirs is kept whole where a manifest is shortened."""


def briefing(diagnosis: Diagnosis, tokens: int, *, earlier: bool = False) -> str:
    """Return the findings, the evidence, similar incidents and runbooks in at most `tokens`.

    The evidence behind the first causes comes first; what has no room is left out from the end,
    long excerpts before whole pieces. `earlier` says that time has passed since.
    """
    for excerpt, pieces, findings in (
        (220, 16, 24),
        (150, 12, 18),
        (100, 10, 14),
        (70, 8, 10),
        (50, 5, 6),
        (40, 2, 3),
    ):
        text = _render(diagnosis, excerpt, pieces, findings, earlier=earlier)
        if estimate(text) <= tokens:
            return text
    return clip(text, tokens)


def _render(
    diagnosis: Diagnosis, excerpt: int, pieces: int, findings: int, *, earlier: bool
) -> str:
    causes = diagnosis.root_causes[:5]
    deviations = _deviations(diagnosis)
    shown = deviations[:findings]
    said = " ".join([diagnosis.summary, *(cause.summary for cause in causes)])
    chain = _chain(causes[0], shown) if causes else []
    return render(
        "findings",
        d=diagnosis,
        scope=diagnosis.scope,
        earlier=earlier,
        summary=_summary(diagnosis),
        causes=causes,
        chain=chain,
        deviations=shown,
        chain_covers=any(one.follows for one in shown),
        findings_left_out=max(0, len(deviations) - findings),
        evidence=_by_query(
            [
                replace(piece, excerpt=_quotation(piece, excerpt, said))
                for piece in _decisive(_different(_named(diagnosis)))[:pieces]
            ]
        ),
        similar=diagnosis.similar_incidents[: 3 if pieces > 5 else 1],
        runbooks=[
            replace(passage, text=clip(passage.text, excerpt * 2))
            for passage in diagnosis.runbooks[: 2 if pieces > 5 else 0]
        ],
    )


def _summary(diagnosis: Diagnosis) -> str:
    """Return the summary, "" when the first candidate says the same."""
    first = diagnosis.root_causes[0].summary.rstrip(".") if diagnosis.root_causes else ""
    same = bool(first) and diagnosis.summary.rstrip(".") == first
    return "" if same else diagnosis.summary


@dataclass(frozen=True, slots=True)
class _Deviation:
    """A finding as it is told: `follows` says that the first candidate explains it."""

    severity: str
    place: str
    said: str
    onset: datetime | None
    evidence: tuple[str, ...]
    summary: str
    follows: bool


def _deviations(diagnosis: Diagnosis) -> list[_Deviation]:
    """Return the findings: what weighs most first, and what nothing explains before the rest."""
    chain = diagnosis.root_causes[0].chain if diagnosis.root_causes else ()
    explained = " ".join(step.text for step in chain)
    one = len(diagnosis.scope.namespaces) == 1
    told = []
    for finding in diagnosis.findings:
        follows = finding.summary.rstrip(".") in explained or _is(finding, diagnosis)
        told.append((_WEIGHT[finding.severity], follows, _deviation(finding, follows, one)))
    return [deviation for *_, deviation in sorted(told, key=lambda each: each[:2])]


def _is(finding: Finding, diagnosis: Diagnosis) -> bool:
    """Whether a finding is what the first candidate was concluded from."""
    first = diagnosis.root_causes[0] if diagnosis.root_causes else None
    places = (first.object, *first.also) if first else ()
    return first is not None and finding.object in places and first.cause in finding.supports


def _deviation(finding: Finding, follows: bool, one_namespace: bool) -> _Deviation:
    ref = finding.object
    # The place is named once: what is said of it need not begin with its name again.
    own = f"{ref.kind} {ref.name}"
    said = finding.summary
    if said.startswith((f"{own}:", f"{own} ")):
        said = said.removeprefix(own).lstrip(": ")
    place = f"{ref.kind}/{ref.name}" if one_namespace and ref.namespace else str(ref)
    onset = None if " since " in said else finding.onset
    evidence = finding.evidence
    severity = finding.severity.value
    return _Deviation(severity, place, said, onset, evidence, finding.summary, follows)


def _chain(cause: RootCause, shown: Sequence[_Deviation]) -> list[Step]:
    """Return the steps of a cause that neither it nor a deviation tells already."""
    said = [cause.summary.rstrip("."), *(one.summary.rstrip(".") for one in shown)]
    return [step for step in cause.chain if not any(text in step.text for text in said)]


def by_weight(diagnosis: Diagnosis) -> list[Evidence]:
    """Return a diagnosis' evidence: cited in its summary, its causes, its findings, the rest."""
    order = {i: n for n, i in enumerate(citations(diagnosis.summary))}
    for cause in diagnosis.root_causes:
        for i in (*cause.evidence, *(i for step in cause.chain for i in step.evidence)):
            order.setdefault(i, len(order))
    for finding in sorted(diagnosis.findings, key=lambda finding: _WEIGHT[finding.severity]):
        for i in finding.evidence:
            order.setdefault(i, len(order))
    return sorted(diagnosis.evidence, key=lambda piece: order.get(piece.id, len(order)))


def _different(pieces: Sequence[Evidence]) -> list[Evidence]:
    """Leave out what says the same, to the same query, as a piece before it."""
    return list({(piece.query, piece.excerpt): piece for piece in reversed(pieces)}.values())[::-1]


def _by_query(pieces: Sequence[Evidence]) -> list[Evidence]:
    """Put pieces of one query together, where the first of them stands: it is named once."""
    place: dict[str, int] = {}
    for number, piece in enumerate(pieces):
        place.setdefault(piece.query, number)
    return sorted(pieces, key=lambda piece: place[piece.query])


def _named(diagnosis: Diagnosis) -> list[Evidence]:
    """Return the evidence by weight; of an incident only what something rests on: the rest is lists."""
    pieces = by_weight(diagnosis)
    if diagnosis.verdict is not Verdict.INCIDENT:
        return pieces
    wanted = {*citations(diagnosis.summary)}
    for cause in diagnosis.root_causes:
        wanted |= {*cause.evidence, *(i for step in cause.chain for i in step.evidence)}
    for finding in diagnosis.findings:
        wanted |= {*finding.evidence}
    return [piece for piece in pieces if piece.id in wanted]


def _decisive(pieces: Sequence[Evidence]) -> list[Evidence]:
    """Put metrics behind the rest but for the first few: the deviations have their numbers already."""
    metrics = [piece for piece in pieces if piece.source is Source.METRICS]
    late = {piece.id for piece in metrics[_METRICS:]}
    return sorted(pieces, key=lambda piece: piece.id in late)


def _quotation(piece: Evidence, tokens: int, said: str) -> str:
    """Return as much of a piece of evidence as has room: what `said` quotes, or its excerpt."""
    if piece.source is Source.LOGS:
        tokens = max(tokens, _LOG_TOKENS)
    if estimate(piece.text) <= tokens:
        return piece.text
    if told := from_quote(piece.text, "", said):
        return clip(told, tokens)
    start = piece.text.find(piece.excerpt)
    # An excerpt from the beginning may be a mere headline; one from the middle was chosen.
    return clip(piece.text if start == 0 else piece.excerpt, tokens)
