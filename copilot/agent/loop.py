"""The LLM agent: the engine's findings first, then the model, and the engine's answer if it fails.

triage: the engine looks → diagnose: (model → tool calls)* → verify: grounding check, one correction
→ propose: a fix where none is known yet → merged diagnosis
                └ any failure, limit or Ctrl-C → notice → the engine's diagnosis
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from copilot.agent.bookings import Booking
from copilot.agent.budget import Budget
from copilot.agent.calls import Model
from copilot.agent.client import ModelClient
from copilot.agent.injections import found_in, notice
from copilot.agent.intents import Intent, classify
from copilot.agent.journal import keep_diagnosis, stored_diagnosis
from copilot.agent.memory import Memory
from copilot.agent.merge import merge, total
from copilot.agent.messages import Transcript
from copilot.agent.offline import answer, spoken
from copilot.agent.opening import offered, opening
from copilot.agent.prompts import version
from copilot.agent.proposals import fitting
from copilot.agent.render import diagnosis_markdown
from copilot.agent.seams import Answering, ToolboxLike
from copilot.agent.settings import ModelSettings
from copilot.agent.smallness import Guide
from copilot.agent.states import State
from copilot.agent.streams import Stopped, closing, until
from copilot.agent.telemetry import Trace
from copilot.agent.turn import Turn
from copilot.model.diagnosis import Diagnosis
from copilot.model.errors import ModelError
from copilot.model.events import (
    AnswerGiven,
    DiagnosisReady,
    Event,
    EvidenceFound,
    Notice,
    TextDelta,
)
from copilot.model.evidence import Evidence
from copilot.model.protocols import Agent
from copilot.model.scope import Scope
from copilot.tools.redact import redact

BROKEN_OFF = "\n\n(The model's answer breaks off here.)\n\n"
UNFOUNDED = "\n\n(None of this holds against the evidence. The evidence engine's own answer:)\n\n"


class LLMAgent:
    """Fits `copilot.agent.seams.ConversingAgent`. One instance serves any number of sessions.

    `toolbox_for` makes the tools of one answer; `timer` counts real seconds; `model_for` makes the
    model of one answer, by default the endpoint of the settings.
    """

    def __init__(
        self,
        engine: Agent,
        toolbox_for: Callable[[Scope], ToolboxLike],
        settings: ModelSettings,
        *,
        timer: Callable[[], float] = monotonic,
        model_for: Callable[[], Model] | None = None,
    ) -> None:
        self._engine = engine
        self._toolbox_for = toolbox_for
        self._settings = settings
        self._timer = timer
        refused: set[str] = set()
        self._model_for = model_for or (lambda: ModelClient(settings, refused))

    async def investigate(
        self, question: str, scope: Scope, history: Sequence[Event] = ()
    ) -> AsyncIterator[Event]:
        """Answer `question`; the user always gets an answer, the engine's if need be."""
        async for event in self.answer(question, scope, history, Answering()):
            yield event

    async def answer(
        self, question: str, scope: Scope, history: Sequence[Event], given: Answering
    ) -> AsyncIterator[Event]:
        """Answer as `investigate` does, with a journal to go on from and a way to be stopped."""
        case = _Case(question, scope, Memory.of(history))
        async with closing(self._triage(case, given)) as events:
            async for event in events:
                yield event
        if case.diagnosis is None:
            return
        turn = self._turn(case, given)
        failure = ""
        try:
            async with closing(turn.steps()) as steps:
                async for event in until(given.stop, steps):
                    yield event
        except Stopped:
            failure = "The model was stopped before it had an answer: you stopped it."
        except ModelError as error:
            failure = str(error)
        finally:
            await turn.client.close()
            turn.trace.end("model_error" if failure else "")
        fallback = failure if turn.submission is None else ""
        given.journal.book(self._booking(turn, fallback))
        if fallback:
            yield Notice(redact(f"{failure} What follows is the evidence engine's own answer."))
            async with closing(self._engines_own(case, turn)) as events:
                async for event in events:
                    yield event
            return
        if failure:
            yield Notice(redact(f"{failure} No fix was proposed."))
        if planted := found_in(turn.evidence.values()):
            yield notice(planted)
        for event in conclusion(turn, self._settings.model, fresh=case.fresh):
            yield event

    async def _triage(self, case: _Case, given: Answering) -> AsyncIterator[Event]:
        """Let the engine look, unless the question is about what it has seen already."""
        memory = case.memory
        case.evidence.update(memory.evidence)
        case.diagnosis = memory.diagnosis if memory.covers(case.scope) else None
        case.intent = classify(case.question, follow_up=case.diagnosis is not None)
        case.fresh = case.diagnosis is None or case.intent is Intent.INVESTIGATE
        if case.fresh:
            case.diagnosis = stored_diagnosis(given.journal)
        if case.fresh and case.diagnosis is None:
            async with closing(self._engine.investigate(case.question, case.scope)) as found:
                async for event in found:
                    if isinstance(event, DiagnosisReady):
                        case.diagnosis = event.diagnosis
                        keep_diagnosis(given.journal, event.diagnosis)
                    elif not isinstance(event, AnswerGiven | TextDelta):
                        yield event
                    if isinstance(event, EvidenceFound):
                        case.evidence[event.evidence.id] = event.evidence
        if case.diagnosis is not None:
            case.evidence.update((piece.id, piece) for piece in case.diagnosis.evidence)
            case.evidence.update(given.evidence)

    def _turn(self, case: _Case, given: Answering) -> Turn:
        diagnosis = case.diagnosis
        assert diagnosis is not None
        toolbox = self._toolbox_for(case.scope)
        toolbox.evidence.update(case.evidence)
        tools = offered(toolbox.tools, self._settings, diagnosis)

        def reopen(calls_tools: bool) -> Transcript:
            return opening(
                case.question,
                diagnosis,
                case.memory,
                tools,
                self._settings,
                calls_tools=calls_tools,
                now=case.scope.window.end,
            )

        fixing = not case.fresh and case.intent in (Intent.FIX, Intent.SAFE)
        return Turn(
            client=self._model_for(),
            settings=self._settings,
            reopen=reopen,
            tools=tools,
            toolbox=toolbox,
            budget=Budget(self._settings, timer=self._timer),
            engine=diagnosis,
            evidence=case.evidence,
            diagnosing=case.intent is Intent.INVESTIGATE,
            name=f"model-{len(case.memory.turns)}",
            given=given,
            trace=Trace(self._settings, given.session),
            state=State.PROPOSE if fixing else State.DIAGNOSE,
            guide=Guide(diagnosis, tools) if self._settings.is_small else None,
        )

    async def _engines_own(self, case: _Case, turn: Turn) -> AsyncIterator[Event]:
        """The answer when the model gave none."""
        assert case.diagnosis is not None
        end = BROKEN_OFF if turn.prose is None else UNFOUNDED
        prefix = turn.text + end if turn.text else ""
        if prefix:
            yield TextDelta(end)
        usage = total(case.diagnosis.usage, turn.budget.usage())
        stored = replace(case.diagnosis, usage=usage)
        async for event in answer(
            case.question, case.intent, stored, case.memory, turn.toolbox, prefix=prefix
        ):
            yield event
        if case.fresh:
            yield DiagnosisReady(stored)

    def _booking(self, turn: Turn, fallback: str) -> Booking:
        budget, checked = turn.budget, turn.submission or turn.prose
        return Booking(
            model=self._settings.model,
            prompts=version(),
            state=turn.state.value,
            input=budget.input_tokens,
            output=budget.output_tokens,
            cached=budget.cached_tokens,
            money=budget.money,
            seconds=budget.seconds,
            steps=budget.steps,
            tool_calls=budget.tool_calls,
            tool_errors=budget.tool_errors,
            claims=checked.claims if checked and not fallback else 0,
            verified=checked.verified if checked and not fallback else 0,
            fallback=redact(fallback),
        )


