"""What a diagnosis says about a question, without a model: short texts from its parts."""

from __future__ import annotations

from copilot.agent.briefing import by_weight
from copilot.agent.claims import citations
from copilot.agent.intents import Intent
from copilot.agent.memory import Memory
from copilot.agent.render import citing, code, distinct, evidence_markdown, similar_markdown, title
from copilot.model.action import Mitigation, Risk
from copilot.model.diagnosis import Diagnosis, Verdict
from copilot.model.evidence import Source

NO_MODEL = "(Answered from the stored diagnosis, without a model.)"

_RISKS = {
    Risk.LOW: "users should not notice it",
    Risk.MEDIUM: "users may notice a brief disturbance",
    Risk.HIGH: "it can cause an outage",
}


def follow_up(intent: Intent, question: str, d: Diagnosis, memory: Memory) -> str:
    """Return the answer to a question about what is known, in Markdown."""
    match intent:
        case Intent.WHY:
            text = _why(d)
        case Intent.EVIDENCE:
            text = _evidence(question, d, memory)
        case Intent.LOGS:
            text = _of_source(
                d, memory, (Source.LOGS,), "No logs are among the evidence gathered so far."
            )
        case Intent.CHANGES:
            text = _changes(d, memory)
        case Intent.SIMILAR:
            text = _similar(d)
        case Intent.FIX:
            text = _fix(d)
        case Intent.SAFE:
            text = _safe(d)
        case _:
            text = _hand_over(d, memory)
    return f"{text}\n\n{NO_MODEL}\n"


def _why(d: Diagnosis) -> str:
    if not d.root_causes:
        return f"No cause was found: {d.summary}"
    lines = []
    for cause in d.root_causes[:3]:
        lines.append(
            f"- **{cause.object}**: {title(cause)} ({cause.confidence:.0%}). {cause.summary}"
        )
        lines[-1] += citing(tuple(i for i in cause.evidence if i not in cause.summary))
        lines += [f"  - {step.text}{citing(step.evidence)}" for step in cause.chain]
    return "\n".join(lines)


def _evidence(question: str, d: Diagnosis, memory: Memory) -> str:
    asked = [memory.evidence[i] for i in citations(question) if i in memory.evidence]
    pieces = asked or by_weight(d)[:8]
    if not pieces:
        return "No evidence is stored yet."
    return "\n".join(map(evidence_markdown, pieces))


def _of_source(d: Diagnosis, memory: Memory, sources: tuple[Source, ...], none: str) -> str:
    known = {piece.id: piece for piece in d.evidence} | memory.evidence
    pieces = [piece for piece in known.values() if piece.source in sources]
    return "\n".join(map(evidence_markdown, pieces[-6:])) or none


def _changes(d: Diagnosis, memory: Memory) -> str:
    window = d.scope.window
    none = (
        f"No change was seen between {window.baseline_start:%H:%M} and {window.end:%H:%M} UTC."
        " That is no proof that there was none: changes outside the cluster are not seen."
    )
    return _of_source(d, memory, (Source.CHANGES,), none)


def _similar(d: Diagnosis) -> str:
    if not d.similar_incidents:
        return "No similar past incident is known."
    return "\n".join(map(similar_markdown, d.similar_incidents[:3]))


def _fix(d: Diagnosis) -> str:
    if d.verdict is Verdict.HEALTHY:
        return "Nothing was found that needs a fix."
    if not d.mitigations:
        text = "No fix is proposed, because the cause is not certain enough."
        return f"{text} What would decide: {d.next_observation}" if d.next_observation else text
    return "\n".join(f"{n}. {_mitigation(m)}" for n, m in enumerate(distinct(d.mitigations)[:4], 1))


def _mitigation(m: Mitigation) -> str:
    text = f"**{m.title}**{citing(m.evidence)}"
    if m.kubectl:
        text += f"\n   Command: {code(m.kubectl)}"
    return text + ("" if m.automatic else "\n   Only a person can do this.")


def _safe(d: Diagnosis) -> str:
    if not d.mitigations:
        return "No fix is proposed, so there is nothing to judge."
    lines = []
    for m in distinct(d.mitigations)[:4]:
        lines.append(f"- **{m.title}**: risk {m.risk.value}, {_RISKS[m.risk]}.")
        lines.append(f"  Undo: {m.undo or 'not known'}")
        if m.expected:
            lines.append(f"  Afterwards: {m.expected}")
    lines += [
        "",
        "Before anything is applied it is tried as a server-side dry run and needs an approval; "
        "afterwards the symptom is checked, and the change is undone if it stays.",
    ]
    return "\n".join(lines)


def _hand_over(d: Diagnosis, memory: Memory) -> str:
    window = d.scope.window
    top = d.root_causes[0] if d.root_causes else None
    lines = [
        f"**Hand-over, {window.end:%Y-%m-%d %H:%M} UTC**",
        f"- Where: {', '.join(d.scope.namespaces)} in {d.scope.cluster}",
        f"- Verdict: {d.verdict.value}. {d.summary}",
    ]
    if top:
        cause = f"- Cause: {top.object}, {title(top)} ({top.confidence:.0%})"
        lines.append(cause + citing(top.evidence))
    since = min((f.onset for f in d.findings if f.onset), default=None)
    if since:
        lines.append(f"- Since: {since:%H:%M:%S} UTC")
    lines += [f"- Done: {item}" for item in memory.done] or ["- Done: nothing was changed"]
    if d.mitigations:
        lines.append(f"- Proposed: {'; '.join(m.title for m in distinct(d.mitigations)[:3])}")
    if d.next_observation:
        lines.append(f"- Open: {d.next_observation}")
    return "\n".join(lines)
