"""How a conversation with the model begins: who it is, what is known, what was said, the question."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from copilot.agent.answer import SUBMIT, schema, strict_schema
from copilot.agent.briefing import briefing
from copilot.agent.memory import Memory
from copilot.agent.messages import Message, Transcript, function, tool_schemas
from copilot.agent.prompts import render
from copilot.agent.settings import ModelSettings
from copilot.agent.smallness import few
from copilot.agent.textcalls import described
from copilot.agent.tokens import clip
from copilot.model.diagnosis import Diagnosis
from copilot.model.protocols import Tool

BRIEFING_TOKENS = 3_000
"""The most that the engine's findings may take, however large the context window."""

_SAME_TIME = timedelta(minutes=1)
_EARLIER_TURNS = 6
_EARLIER_TOKENS = 500


def offered(
    tools: Sequence[Tool], settings: ModelSettings | None = None, diagnosis: Diagnosis | None = None
) -> list[Message]:
    """Return the tools that the model is offered: those given, and the one to answer with.

    A small model gets few of them, and chooses among the causes that the engine saw signs of.
    """
    text = (
        "Give your final diagnosis. Call it once, alone, when nothing that you could still look at "
        "would change it. What you pass is checked against the evidence and shown to the engineer."
    )
    small = settings is not None and settings.is_small
    form = schema(_likely(diagnosis) if small and diagnosis else ())
    last = function(SUBMIT, text, form)
    if settings is not None and settings.strict:
        last["function"].update(parameters=strict_schema(form), strict=True)
    whole = [*tool_schemas(tools), last]
    return few(whole) if small else whole


def _likely(diagnosis: Diagnosis) -> tuple[str, ...]:
    causes = [cause.cause for cause in diagnosis.root_causes]
    causes += [i for finding in diagnosis.findings for i in finding.supports]
    return tuple(sorted(set(causes)))


def opening(
    question: str,
    diagnosis: Diagnosis,
    memory: Memory,
    tools: Sequence[Message],
    settings: ModelSettings,
    *,
    calls_tools: bool = True,
    now: datetime | None = None,
) -> Transcript:
    """Return the messages of the first request; `now` is told where the diagnosis is from before.

    The follow-ups of one diagnosis all begin with the same messages, so that an endpoint can
    serve them from its prompt cache; a new diagnosis is told after what was said before.
    """
    values: dict[str, Any] = {"tools": calls_tools, "small": settings.is_small}
    protocol = "" if calls_tools else described(tools)
    system = render("system", **values, protocol=protocol, schema=json.dumps(schema()))
    transcript = Transcript(system, tools, settings, native=calls_tools)
    follow_up = diagnosis is memory.diagnosis
    told = briefing(diagnosis, min(transcript.room // 3, BRIEFING_TOKENS), earlier=follow_up)
    if follow_up:
        transcript.user(told)
    kept, left_out = _window(memory.turns)
    for number, (asked, answered) in enumerate(kept):
        transcript.user(render("asks", question=asked, now=None))
        transcript.earlier(clip(_concluded(answered), _EARLIER_TOKENS))
        if number == 0 and left_out:
            transcript.user(f"({left_out} later questions and their answers are left out here.)")
    for done in memory.done:
        transcript.user(f"(Done since: {done})")
    if follow_up:
        later = now is not None and now - diagnosis.scope.window.end > _SAME_TIME
        transcript.user(render("asks", question=question, now=now if later else None))
    else:
        transcript.user(render("question", briefing=told, question=question, now=None))
    return transcript


def _concluded(answer: str) -> str:
    """Return what an answer concluded; how it came to that is in the briefing."""
    for heading in ("\n## Evidence\n", "\nHow it leads to the symptom:\n"):
        answer = answer.split(heading)[0]
    return answer


def _window(
    turns: Sequence[tuple[str, str]],
) -> tuple[Sequence[tuple[str, str]], int]:
    """Return the turns to repeat, and how many are left out after the first.

    They are left out several at a time, so that the cached prefix changes now and then only.
    """
    rest = turns[1:]
    skip = max(0, (len(rest) - 1) // _EARLIER_TURNS - 1) * _EARLIER_TURNS
    return [*turns[:1], *rest[skip:]], skip