@dataclass(slots=True)
class _Case:
    """One question, and what triage found about it."""

    question: str
    scope: Scope
    memory: Memory
    diagnosis: Diagnosis | None = None
    intent: Intent = Intent.INVESTIGATE
    fresh: bool = True
    evidence: dict[str, Evidence] = field(default_factory=dict)


def conclusion(turn: Turn, model: str, *, fresh: bool) -> Iterator[Event]:
    """Yield the events that end an answer of the model.

    A diagnosis that it submitted is merged with the engine's; after prose the engine's stands.
    """
    usage = turn.budget.usage()
    if turn.submission is None:
        foot = f"\n\n---\n{turn.prose.footer() if turn.prose else ''} {model}: {turn.budget}.\n"
        yield TextDelta(foot)
        yield AnswerGiven(turn.text + foot, model)
        added = fitting(turn.proposals, turn.engine, model)
        if fresh or added:
            mitigations = (*turn.engine.mitigations, *added)
            spent = total(turn.engine.usage, usage)
            yield DiagnosisReady(replace(turn.engine, usage=spent, mitigations=mitigations))
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
    if turn.agreement is not None:
        yield Notice(str(turn.agreement))
    added = fitting(turn.proposals, merged.diagnosis, model)
    diagnosis = replace(merged.diagnosis, mitigations=(*merged.diagnosis.mitigations, *added))
    foot = f"\n---\n{turn.submission.footer} {model}: {turn.budget}.\n"
    text = diagnosis_markdown(diagnosis) + foot
    yield from spoken(text, author=model, prefix=turn.text)
    yield DiagnosisReady(diagnosis)
