"""Five causes and five mitigations from an incident's title and summary alone.

The setting of Ahmed et al., "Recommending Root-Cause and Mitigation Steps for Cloud Incidents using Large
Language Models" (ICSE 2023): nothing is looked at, so that nothing here is evidence. What was retrieved
stands behind each line; with a model it is rewritten for this incident, and checked to cite it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.agent import commands
from copilot.agent.calls import Model, Reply
from copilot.agent.prompts import render
from copilot.agent.streams import closing
from copilot.agent.tokens import clip
from copilot.model.causes import CAUSES
from copilot.model.errors import ModelError
from copilot.tools.redact import redact
from retrieval.values import Hit

MOST = 5
PROMPT_TOKENS = 6_000

_SECTION = re.compile(r"^#{1,6}\s*(?P<title>[^\n]+)\n(?P<text>.*?)(?=^#{1,6}\s|\Z)", re.M | re.S)
_CAUSE = re.compile(r"root.?cause|^causes?\b|what (?:was|went) wrong", re.I)
_FIX = re.compile(r"mitigat|resolution|^fix|what (?:fixed|helped)|remed|recovery", re.I)
_COMMAND = re.compile(r"`((?:kubectl|helm) [^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One line: what it says, how strongly it is suggested (0 to 1), and the documents behind it."""

    text: str
    score: float
    sources: tuple[str, ...]
    held: bool | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The best causes and mitigations; `author` is "retrieval" or a model's name."""

    causes: tuple[Suggestion, ...]
    mitigations: tuple[Suggestion, ...]
    retrieved: tuple[Hit, ...]
    author: str = "retrieval"
    notices: tuple[str, ...] = ()


def parts(hit: Hit) -> tuple[str, str]:
    """Return what a past incident's document says of its cause and of its fix, "" for nothing."""
    known = {key.lower(): value for key, value in hit.metadata.items()}
    cause = known.get("root_cause") or known.get("cause_text") or ""
    fix = known.get("fix") or known.get("mitigation") or known.get("resolution") or ""
    for section in _SECTION.finditer(hit.text):
        body = _first(section["text"])
        if not cause and _CAUSE.search(section["title"]):
            cause = body
        if not fix and _FIX.search(section["title"]):
            fix = body
    named = known.get("cause", "")
    cause = cause or (CAUSES[named].title if named in CAUSES else named)
    return redact(_one_line(cause)), redact(_one_line(fix))


def name(hit: Hit) -> str:
    """Return how people call a document."""
    return hit.metadata.get("id") or hit.title


def from_retrieval(
    query: str, incidents: Sequence[Hit], runbooks: Sequence[Hit] = ()
) -> Recommendation:
    """Return what similar incidents say; runbooks, then kinds of causes, fill up what is missing."""
    causes: dict[str, Suggestion] = {}
    fixes: dict[str, Suggestion] = {}
    for rank, hit in enumerate(incidents):
        cause, fix = parts(hit)
        weight = hit.score / (1 + 0.15 * rank)
        _add(causes, cause, weight, name(hit), None)
        _add(fixes, fix, weight, name(hit), _held(hit.metadata))
    found = _best(causes)
    if len(found) < MOST:
        said = {s.text for s in found}
        found += [s for s in _by_words(query) if s.text not in said][: MOST - len(found)]
    helped = [s for s in _best(fixes) if s.held is not False]
    failed = [s for s in _best(fixes) if s.held is False]
    helped += [
        Suggestion(
            f"Follow the runbook “{h.title}”: {h.section or 'from its beginning'}",
            h.score,
            (name(h),),
        )
        for h in runbooks
    ]
    # What did not hold last time comes last, and says so.
    helped += [replace(s, text=f"{s.text} (it did not hold then)") for s in failed]
    return Recommendation(tuple(found[:MOST]), tuple(helped[:MOST]), (*incidents, *runbooks))


