"""A diagnosis as text for people: the cause and the fix in the first lines, then the proof.

Markdown that reads well in a terminal and in Slack: no tables, no HTML, no nesting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from copilot.agent.briefing import by_weight
from copilot.agent.claims import citations, from_quote
from copilot.model.action import Mitigation
from copilot.model.causes import CAUSES
from copilot.model.diagnosis import Diagnosis, RootCause, SimilarIncident, Verdict
from copilot.model.evidence import Evidence

PICTURE = re.compile(r"!\[([^\]]*)\]\([^)]*\)")
_EXCERPT_LINES = 6
_EXCERPT_CHARACTERS = 600
_QUERY_CHARACTERS = 240
_CITATIONS = 4


def diagnosis_markdown(d: Diagnosis) -> str:
    """Return the whole answer in Markdown."""
    parts = [_root_cause(d), _evidence(d), _similar(d), _what_to_do(d), _looked_at(d)]
    return "\n\n".join(part for part in parts if part) + "\n"


def evidence_markdown(piece: Evidence, said: str = "") -> str:
    """Return one piece of evidence: its id, source and query, and what it says, verbatim.

    Where `said` quotes the piece, the quoted lines are shown, else its excerpt.
    """
    head = f"- [{piece.id}] {piece.source.value}: {code(_shortened(piece.query))}"
    caveats = "".join(f"\n  ({caveat})" for caveat in piece.caveats)
    return f"{head}\n{quoted(_telling(piece, said))}{caveats}"


def _telling(piece: Evidence, said: str) -> str:
    excerpt = "\n".join(piece.excerpt.strip("\n").splitlines()[:_EXCERPT_LINES])
    return from_quote(piece.text, excerpt, said) or piece.excerpt


def similar_markdown(incident: SimilarIncident) -> str:
    """Return one past incident: what it was and what helped."""
    held = {True: "it held", False: "it did not hold", None: "not known whether it held"}
    builtin = " (built-in example)" if incident.builtin else ""
    lines = [f"- **{flat(incident.title)}** ({incident.date}, {incident.id}){builtin}"]
    if incident.cause:
        lines.append(f"  - Cause: {flat(incident.cause)}")
    if incident.fix:
        lines.append(f"  - What fixed it: {flat(incident.fix)} ({held[incident.held]})")
    if incident.why:
        lines.append(f"  - Why similar: {flat(incident.why)}")
    return "\n".join(lines)


def flat(text: str) -> str:
    """Return outside text on one line, without pictures: those call an address when they are shown."""
    return " ".join(PICTURE.sub(r"\1", text).split())


def code(text: str) -> str:
    """Return text in code style on one line, whatever backticks it has."""
    line = " ".join(text.split())
    return f"`` {line} ``" if "`" in line else f"`{line}`"


def quoted(text: str, lines: int = _EXCERPT_LINES, characters: int = _EXCERPT_CHARACTERS) -> str:
    """Return text as a fenced block that it cannot leave, shortened to `lines` and `characters`."""
    whole = text.strip("\n")
    shown = "\n".join(whole.splitlines()[:lines])[:characters]
    if len(shown) < len(whole):
        shown += " …"
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{shown}\n{fence}"


def citing(ids: tuple[str, ...]) -> str:
    """Return evidence ids as citations, with a space before them; "" for none."""
    more = f" and {len(ids) - _CITATIONS} more" if len(ids) > _CITATIONS else ""
    return "".join(f" [{i}]" for i in ids[:_CITATIONS]) + more


def distinct(mitigations: Iterable[Mitigation]) -> list[Mitigation]:
    """Leave out what reads the same as one before it."""
    seen: dict[tuple[str, str], Mitigation] = {}
    for mitigation in mitigations:
        seen.setdefault((mitigation.title, mitigation.kubectl), mitigation)
    return list(seen.values())


def _shortened(query: str) -> str:
    line = " ".join(query.split())
    return line if len(line) <= _QUERY_CHARACTERS else f"{line[:_QUERY_CHARACTERS]}…"


def _root_cause(d: Diagnosis) -> str:
    lines = ["## Root cause", ""]
    top = d.root_causes[0] if d.root_causes else None
    if d.verdict is Verdict.HEALTHY:
        lead = "" if d.summary.startswith("Nothing is wrong") else "**Nothing is wrong.** "
        return "\n".join(["## Root cause", "", f"{lead}{d.summary}".strip()])
    if top is None:
        lines.append(f"**The evidence does not show a cause.** {d.summary}".strip())
        return "\n".join(lines) + _undecided(d)
    if d.verdict is Verdict.INCONCLUSIVE:
        lines.append(f"**The evidence does not decide.** {d.summary}".strip())
        lines += ["", "Candidates, most likely first:", "", *map(_candidate, d.root_causes[:4])]
        return "\n".join(lines) + _undecided(d)
    lines.append(f"**{top.object}: {title(top)}** ({_sure(top)})")
    if d.mitigations:
        best = d.mitigations[0]
        command = f": {code(best.kubectl)}" if best.kubectl else ""
        lines += ["", f"**Fix:** {best.title}{command}"]
    lines += ["", d.summary.strip()]
    if not _said(top, d.summary):
        lines += ["", top.summary.strip() + _missing_citations(top) + _mark(top)]
    if top.chain:
        lines += ["", "How it leads to the symptom:", ""]
        lines += [f"{n}. {s.text}{citing(s.evidence)}" for n, s in enumerate(top.chain, 1)]
    if len(d.root_causes) > 1:
        lines += ["", "Other candidates:", "", *map(_candidate, d.root_causes[1:4])]
    return "\n".join(lines)


def title(cause: RootCause) -> str:
    """Return what kind of cause it is, in words."""
    known = CAUSES.get(cause.cause)
    return known.title if known else cause.cause


def _sure(cause: RootCause) -> str:
    return f"confidence {cause.confidence:.0%}" + (", unverified" if cause.unverified else "")


def _mark(cause: RootCause) -> str:
    return " (unverified)" if cause.unverified else ""


def _candidate(cause: RootCause) -> str:
    head = f"- {cause.object}: {title(cause)} ({_sure(cause)})"
    return f"{head}. {cause.summary.strip()}{_missing_citations(cause)}"


def _missing_citations(cause: RootCause) -> str:
    return citing(tuple(i for i in cause.evidence if i not in cause.summary))


def _said(cause: RootCause, summary: str) -> bool:
    """Whether a summary says already what a cause's own does: in its words, or by its evidence."""
    if _without_citations(cause.summary) in _without_citations(summary):
        return True
    return (
        not cause.unverified and bool(cause.evidence) and {*cause.evidence} <= {*citations(summary)}
    )


