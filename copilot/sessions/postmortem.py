"""A draft of the postmortem, from what is stored of a session.

Its front matter is that of a past incident: once a person has read and completed it,
`incident-copilot index add` makes it part of the team's memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import yaml

from copilot.model.diagnosis import Diagnosis
from copilot.model.events import (
    ActionFinished,
    ActionProgress,
    ApprovalGiven,
    ApprovalNeeded,
    DiagnosisReady,
    Event,
    QuestionAsked,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What happened, picked out of the stream."""

    diagnosis: Diagnosis
    timeline: tuple[tuple[datetime, str], ...]
    fix: str
    verified: bool


def postmortem(stream: Sequence[tuple[datetime, Event]]) -> str:
    """Return the draft as Markdown, "" when the stream holds no diagnosis of an incident."""
    draft = _pick(stream)
    if draft is None or not draft.diagnosis.root_causes:
        return ""
    diagnosis, cause = draft.diagnosis, draft.diagnosis.root_causes[0]
    evidence = {e.id: e for e in diagnosis.evidence}
    front = {
        "kind": "incident",
        "title": diagnosis.summary,
        "date": draft.timeline[0][0].date().isoformat(),
        "services": [cause.object.name],
        "cause": cause.cause,
        "fix": draft.fix or "(not yet)",
        "held": "unknown",
        "status": "resolved" if draft.verified else "open",
    }
    lines = ["---", yaml.safe_dump(front, sort_keys=False, allow_unicode=True).strip(), "---", ""]
    lines += [f"# {diagnosis.summary}", "", "_Draft. Complete what only people know._", ""]
    lines += ["## Timeline (UTC)", ""]
    lines += [f"- {at:%H:%M:%S} {text}" for at, text in draft.timeline]
    lines += ["", "## Root cause", "", f"{cause.summary} (`{cause.cause}` on {cause.object})", ""]
    for number, step in enumerate(cause.chain, 1):
        lines.append(f"{number}. {step.text} {' '.join(f'[{i}]' for i in step.evidence)}".rstrip())
    lines += ["", "## What we saw", ""]
    for id in cause.evidence:
        if id in evidence:
            quoted = " ".join(evidence[id].excerpt.split())[:240]
            lines += [f"- `{evidence[id].query}` [{id}]", f"  > {quoted}"]
    lines += ["", "## What fixed it", "", draft.fix or "(not yet fixed)", ""]
    lines += ["## Has it happened before", ""]
    lines += [f"- {s.id} {s.title} ({s.date}): {s.fix}" for s in diagnosis.similar_incidents] or [
        "- not that we know of"
    ]
    lines += ["", "## Impact", "", "- (who noticed, what did not work, for how long)", ""]
    lines += [
        "## Follow-ups",
        "",
        "- [ ] How did this change get in, and what would have caught it?",
    ]
    lines += ["- [ ] Did the fix hold after a day, after a week?"]
    return "\n".join(lines) + "\n"


def _pick(stream: Sequence[tuple[datetime, Event]]) -> Draft | None:
    diagnosis: Diagnosis | None = None
    timeline: list[tuple[datetime, str]] = []
    fix, verified, offered = "", False, ""
    for at, event in stream:
        match event:
            case QuestionAsked(text):
                timeline.append((at, f"asked: {text or 'what is wrong?'}"))
            case DiagnosisReady(found) if found.root_causes:
                diagnosis = found
                timeline += [
                    (finding.onset, finding.summary)
                    for finding in found.findings
                    if finding.onset is not None
                ]
                timeline.append((at, f"diagnosis: {found.summary}"))
            case ApprovalNeeded(mitigation=mitigation):
                offered = mitigation.title
            case ApprovalGiven(approved=approved, by=by):
                timeline.append((at, f"{'approved' if approved else 'declined'} by {by}"))
            case ActionProgress(stage=stage, detail=detail) if stage != "dry run":
                timeline.append((at, f"{stage}: {detail}"))
            case ActionFinished(verified=good):
                verified, fix = good, offered if good else ""
            case _:
                pass
    return (
        Draft(diagnosis, tuple(sorted(timeline, key=lambda entry: entry[0])), fix, verified)
        if diagnosis
        else None
    )
