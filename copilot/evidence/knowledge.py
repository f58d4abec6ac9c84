"""What the team's memory has about this: past incidents and runbooks, an aid and never evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from copilot.evidence.ranking import Candidate
from copilot.model.causes import CAUSES
from copilot.model.diagnosis import Passage, RootCause, SimilarIncident
from copilot.tools.redact import redact
from retrieval.errors import KnowledgeError
from retrieval.incidents import Circumstances
from retrieval.values import DocumentKind, Hit, KnowledgeSource

_SECONDS = 6.0
_TEXT = 1200
_INCIDENTS = 3


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was found; `failure` says why nothing could be."""

    incidents: tuple[SimilarIncident, ...] = ()
    runbooks: tuple[Passage, ...] = ()
    failure: str = ""


def question_for(question: str, causes: Sequence[RootCause], codes: Sequence[str]) -> str:
    """Return what to search for: the cause and its symptoms in words, then the user's own."""
    parts = []
    for cause in causes[:2]:
        title = CAUSES[cause.cause].title if cause.cause in CAUSES else cause.cause
        parts.append(f"{title}. {cause.summary}")
    parts += [code.replace(".", " ").replace("_", " ") for code in dict.fromkeys(codes)][:6]
    return redact(". ".join([*parts, question]).strip()[:800])


async def remember(
    source: KnowledgeSource,
    question: str,
    causes: Sequence[RootCause],
    codes: Sequence[str],
    seconds: float = _SECONDS,
    now: datetime | None = None,
    distances: Mapping[str, int] | None = None,
) -> Remembered:
    """Search both kinds of documents, within `seconds`; a failure is reported, never raised.

    Of incidents that are alike, recent ones on the services of the `causes` come first, then those on services
    that are few calls away (`distances`), and those that came back.
    """
    query = question_for(question, causes, codes)
    if not query:
        return Remembered()
    here = {cause.object.name: 0 for cause in causes[:2]}
    today = Circumstances(now, {**(distances or {}), **here})
    try:
        async with asyncio.timeout(seconds):
            incidents, runbooks = await asyncio.gather(
                source.search(query, kind=DocumentKind.INCIDENT, limit=_INCIDENTS, today=today),
                source.search(query, kind=DocumentKind.RUNBOOK, limit=3),
            )
    except TimeoutError:  # before OSError, whose subclass it is
        return Remembered(failure=f"knowledge: no answer within {seconds:g} s")
    except (KnowledgeError, OSError) as error:
        return Remembered(failure=f"knowledge: {error}")
    return Remembered(
        tuple(_incident(hit, causes) for hit in incidents),
        tuple(
            Passage(h.title, h.section, redact(h.text[:_TEXT]), h.score, h.path, h.builtin)
            for h in runbooks
        ),
    )


def _incident(hit: Hit, causes: Sequence[RootCause]) -> SimilarIncident:
    known = hit.metadata
    held = known.get("held", "").strip().lower()
    return SimilarIncident(
        id=known.get("id", hit.document),
        title=redact(hit.title),
        date=known.get("date", ""),
        cause=redact(known.get("cause", "")),
        fix=redact(known.get("fix", "")),
        held=True if held in ("yes", "true") else False if held in ("no", "false") else None,
        score=hit.score,
        why=redact(" ".join([_why(known, causes), *map(_sentence, hit.notes)])),
        path=hit.path,
        builtin=hit.builtin,
    )


def _sentence(note: str) -> str:
    return f"{note[:1].upper()}{note[1:]}."


def _why(known: dict[str, str], causes: Sequence[RootCause]) -> str:
    """Say what is alike and what differs, by cause and by the services concerned."""
    if not causes:
        return "It was found by its words; there is no cause now to compare it with."
    now = causes[0]
    before = known.get("cause", "")
    services = {
        s.strip()
        for s in known.get("services", "").replace("[", "").replace("]", "").split(",")
        if s.strip()
    }
    alike, differs = [], []
    if before == now.cause:
        alike.append(f"the same cause ({before})")
    elif before and before.split(".")[0] == now.cause.split(".")[0]:
        alike.append(f"a cause of the same area ({before})")
        differs.append(f"the cause now is {now.cause}")
    elif before:
        differs.append(f"its cause was {before}, now it is {now.cause}")
    shared = sorted(s for s in services if s == now.object.name)
    if shared:
        alike.append(f"it concerned {', '.join(shared)}, too")
    elif services:
        differs.append(
            f"it concerned {', '.join(sorted(services)[:3])}, now it is {now.object.name}"
        )
    text = f"Alike: {'; '.join(alike)}." if alike else "Alike: its description only."
    return text + (f" Different: {'; '.join(differs)}." if differs else "")


def codes_of(candidates: Sequence[Candidate]) -> list[str]:
    """Return the codes of the findings that speak for candidates."""
    return [clue.finding.code for c in candidates for clue, _ in c.claims]