def _without_citations(text: str) -> str:
    return " ".join(re.sub(r"\s*\[ev-[^\]]*\]|\(unverified\)", "", text).split()).rstrip(".")


def _undecided(d: Diagnosis) -> str:
    text = ""
    if d.next_observation:
        text += f"\n\nWhat would decide: {d.next_observation}"
    if d.missing_sources:
        text += f"\n\nCould not be asked: {'; '.join(d.missing_sources)}."
    return text


def _evidence(d: Diagnosis) -> str:
    if not d.evidence or d.verdict is Verdict.HEALTHY:
        return ""
    pieces = by_weight(d)
    cited = {*citations(d.summary)}
    cited |= {i for cause in d.root_causes for i in cause.evidence}
    cited |= {i for finding in d.findings for i in finding.evidence}
    count = min(6, max(3, sum(piece.id in cited for piece in pieces)))
    said = " ".join([d.summary, *(cause.summary for cause in d.root_causes)])
    shown = "\n".join(evidence_markdown(piece, said) for piece in pieces[:count])
    more = [piece.id for piece in pieces[count:]]
    rest = (
        f"\n\nAlso stored: {', '.join(more[:12])}{' …' if len(more) > 12 else ''}" if more else ""
    )
    return f"## Evidence\n\n{shown}{rest}"


def _similar(d: Diagnosis) -> str:
    if not d.similar_incidents:
        return ""
    return "## Similar incidents\n\n" + "\n".join(map(similar_markdown, d.similar_incidents[:3]))


def _what_to_do(d: Diagnosis) -> str:
    if d.verdict is Verdict.HEALTHY or not (d.mitigations or d.runbooks):
        return ""
    lines = ["## What to do", ""]
    for n, m in enumerate(distinct(d.mitigations)[:4], 1):
        hand = "" if m.automatic else ", by hand"
        lines.append(f"{n}. **{m.title}** (risk {m.risk.value}{hand})")
        if m.kubectl:
            lines.append(f"   - Command: {code(m.kubectl)}")
        if m.undo:
            lines.append(f"   - Undo: {_command_or_text(m.undo)}")
        if m.expected:
            lines.append(f"   - Afterwards: {m.expected}")
    if d.runbooks:
        lines += ["", "Runbooks:"] if d.mitigations else ["Runbooks:"]
        for passage in d.runbooks[:3]:
            builtin = " (built-in)" if passage.builtin else ""
            section = f", “{passage.section}”" if passage.section else ""
            lines.append(f"- {passage.document}{section}{builtin}")
    return "\n".join(lines)


def _command_or_text(text: str) -> str:
    return code(text) if text.startswith("kubectl ") else text


def _looked_at(d: Diagnosis) -> str:
    window = d.scope.window
    lines = ["## What I looked at", ""]
    lines.append(
        f"- {', '.join(d.scope.namespaces) or 'all namespaces'} in {d.scope.cluster}, "
        f"{window.start:%H:%M}–{window.end:%H:%M} UTC against the time from "
        f"{window.baseline_start:%H:%M}"
    )
    lines += [f"- {flat(item)}" for item in d.looked_at[:12]]
    if len(d.looked_at) > 12:
        lines.append(f"- and {len(d.looked_at) - 12} more")
    if d.missing_sources:
        lines.append(f"- not available: {flat('; '.join(d.missing_sources))}")
    by = "the evidence engine, without a model" if d.author == "engine" else d.author
    lines += ["", f"Answered by {by} in {d.usage.seconds:.1f} s."]
    return "\n".join(lines)
