"""search_knowledge and show_evidence: what is written, and what was already seen."""

from __future__ import annotations

from typing import Annotated, Literal

from copilot.model.errors import CorrectYourCall
from copilot.model.evidence import Source
from copilot.model.protocols import ToolResult
from copilot.tools.context import Context, Draft
from copilot.tools.names import nearest
from copilot.tools.registry import tool
from copilot.tools.tokens import fit
from retrieval.values import DocumentKind, Hit

_SHOWN = ("cause", "fix", "held", "date", "services", "severity")


@tool
async def search_knowledge(
    context: Context,
    query: Annotated[str, "Symptoms, error messages or components, in plain words"],
    kind: Annotated[
        Literal["", "runbook", "incident"], "Only runbooks, or only past incidents"
    ] = "",
) -> Draft:
    """Runbooks and past incidents that fit, best first, quoted with document and section.

    They are what people wrote about other days: an aid for ideas and fixes, never evidence of
    what is wrong today.
    """
    wanted = DocumentKind(kind) if kind else None
    hits = await context.knowledge.search(query, kind=wanted, limit=5)
    text = "\n\n".join(map(_hit, hits)) or f'No {kind or "document"} fits "{query}".'
    label = f"{kind} " if kind else ""
    return Draft(Source.KNOWLEDGE, f"search {label}{query!r}", text)


def _hit(hit: Hit) -> str:
    label = " (built-in)" if hit.builtin else ""
    head = f"[{hit.kind.value} {hit.document}{label}] {hit.title} · {hit.section} ({hit.score:.2f})"
    facts = "; ".join(f"{key}: {hit.metadata[key]}" for key in _SHOWN if hit.metadata.get(key))
    body = hit.text.strip()
    body = body if len(body) <= 900 else body[:899] + "…"
    notes = "; ".join(hit.notes)
    return "\n".join(part for part in (head, facts, notes, body) if part)


@tool
async def show_evidence(
    context: Context,
    id: Annotated[str, "Evidence id such as ev-0123456789"],
    offset: Annotated[int, "The character to start at"] = 0,
) -> ToolResult:
    """The full text of an earlier result, page by page."""
    found = context.evidence.get(id.strip())
    if found is None:
        known = tuple(context.evidence)
        raise CorrectYourCall(
            f'There is no evidence "{id}" in this investigation.', nearest(id, known) or known[-3:]
        )
    size = len(found.text)
    if not 0 <= offset < max(size, 1):
        raise CorrectYourCall(f"{found.id} has {size} characters: offset must be 0 to {size - 1}.")
    limits = context.limits
    # Room for the lines above and below the page.
    room = max(limits.tokens - 140, limits.tokens // 2)
    size_of_page = fit(found.text[offset : offset + 8 * room], room, limits.count)
    page = found.text[offset : offset + max(size_of_page, 1)]
    end = offset + len(page)
    rest = f"next: show_evidence(id='{found.id}', offset={end})" if end < size else "the end"
    head = f"{found.id}, {found.query[:150]}, characters {offset}–{end} of {size}"
    return ToolResult(f"{head}\n{page}\n[{rest}]", (found,), found.caveats)
