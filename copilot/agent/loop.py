"""The LLM agent: the engine's findings first, then the model, and the engine's answer if it fails.

engine → briefing → (model → tool calls)* → answer → grounding check → merged diagnosis
                                 └ any failure or limit → notice → the engine's diagnosis
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from time import monotonic

from copilot.agent.budget import Budget
from copilot.agent.client import ModelClient
from copilot.agent.intents import Intent, classify
from copilot.agent.memory import Memory
from copilot.agent.merge import merge, total
from copilot.agent.offline import answer, spoken
from copilot.agent.opening import offered, opening
from copilot.agent.render import diagnosis_markdown
from copilot.agent.seams import ToolboxLike
from copilot.agent.settings import ModelSettings
from copilot.agent.streams import closing
from copilot.agent.turn import Turn
from copilot.model.errors import ModelError
from copilot.model.events import (
    AnswerGiven,
    DiagnosisReady,
    Event,
    EvidenceFound,
    Notice,
    TextDelta,
)
from copilot.model.protocols import Agent
from copilot.model.scope import Scope
from copilot.tools.redact import redact

BROKEN_OFF = "\n\n(The model's answer breaks off here.)\n\n"


class LLMAgent:
    """Fits `copilot.agent.seams.ConversingAgent`. One instance serves any number of sessions.

    `toolbox_for` makes the tools of one answer; `timer` counts real seconds.
    """

    def __init__(
        self,
        engine: Agent,
        toolbox_for: Callable[[Scope], ToolboxLike],
        settings: ModelSettings,
        *,
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self._engine = engine
        self._toolbox_for = toolbox_for
        self._settings = settings
        self._timer = timer
        self._refused: set[str] = set()

    async def investigate(
        self, question: str, scope: Scope, history: Sequence[Event] = ()
    ) -> AsyncIterator[Event]:
        """Answer `question`; the user always gets an answer, the engine's if need be."""
        memory = Memory.of(history)
        evidence = dict(memory.evidence)
        diagnosis = memory.diagnosis if memory.covers(scope) else None
        intent = classify(question, follow_up=diagnosis is not None)
        fresh = diagnosis is None or intent is Intent.INVESTIGATE
        if fresh:
            diagnosis = None
            async with closing(self._engine.investigate(question, scope)) as found:
                async for event in found:
                    if isinstance(event, DiagnosisReady):
                        diagnosis = event.diagnosis
                    elif not isinstance(event, AnswerGiven | TextDelta):
                        yield event
                    if isinstance(event, EvidenceFound):
                        evidence[event.evidence.id] = event.evidence
        if diagnosis is None:
            return
        evidence.update((piece.id, piece) for piece in diagnosis.evidence)
        toolbox = self._toolbox_for(scope)
        toolbox.evidence.update(evidence)
        tools = offered(toolbox.tools)
        client = ModelClient(self._settings, self._refused)
        turn = Turn(
            client=client,
            transcript=opening(
                question,
                diagnosis,
                memory,
                tools,
                self._settings,
                calls_tools=client.calls_tools,
            ),
            tools=tools,
            toolbox=toolbox,
            budget=Budget(self._settings, timer=self._timer),
            engine=diagnosis,
            evidence=evidence,
            diagnosing=intent is Intent.INVESTIGATE,
            name=f"model-{len(memory.turns)}",
        )
        try:
            async with closing(turn.steps()) as events:
                async for event in events:
                    yield event
        except ModelError as error:
            yield Notice(redact(f"{error} What follows is the evidence engine's own answer."))
            prefix = turn.text + BROKEN_OFF if turn.text else ""
            if prefix:
                yield TextDelta(BROKEN_OFF)
            stored = replace(diagnosis, usage=total(diagnosis.usage, turn.budget.usage()))
            async for event in answer(question, intent, stored, memory, toolbox, prefix=prefix):
                yield event
            if fresh:
                yield DiagnosisReady(stored)
        else:
            for event in conclusion(turn, self._settings.model, fresh=fresh):
                yield event
        finally:
            await client.close()


def conclusion(turn: Turn, model: str, *, fresh: bool) -> Iterator[Event]:
    """Yield the events that end an answer of the model.

    A diagnosis that it submitted is merged with the engine's; after prose the engine's stands.
    """
    usage = turn.budget.usage()
    if turn.submission is None:
        foot = f"\n\n---\n{turn.prose.footer() if turn.prose else ''} {model}: {turn.budget}.\n"
        yield TextDelta(foot)
        yield AnswerGiven(turn.text + foot, model)
        if fresh:
            yield DiagnosisReady(replace(turn.engine, usage=total(turn.engine.usage, usage)))
        return
    merged = merge(
        turn.submission,
        turn.engine,
        turn.evidence,
        model=model,
        usage=usage,
        looked_at=turn.looked_at,
    )
    yield from map(Notice, merged.notices)
    foot = f"\n---\n{turn.submission.footer} {model}: {turn.budget}.\n"
    text = diagnosis_markdown(merged.diagnosis) + foot
    yield from spoken(text, author=model, prefix=turn.text)
    yield DiagnosisReady(merged.diagnosis)
