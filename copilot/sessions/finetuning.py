"""The team's incident history as training data: chat-format JSON lines, redacted, split by time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Engine

from copilot.agent.recommend import parts
from copilot.tools.redact import redact
from retrieval.documents import Document
from retrieval.store import DocumentStore
from retrieval.values import DocumentKind, Hit

_SYSTEM = (
    "You are an on-call engineer. From an incident's title and summary, say its most likely root cause "
    "and how to mitigate it."
)


_GIVEN_AWAY = 0.6
"""Share of a cause's words in a title, from which there is nothing left to learn from it."""


@dataclass(frozen=True, slots=True)
class Example:
    """One incident as a conversation; `date` is ISO text, by which examples are ordered."""

    date: str
    line: str


@dataclass(frozen=True, slots=True)
class Split:
    """Training and validation lines, and why incidents were left out: reason → count."""

    train: tuple[str, ...]
    valid: tuple[str, ...]
    left_out: dict[str, int]
    until: str


def incidents(engine: Engine) -> list[Document]:
    """Return the team's own past incidents; the built-in examples are nobody's history."""
    store = DocumentStore(engine)
    found = (store.document(stored.id) for stored in store.stored().values())
    return [one for one in found if one and one.kind is DocumentKind.INCIDENT and not one.builtin]


def split(documents: Iterable[Document], share: float, until: str = "") -> Split:
    """Make examples; the latest `share` of them, or those after the date `until`, validate.

    A later incident never trains what an earlier one validates, so that nothing leaks from the future.
    """
    examples: list[Example] = []
    left_out: dict[str, int] = {}
    for document in documents:
        made = _example(document)
        if isinstance(made, Example):
            examples.append(made)
        else:
            left_out[made] = left_out.get(made, 0) + 1
    examples.sort(key=lambda example: (example.date, example.line))
    if not until and examples:
        keep = max(len(examples) - max(round(len(examples) * share), 1), 0)
        until = examples[keep - 1].date if keep else ""
    train = tuple(e.line for e in examples if e.date <= until)
    valid = tuple(e.line for e in examples if e.date > until)
    return Split(train, valid, left_out, until)


def _example(document: Document) -> Example | str:
    date = str(document.metadata.get("date", ""))
    hit = Hit(
        document.path,
        document.kind,
        document.title,
        "",
        document.text,
        1.0,
        document.path,
        metadata=dict(document.metadata),
    )
    cause, fix = parts(hit)
    if not date:
        return "no date"
    if not cause or not fix:
        return "no cause or no fix"
    if _tells(document.title, cause):
        return "its title tells the cause"
    summary = document.metadata.get("summary") or _summary(document.text)
    asked = f"Title: {document.title}\nSummary: {summary}".strip()
    messages = [
        {"role": "system", "content": _SYSTEM},
        {"role": "user", "content": redact(asked)},
        {"role": "assistant", "content": f"Root cause: {cause}\nMitigation: {fix}"},
    ]
    return Example(date, json.dumps({"messages": messages}, ensure_ascii=False))


def _tells(title: str, cause: str) -> bool:
    """Whether a title, as people rewrite it afterwards, has most of the cause's words already."""
    wanted = _stems(cause)
    return len(wanted) > 1 and len(wanted & _stems(title)) >= _GIVEN_AWAY * len(wanted)


def _stems(text: str) -> set[str]:
    return {word[:5] for word in re.findall(r"[a-z]{4,}", text.casefold())}


def _summary(text: str) -> str:
    """Return what was seen first: the symptoms, else the section "Summary", else the first paragraph.

    A summary written afterwards tells the cause, which is what is to be learnt.
    """
    lines = text.splitlines()
    for title in ("symptom", "impact", "summary", ""):
        starts = (
            n + 1 for n, line in enumerate(lines) if line.lstrip("# ").lower().startswith(title)
        )
        start = next(starts, None) if title else 0
        if start is not None and (found := _paragraph(lines[start:])):
            return found[:1500]
    return ""


def _paragraph(lines: list[str]) -> str:
    kept: list[str] = []
    for line in lines:
        if kept and (line.startswith("#") or not line.strip()):
            break
        if line.strip() and not line.startswith("#"):
            kept.append(line.strip())
    return " ".join(kept)
