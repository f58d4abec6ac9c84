"""How a conversation with the model begins: who it is, what is known, what was said, the question."""

from __future__ import annotations

import json
from collections.abc import Sequence

from copilot.agent.answer import SUBMIT, schema
from copilot.agent.briefing import briefing
from copilot.agent.memory import Memory
from copilot.agent.messages import Message, Transcript, function, tool_schemas
from copilot.agent.prompts import render
from copilot.agent.settings import ModelSettings
from copilot.agent.tokens import clip
from copilot.model.diagnosis import Diagnosis
from copilot.model.protocols import Tool

BRIEFING_TOKENS = 3_300
"""The most that the engine's findings may take, however large the context window."""

_EARLIER_TURNS = 6
_EARLIER_TOKENS = 500


def offered(tools: Sequence[Tool]) -> list[Message]:
    """Return the tools that the model is offered: those given, and the one to answer with."""
    text = (
        "Give your final diagnosis. Call it once, alone, when nothing that you could still look at "
        "would change it. What you pass is checked against the evidence and shown to the engineer."
    )
    return [*tool_schemas(tools), function(SUBMIT, text, schema())]


def opening(
    question: str,
    diagnosis: Diagnosis,
    memory: Memory,
    tools: Sequence[Message],
    settings: ModelSettings,
    *,
    calls_tools: bool = True,
) -> Transcript:
    """Return the messages of the first request.

    The follow-ups of one diagnosis all begin with the same messages, so that an endpoint can
    serve them from its prompt cache; a new diagnosis is told after what was said before.
    """
    system = render("system", tools=calls_tools, schema="" if calls_tools else json.dumps(schema()))
    transcript = Transcript(system, tools if calls_tools else [], settings)
    told = briefing(diagnosis, min(transcript.room // 3, BRIEFING_TOKENS))
    follow_up = diagnosis is memory.diagnosis
    if follow_up:
        transcript.user(told)
    for asked, answered in memory.turns[:1] + memory.turns[1:][-_EARLIER_TURNS:]:
        transcript.user(render("asks", question=asked))
        # The proof is in the briefing; what was concluded from it is what matters here.
        transcript.earlier(clip(answered.split("\n## Evidence\n")[0], _EARLIER_TOKENS))
    for done in memory.done:
        transcript.user(f"(Done since: {done})")
    if follow_up:
        transcript.user(render("asks", question=question))
    else:
        transcript.user(render("question", briefing=told, question=question))
    return transcript
