"""Answers without a model: the evidence engine's, and simple follow-ups from what it found."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from time import monotonic

from copilot.agent.followups import follow_up
from copilot.agent.intents import Intent, classify
from copilot.agent.memory import Memory
from copilot.agent.render import diagnosis_markdown, quoted
from copilot.agent.seams import ToolboxLike
from copilot.agent.streams import closing
from copilot.model.diagnosis import Diagnosis
from copilot.model.errors import ToolFailure
from copilot.model.events import (
    AnswerGiven,
    DiagnosisReady,
    Event,
    EvidenceFound,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from copilot.model.protocols import Agent
from copilot.model.scope import Scope
from copilot.tools.redact import redact

LOGS_TOOL = "get_logs"


class OfflineAgent:
    """Fits `ConversingAgent` and calls no model.

    With a `toolbox_for` it can also fetch the logs that somebody asks for.
    """

    def __init__(
        self, engine: Agent, toolbox_for: Callable[[Scope], ToolboxLike] | None = None
    ) -> None:
        self._engine = engine
        self._toolbox_for = toolbox_for

    async def investigate(
        self, question: str, scope: Scope, history: Sequence[Event] = ()
    ) -> AsyncIterator[Event]:
        """Answer from the last diagnosis where that answers the question, else look again."""
        memory = Memory.of(history)
        known = memory.diagnosis if memory.covers(scope) else None
        intent = classify(question, follow_up=known is not None)
        fresh = known is None or intent in (Intent.INVESTIGATE, Intent.OTHER)
        if fresh:
            known = None
            async with closing(self._engine.investigate(question, scope)) as found:
                async for event in found:
                    if isinstance(event, DiagnosisReady):
                        known = event.diagnosis
                    elif not isinstance(event, AnswerGiven | TextDelta):
                        yield event
            if known is None:
                return
        if known is not None:
            toolbox = self._toolbox_for(scope) if self._toolbox_for else None
            async for event in answer(question, intent, known, memory, toolbox):
                yield event
        if fresh and known is not None:
            yield DiagnosisReady(known)


async def answer(
    question: str,
    intent: Intent,
    diagnosis: Diagnosis,
    memory: Memory,
    toolbox: ToolboxLike | None,
    *,
    prefix: str = "",
) -> AsyncIterator[Event]:
    """Yield the answer to one question about `diagnosis`, and what it took to give it.

    `prefix` is text of the same answer that was already yielded.
    """
    if intent in (Intent.INVESTIGATE, Intent.OTHER):
        text = diagnosis_markdown(diagnosis)
    elif intent is Intent.LOGS and toolbox is not None and (who := _target(question, diagnosis)):
        text = ""
        async for event in _logs(who, toolbox, len(memory.turns)):
            yield event
            if isinstance(event, ToolFinished):
                text = _logs_text(who, event)
    else:
        text = follow_up(intent, question, diagnosis, memory)
    for event in spoken(text, author="engine", prefix=prefix):
        yield event


def spoken(text: str, *, author: str, prefix: str = "") -> Sequence[Event]:
    """Return the events of an answer: its paragraphs as deltas, then the whole, redacted."""
    text = redact(text)
    paragraphs = [part for part in re.split(r"(?<=\n\n)", text) if part]
    return (*map(TextDelta, paragraphs), AnswerGiven(prefix + text, author))


def _target(question: str, diagnosis: Diagnosis) -> str:
    """Return whose logs are asked for: a name in the question, else the first cause's object."""
    said = re.search(
        r"\blogs?\s+(?:of|for|from)\s+(?:the\s+)?[`'\"]?([a-z0-9][\w.-]*)", question, re.I
    )
    if said and said.group(1).lower() not in ("it", "that", "this", "them", "all"):
        return said.group(1).rstrip(".")
    names = {finding.object.name for finding in diagnosis.findings}
    names |= {cause.object.name for cause in diagnosis.root_causes}
    named = [name for name in sorted(names, key=len, reverse=True) if name in question]
    if named:
        return named[0]
    return diagnosis.root_causes[0].object.name if diagnosis.root_causes else ""


async def _logs(who: str, toolbox: ToolboxLike, turn: int) -> AsyncIterator[Event]:
    call, arguments, started = f"offline-{turn}", {"service": who}, monotonic()
    yield ToolStarted(call, LOGS_TOOL, json.dumps(arguments))
    try:
        result = await toolbox.call(LOGS_TOOL, arguments)
    except ToolFailure as error:
        yield ToolFinished(call, LOGS_TOOL, False, monotonic() - started, str(error))
        return
    for piece in result.evidence:
        yield EvidenceFound(piece)
    ids = tuple(piece.id for piece in result.evidence)
    yield ToolFinished(call, LOGS_TOOL, True, monotonic() - started, result.text, ids)


def _logs_text(who: str, event: ToolFinished) -> str:
    if not event.ok:
        return f"The logs of {who} could not be had: {event.text}\n"
    cited = " ".join(f"[{i}]" for i in event.evidence)
    return f"Logs of {who} {cited}:\n\n{quoted(event.text, lines=40, characters=4000)}\n"
