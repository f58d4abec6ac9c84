"""What a model is told first: the engine's diagnosis with its evidence, within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from copilot.agent.claims import citations
from copilot.agent.prompts import render
from copilot.agent.tokens import clip, estimate
from copilot.model.diagnosis import Diagnosis, Severity
from copilot.model.evidence import Evidence

_WEIGHT = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


def briefing(diagnosis: Diagnosis, tokens: int) -> str:
    """Return the findings, the evidence, similar incidents and runbooks in at most `tokens`.

    The evidence behind the first causes comes first; what has no room is left out from the end,
    long excerpts before whole pieces.
    """
    for excerpt, pieces, findings in (
        (220, 16, 24),
        (150, 12, 16),
        (100, 8, 10),
        (60, 5, 6),
        (40, 2, 3),
    ):
        text = _render(diagnosis, excerpt, pieces, findings)
        if estimate(text) <= tokens:
            return text
    return clip(text, tokens)


def _render(diagnosis: Diagnosis, excerpt: int, pieces: int, findings: int) -> str:
    ordered = sorted(diagnosis.findings, key=lambda finding: _WEIGHT[finding.severity])
    return render(
        "findings",
        d=diagnosis,
        scope=diagnosis.scope,
        causes=diagnosis.root_causes[:5],
        findings=ordered[:findings],
        findings_left_out=max(0, len(ordered) - findings),
        evidence=[
            replace(piece, excerpt=_quotation(piece, excerpt))
            for piece in _different(by_weight(diagnosis))[:pieces]
        ],
        similar=diagnosis.similar_incidents[: 3 if pieces > 5 else 1],
        runbooks=[
            replace(passage, text=clip(passage.text, excerpt * 2))
            for passage in diagnosis.runbooks[: 2 if pieces > 5 else 0]
        ],
    )


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


def _quotation(piece: Evidence, tokens: int) -> str:
    """Return as much of a piece of evidence as has room, around its excerpt."""
    if estimate(piece.text) <= tokens:
        return piece.text
    start = piece.text.find(piece.excerpt)
    # An excerpt from the beginning may be a mere headline; one from the middle was chosen.
    return clip(piece.text if start == 0 else piece.excerpt, tokens)
