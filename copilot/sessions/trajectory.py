"""What happened in a session, step by step: JSON for programs, Markdown for the postmortem."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from copilot.agent.render import code, quoted
from copilot.model.diagnosis import Verdict
from copilot.model.events import (
    ActionFinished,
    ActionProgress,
    AnswerGiven,
    ApprovalGiven,
    ApprovalNeeded,
    BudgetUsed,
    DiagnosisReady,
    Event,
    EvidenceFound,
    FindingReported,
    InvestigationFailed,
    InvestigationStarted,
    Notice,
    QuestionAsked,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from copilot.sessions.codec import encode

SCHEMA_VERSION = "1"


def trajectory(session: str, stream: Sequence[tuple[datetime, Event]]) -> dict[str, Any]:
    """Return a session as JSON data: its evidence once, its events in order, without text deltas."""
    evidence = {
        e.evidence.id: {
            "source": e.evidence.source.value,
            "query": e.evidence.query,
            "excerpt": e.evidence.excerpt,
            "text": e.evidence.text,
        }
        for _, e in stream
        if isinstance(e, EvidenceFound)
    }
    events = [
        {"at": at.isoformat(), "type": event.type, **encode(event)}
        for at, event in stream
        if not isinstance(event, TextDelta)
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "session": session,
        "evidence": evidence,
        "events": events,
    }


def trajectory_markdown(session: str, stream: Sequence[tuple[datetime, Event]]) -> str:
    """Return a session as Markdown, one line for each thing that happened."""
    lines = [f"# Session {session}", ""]
    queries = {e.evidence.id: e.evidence.query for _, e in stream if isinstance(e, EvidenceFound)}
    arguments: dict[str, str] = {}
    for at, event in stream:
        if isinstance(event, ToolStarted):
            arguments[event.call] = event.arguments
        elif text := _line(event, queries, arguments):
            lines.append(f"- {at:%H:%M:%S} {text}")
        if isinstance(event, AnswerGiven):
            lines += ["", *[f"  > {line}".rstrip() for line in event.text.strip().splitlines()], ""]
    return "\n".join(lines) + "\n"


def _line(event: Event, queries: dict[str, str], arguments: dict[str, str]) -> str:
    match event:
        case QuestionAsked(text=text, user=user):
            return f"**{user or 'someone'} asked:** {text or 'what is wrong?'}"
        case InvestigationStarted(scope=scope):
            return f"looked at {', '.join(scope.namespaces)} in {scope.cluster}"
        case ToolFinished(call=call, tool=tool, ok=ok, seconds=seconds, text=text, evidence=ids):
            said = f"called {code(f'{tool} {arguments.get(call, chr(123) + chr(125))}')} ({seconds:.1f} s)"
            if not ok:
                return f"{said}: failed: {_first(text)}"
            cited = "; ".join(f"[{i}] {code(queries.get(i, ''))}" for i in ids[:3])
            return f"{said}: {cited}" if cited else said
        case FindingReported(finding=finding):
            return f"saw {finding.object}: {finding.summary}"
        case BudgetUsed(step=step, state=state, tokens=tokens):
            return f"asked the model, step {step} ({state}), {tokens:,} tokens so far"
        case Notice(text=text):
            return f"_{text}_"
        case DiagnosisReady(diagnosis=found):
            top = found.root_causes[0] if found.root_causes else None
            named = top is not None and found.verdict is not Verdict.HEALTHY
            what = f": {top.object}, {top.cause} ({top.confidence:.0%})" if top and named else ""
            return f"**{found.verdict.value}**{what}, by {found.author}"
        case AnswerGiven(author=author):
            return f"answered by {author}:"
        case ApprovalNeeded(mitigation=mitigation, diff=diff):
            return f"proposed: {mitigation.title}\n\n{quoted(diff)}\n"
        case ApprovalGiven(approved=approved, by=by):
            return f"**{by or 'someone'} {'approved' if approved else 'declined'}**"
        case ActionProgress(stage=stage, detail=detail):
            return f"{stage}: {detail}"
        case ActionFinished(verified=verified, undone=undone, detail=detail):
            end = "the symptom is gone" if verified else "the symptom stayed"
            return f"**{end}{', undone' if undone else ''}**. {detail}"
        case InvestigationFailed(message=message):
            return f"failed: {message}"
        case _:
            return ""


def _first(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "")