def _add(
    found: dict[str, Suggestion], text: str, weight: float, source: str, held: bool | None
) -> None:
    if not text:
        return
    key = " ".join(re.findall(r"\w+", text.casefold()))
    known = found.get(key, Suggestion(text, 0.0, (), held))
    score = 1 - (1 - known.score) * (1 - min(max(weight, 0.0), 1.0))
    found[key] = replace(known, score=score, sources=(*known.sources, source))


def _best(found: Mapping[str, Suggestion]) -> list[Suggestion]:
    return sorted(found.values(), key=lambda s: -s.score)


def _by_words(query: str) -> list[Suggestion]:
    """Return kinds of causes that share words with the incident, when no past one does."""
    asked = _words(query)
    scored = [(len(asked & _words(cause.title)), cause) for cause in CAUSES.values()]
    ranked = sorted(scored, key=lambda item: -item[0])
    return [Suggestion(cause.title, 0.02 * hits, ()) for hits, cause in ranked[: 2 * MOST]]


def _words(text: str) -> set[str]:
    return {word[:6] for word in re.findall(r"[a-z]{4,}", text.casefold())}


def _held(known: Mapping[str, str]) -> bool | None:
    said = known.get("held", "").strip().lower()
    return True if said in ("yes", "true") else False if said in ("no", "false") else None


def _first(text: str) -> str:
    """Return the first paragraph or list item of a section."""
    return next((part for part in re.split(r"\n\s*\n", text.strip()) if part.strip()), "")


def _one_line(text: str) -> str:
    line = " ".join(re.sub(r"^\s*(?:[-*]|\d+\.)\s+", "", text).split())
    return line if len(line) <= 400 else f"{line[:399]}…"


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")
    text: str = Field(min_length=3)
    sources: list[str] = []


class _Written(BaseModel):
    causes: list[_Line]
    mitigations: list[_Line]


async def recommend(
    model: Model, author: str, title: str, summary: str, found: Recommendation, *, seconds: float
) -> Recommendation:
    """Let a model write the lines for this incident; what retrieval gave stands where it fails."""
    prompt = render(
        "recommend",
        title=title,
        summary=summary,
        incidents=[
            {"id": name(hit), "title": hit.title, "cause": parts(hit)[0], "fix": parts(hit)[1]}
            for hit in found.retrieved
        ],
    )
    messages = [{"role": "user", "content": redact(clip(prompt, PROMPT_TOKENS))}]
    text = ""
    try:
        async with closing(model.reply(messages, [], seconds=seconds)) as replies:
            async for part in replies:
                if isinstance(part, Reply):
                    text = part.text
        written = _read(text)
    except ModelError as error:
        note = f"{redact(str(error))} These lines are from retrieval alone."
        return replace(found, notices=(*found.notices, note))
    notices: list[str] = []
    known = {name(hit) for hit in found.retrieved}
    causes = [_checked(line, known) for line in written.causes]
    fixes = []
    for line in written.mitigations:
        bad = [why for c in _COMMAND.findall(line.text) if (why := commands.problem(c))]
        if bad:
            notices.append(f"A mitigation was left out, because of its command: {bad[0]}.")
        else:
            fixes.append(_checked(line, known))
    return Recommendation(
        tuple(_filled(causes, found.causes)),
        tuple(_filled(fixes, found.mitigations)),
        found.retrieved,
        author,
        tuple(notices),
    )


def _read(text: str) -> _Written:
    match = re.search(r"\{.*\}", text, re.S)
    try:
        return _Written.model_validate(json.loads(match.group() if match else ""))
    except (ValueError, ValidationError) as error:
        raise ModelError("The model's answer was not in the agreed form.") from error


def _checked(line: _Line, known: set[str]) -> Suggestion:
    sources = tuple(dict.fromkeys(s for s in line.sources if s in known))
    return Suggestion(redact(_one_line(line.text)), 1.0 if sources else 0.5, sources)


def _filled(mine: Sequence[Suggestion], others: Sequence[Suggestion]) -> list[Suggestion]:
    said = {s.text.casefold() for s in mine}
    return [*mine, *(s for s in others if s.text.casefold() not in said)][:MOST]
