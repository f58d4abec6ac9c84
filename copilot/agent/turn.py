"""One answer: its states, what has been said, used and found so far, and how it comes to an end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field

from copilot.agent.answer import (
    SUBMIT,
    Invalid,
    Submission,
    find_json,
    read,
    read_arguments,
    schema,
)
from copilot.agent.budget import Budget
from copilot.agent.calls import Model, Reply, ToolCall
from copilot.agent.failures import ContextTooLong, ToolsRefused, Unfounded
from copilot.agent.grounding import Known, TextCheck
from copilot.agent.journal import keep_reply, stored_reply
from copilot.agent.merge import Checked, check, objects_of
from copilot.agent.messages import Message, Transcript
from copilot.agent.prompts import render
from copilot.agent.samples import Agreement, sample
from copilot.agent.seams import Answering, ToolboxLike
from copilot.agent.settings import ModelSettings
from copilot.agent.smallness import Guide
from copilot.agent.speech import Speech
from copilot.agent.states import PROPOSE_TOOL, State, allowed, refusal
from copilot.agent.streams import closing
from copilot.agent.telemetry import Trace
from copilot.agent.textcalls import with_calls
from copilot.agent.toolcalls import News, Runner, call_text, object_text
from copilot.model.action import Action
from copilot.model.diagnosis import Diagnosis, Verdict
from copilot.model.errors import ModelError
from copilot.model.events import (
    BudgetUsed,
    Event,
    EvidenceFound,
    Notice,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from copilot.model.evidence import Evidence


@dataclass(slots=True)
class Turn:
    """The state of one answer. `steps` runs it; then `submission` or `text` holds the result.

    `diagnosing` says that the question wants a diagnosis, so that prose alone is no answer.
    `reopen` begins the conversation again, without native tool calls. `text` is all that was streamed
    to the reader, already checked and marked.
    """

    client: Model
    settings: ModelSettings
    reopen: Callable[[bool], Transcript]
    tools: list[Message]
    toolbox: ToolboxLike
    budget: Budget
    engine: Diagnosis
    evidence: dict[str, Evidence]
    diagnosing: bool
    name: str
    given: Answering
    trace: Trace
    state: State = State.DIAGNOSE
    text: str = ""
    submission: Checked | None = None
    prose: TextCheck | None = None
    agreement: Agreement | None = None
    proposals: list[Action] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    guide: Guide | None = None
    transcript: Transcript = field(init=False)
    _asked: list[Message] = field(default_factory=list)
    _closing: str = ""
    _nudged: bool = False
    _corrected: bool = False
    _tightened: bool = False
    _news: News = field(default_factory=News)

    def __post_init__(self) -> None:
        self.transcript = self.reopen(self.client.calls_tools)
        if self.guide is not None and self.diagnosing:
            self.transcript.user(self.guide.hint())

    async def steps(self) -> AsyncIterator[Event]:
        """The loop: ask the model once, then do what its state allows. Raises `ModelError`."""
        while self.state is not State.DONE:
            reply: Reply | None = None
            speech = Speech(self._known, live=not self.diagnosing and self.client.calls_tools)
            async with closing(self._ask()) as parts:
                async for part in parts:
                    if isinstance(part, Reply):
                        reply = part
                    elif isinstance(part, Notice):
                        yield part
                    elif shown := speech.feed(part):
                        yield self._say(shown)
            reply = self._complete(reply)
            yield self._used()
            self.transcript.assistant(reply)
            if any(call.name == SUBMIT for call in reply.calls) and self.submission is None:
                speech.drop()
                self.state = await self._judged(reply.calls)
            elif reply.calls:
                if shown := speech.end(more=True):
                    yield self._say(shown)
                async for event in self._look(reply.calls):
                    yield event
            elif self.submission is not None:
                self.state = State.DONE
            else:
                self.state = await self._written(reply.text, speech)
                if self.state is State.DONE and self.submission is None:
                    if shown := speech.end(more=False):
                        yield self._say(shown)
                    self.prose = speech.check
                    if self.prose is not None and self.prose.claims and not self.prose.verified:
                        raise Unfounded("Nothing that the model said holds against the evidence.")

    # asking

    async def _ask(self) -> AsyncIterator[str | Reply | Notice]:
        if not self._closing and (why := self._last_step()):
            self._closing = why
            self.transcript.user(render("last_step", reason=why))
        step = f"{self.name}.{self.budget.steps}"
        if (before := stored_reply(self.given.journal, step)) is not None:
            self.budget.count(before.spent)
            yield before.text
            yield before
            return
        while True:
            try:
                async with closing(self._request(step)) as parts:
                    async for part in parts:
                        yield part
                return
            except ToolsRefused:
                # Only a first request is answered so: there is nothing yet to carry over.
                self.transcript = self.reopen(False)
            except ContextTooLong:
                if self._tightened or not self.transcript.tighten():
                    raise
                self._tightened = True
                yield Notice(
                    "The conversation was longer than the model can read; older results were shortened."
                )

    async def _request(self, step: str) -> AsyncIterator[str | Reply]:
        self._asked = self.transcript.request()
        if why := self.budget.exhausted(self.transcript.tokens):
            raise ModelError(f"The model was stopped before it had an answer: {why}.")
        tools = self.tools if self.client.calls_tools else []
        with self.trace.chat(self._asked) as span:
            replies = self.client.reply(self._asked, tools, seconds=self.budget.seconds_left)
            async with closing(replies) as parts:
                async for part in parts:
                    if isinstance(part, Reply):
                        self.budget.count(part.spent)
                        keep_reply(self.given.journal, step, part)
                        span.replied(part.spent, part.finish, part.text)
                    yield part

    def _complete(self, reply: Reply | None) -> Reply:
        if reply is not None:
            reply = with_calls(reply, self._names, self.budget.steps)
            if reply.text.strip() or reply.calls:
                return reply
        cut = reply is not None and reply.finish == "length"
        hint = "it used all of reply_tokens before it wrote anything" if cut else ""
        raise ModelError("The model gave an empty answer.", hint=hint)

    def _last_step(self) -> str:
        if self._news.stale_steps >= 2:
            return "its last calls brought nothing new"
        return self.budget.nearly(self.transcript.tokens)

    # looking

    async def _look(self, calls: tuple[ToolCall, ...]) -> AsyncIterator[Event]:
        if self._closing:
            if self.submission is not None:
                self.state = State.DONE
                return
            raise ModelError(f"The model kept calling tools and gave no answer: {self._closing}.")
        names = {f"{self.name}-{self.budget.steps}.{n}": call for n, call in enumerate(calls)}
        for name, call in names.items():
            yield ToolStarted(name, call.name, object_text(call.arguments))
        runner = Runner(self.toolbox, self.given.journal, self.trace)
        outcomes = await runner.run_all(
            names, self._refusals(names), seconds=self.budget.seconds_left
        )
        self._news.take(outcomes)
        self.transcript.tools([(outcome.call, outcome.result, outcome.ok) for outcome in outcomes])
        for name, outcome in zip(names, outcomes, strict=True):
            call, result = outcome.call, outcome.result
            self.budget.tool_calls += 1
            self.budget.tool_errors += not outcome.ok
            self.proposals += result.proposals
            for event in self._new(result.evidence):
                yield event
            ids = tuple(piece.id for piece in result.evidence)
            if outcome.ok:
                self.looked_at.append(call_text(call))
            yield ToolFinished(name, call.name, outcome.ok, outcome.seconds, result.text, ids)
            if self.guide is not None:
                self.guide.called(call.name, call.arguments)
        if self.guide is not None and self.diagnosing:
            self.transcript.user(self.guide.hint())

    def _refusals(self, calls: dict[str, ToolCall]) -> dict[str, str]:
        may = allowed(self.state, self._names, concluded=self.submission is not None)
        return {
            name: refusal(call.name, self.state, may)
            for name, call in calls.items()
            if call.name in self._names and call.name not in may
        }

    @property
    def _names(self) -> list[str]:
        return [tool["function"]["name"] for tool in self.tools]

    def _new(self, pieces: Iterable[Evidence]) -> Iterable[Event]:
        for piece in pieces:
            if piece.id not in self.evidence:
                self.evidence[piece.id] = piece
                yield EvidenceFound(piece)

    def _known(self) -> Known:
        evidence = {**self.toolbox.evidence, **self.evidence}
        engine = self.engine
        return Known.of(evidence, objects_of(engine), engine.scope, engine.findings)

    def _say(self, text: str) -> TextDelta:
        self.text += text
        return TextDelta(text)

    def _used(self) -> BudgetUsed:
        usage = self.budget.usage()
        tokens = usage.input_tokens + usage.output_tokens
        return BudgetUsed(self.budget.steps, self.state.value, tokens, usage.seconds, usage.money)

    # answering

    async def _judged(self, calls: tuple[ToolCall, ...]) -> State:
        """Check what was submitted; return where that leads."""
        submits = [call for call in calls if call.name == SUBMIT]
        try:
            if len({object_text(call.arguments) for call in submits}) > 1:
                raise Invalid(f"you gave {len(submits)} different answers at once: give one")
            faults = self._accept(read_arguments(submits[0].arguments, self._proposed))
        except Invalid as error:
            faults = self._invalid(error)
        text = render("correct", faults=faults, tools=True) if faults else "Accepted."
        state = State.VERIFY if faults else await self._concluded()
        if state is State.PROPOSE:
            assert self.submission is not None
            text = render("propose", cause=self.submission.root_causes[0])
        for other in calls:
            self.transcript.answer(other, text if other is submits[0] else "Not carried out.")
        return state

    async def _written(self, text: str, speech: Speech) -> State:
        """Take a reply without calls: a diagnosis as JSON, or prose."""
        data = find_json(text)
        if data is not None:
            speech.drop()
            try:
                faults = self._accept(read(data, self._proposed))
            except Invalid as error:
                faults = self._invalid(error)
            if faults:
                tools = self.client.calls_tools
                self.transcript.user(render("correct", faults=faults, tools=tools))
                return State.VERIFY
            await self._concluded()
            return State.DONE
        if self.diagnosing and not (self._nudged or self._closing):
            self._nudged = True
            speech.drop()
            tools = self.client.calls_tools
            form = "" if tools else json.dumps(schema())
            self.transcript.user(render("submit", tools=tools, schema=form))
            return self.state
        if self.diagnosing and not self._verifies(text):
            raise ModelError("The model gave no answer that can be checked.")
        return State.DONE

    def _accept(self, submission: Submission) -> list[str]:
        """Take a submission, or return what is to be corrected; there is one correction."""
        checked = check(submission, self._known(), self.engine)
        if checked.faults and not self._corrected and not self._closing:
            self._corrected = True
            return list(checked.faults)
        self.submission = checked
        return []

    async def _concluded(self) -> State:
        """A diagnosis is accepted: hear others if it is a hard case, then look for a fix."""
        if self.settings.samples > 1 and self._hard():
            await self._sample()
        return State.PROPOSE if self._wants_a_fix() else State.DONE

    def _hard(self) -> bool:
        """Whether the engine and the model disagree, or the model is not sure."""
        assert self.submission is not None
        said, seen = self.submission.root_causes, self.engine.root_causes
        if self.submission.submission.verdict != self.engine.verdict.value:
            return True
        if not said or not seen:
            return bool(said or seen)
        return said[0].confidence < 0.8 or said[0].object not in (seen[0].object, *seen[0].also)

    async def _sample(self) -> None:
        assert self.submission is not None
        room = self.settings.max_tokens - self.budget.input_tokens - self.budget.output_tokens
        count = min(self.settings.samples - 1, room // max(self.transcript.tokens, 1) - 1)
        tools = self.tools if self.client.calls_tools else []
        replies = await sample(
            self.client, self._asked, tools, count, seconds=self.budget.seconds_left / 2
        )
        others = []
        for reply in replies:
            self.budget.count(reply.spent, step=False)
            if (found := self._submission_of(reply)) is not None:
                others.append(check(found, self._known(), self.engine))
        self.agreement = Agreement.of([self.submission, *others])
        self.submission = self.agreement.chosen

    def _submission_of(self, reply: Reply) -> Submission | None:
        reply = with_calls(reply, self._names, 0)
        try:
            for call in reply.calls:
                if call.name == SUBMIT:
                    return read_arguments(call.arguments, self._proposed)
            data = find_json(reply.text)
            return None if data is None else read(data, self._proposed)
        except Invalid:
            return None

    def _wants_a_fix(self) -> bool:
        """Whether a change should be looked for: there is a cause that holds, and no fix for it."""
        assert self.submission is not None
        causes = self.submission.root_causes
        if self._closing or PROPOSE_TOOL not in self._names or not self.client.calls_tools:
            return False
        if self.submission.submission.verdict != Verdict.INCIDENT.value or not causes:
            return False
        top = causes[0]
        return not top.unverified and all(m.cause != top.cause for m in self.engine.mitigations)

    @property
    def _proposed(self) -> tuple[str, ...]:
        return tuple(mitigation.id for mitigation in self.engine.mitigations)

    def _verifies(self, text: str) -> bool:
        check = TextCheck(self._known())
        check.whole(text)
        return check.verified + check.inferred > 0

    def _invalid(self, error: Invalid) -> list[str]:
        if self._corrected or self._closing:
            raise ModelError(f"The model's answer was not in the agreed form: {error}") from error
        self._corrected = True
        return str(error).splitlines()
