"""One answer: what has been said, used and found so far, and how it comes to an end."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
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
from copilot.agent.client import ModelClient, Reply, ToolCall
from copilot.agent.grounding import Known, TextCheck
from copilot.agent.merge import Checked, check, objects_of
from copilot.agent.messages import Message, Transcript
from copilot.agent.prompts import render
from copilot.agent.seams import ToolboxLike
from copilot.agent.speech import Speech
from copilot.agent.streams import closing
from copilot.agent.toolcalls import News, call_text, object_text, run_all
from copilot.model.diagnosis import Diagnosis
from copilot.model.errors import ModelError
from copilot.model.events import Event, EvidenceFound, TextDelta, ToolFinished, ToolStarted
from copilot.model.evidence import Evidence


@dataclass(slots=True)
class Turn:
    """The state of one answer. `steps` runs it; then `submission` or `text` holds the result.

    `diagnosing` says that the question wants a diagnosis, so that prose alone is no answer.
    `text` is all that was streamed to the reader, already checked and marked.
    """

    client: ModelClient
    transcript: Transcript
    tools: list[Message]
    toolbox: ToolboxLike
    budget: Budget
    engine: Diagnosis
    evidence: dict[str, Evidence]
    diagnosing: bool
    name: str
    text: str = ""
    submission: Checked | None = None
    prose: TextCheck | None = None
    looked_at: list[str] = field(default_factory=list)
    _closing: str = ""
    _nudged: bool = False
    _corrected: bool = False
    _news: News = field(default_factory=News)

    async def steps(self) -> AsyncIterator[Event]:
        """Ask the model, run its calls, until it has answered. Raises `ModelError`."""
        while self.submission is None and self.prose is None:
            reply: Reply | None = None
            speech = Speech(self._known, live=not self.diagnosing)
            async with closing(self._ask()) as parts:
                async for part in parts:
                    if isinstance(part, Reply):
                        reply = part
                    elif shown := speech.feed(part):
                        yield self._say(shown)
            if reply is None or not (reply.text.strip() or reply.calls):
                cut = reply is not None and reply.finish == "length"
                hint = "it used all of reply_tokens before it wrote anything" if cut else ""
                raise ModelError("The model gave an empty answer.", hint=hint)
            self.transcript.assistant(reply)
            if any(call.name == SUBMIT for call in reply.calls):
                self._submitted(reply.calls)
            elif reply.calls:
                if shown := speech.end(more=True):
                    yield self._say(shown)
                async for event in self._run(reply.calls):
                    yield event
            elif self._written(reply.text, speech):
                if shown := speech.end(more=False):
                    yield self._say(shown)
                self.prose = speech.check

    async def _ask(self) -> AsyncIterator[str | Reply]:
        if not self._closing and (why := self._last_step()):
            self._closing = why
            self.transcript.user(render("last_step", reason=why))
        messages = self.transcript.request()
        if why := self.budget.exhausted(self.transcript.tokens):
            raise ModelError(f"The model was stopped before it had an answer: {why}.")
        tools = self.tools if self.client.calls_tools else []
        replies = self.client.reply(messages, tools, seconds=self.budget.seconds_left)
        async with closing(replies) as parts:
            async for part in parts:
                if isinstance(part, Reply):
                    self.budget.count(part.spent)
                yield part

    def _last_step(self) -> str:
        if self._news.stale_steps >= 2:
            return "its last calls brought nothing new"
        return self.budget.nearly(self.transcript.tokens)

    async def _run(self, calls: tuple[ToolCall, ...]) -> AsyncIterator[Event]:
        if self._closing:
            raise ModelError(f"The model kept calling tools and gave no answer: {self._closing}.")
        names = {call.id: f"{self.name}-{self.budget.steps}.{n}" for n, call in enumerate(calls)}
        for call in calls:
            yield ToolStarted(names[call.id], call.name, object_text(call.arguments))
        outcomes = await run_all(calls, self.toolbox, seconds=self.budget.seconds_left)
        self._news.take(outcomes)
        self.transcript.tools([(outcome.call, outcome.result, outcome.ok) for outcome in outcomes])
        for outcome in outcomes:
            call, result = outcome.call, outcome.result
            self.budget.tool_calls += 1
            for event in self._new(result.evidence):
                yield event
            ids = tuple(piece.id for piece in result.evidence)
            if outcome.ok:
                self.looked_at.append(call_text(call))
            yield ToolFinished(
                names[call.id], call.name, outcome.ok, outcome.seconds, result.text, ids
            )

    def _new(self, pieces: Iterable[Evidence]) -> Iterable[Event]:
        for piece in pieces:
            if piece.id not in self.evidence:
                self.evidence[piece.id] = piece
                yield EvidenceFound(piece)

    def _known(self) -> Known:
        return Known.of({**self.toolbox.evidence, **self.evidence}, objects_of(self.engine))

    def _say(self, text: str) -> TextDelta:
        self.text += text
        return TextDelta(text)

    def _submitted(self, calls: tuple[ToolCall, ...]) -> None:
        call = next(call for call in calls if call.name == SUBMIT)
        try:
            faults = self._accept(read_arguments(call.arguments, self._proposed))
        except Invalid as error:
            faults = self._invalid(error)
        if faults:
            for other in calls:
                text = render("correct", faults=faults, tools=True)
                self.transcript.answer(other, text if other is call else "Not carried out.")

    def _verifies(self, text: str) -> bool:
        check = TextCheck(self._known())
        check.whole(text)
        return check.verified > 0

    @property
    def _proposed(self) -> tuple[str, ...]:
        return tuple(mitigation.id for mitigation in self.engine.mitigations)

    def _accept(self, submission: Submission) -> list[str]:
        """Take a submission, or return what is to be corrected; there is one correction."""
        checked = check(submission, self._known(), self.engine)
        if checked.faults and not self._corrected and not self._closing:
            self._corrected = True
            return list(checked.faults)
        self.submission = checked
        return []

    def _written(self, text: str, speech: Speech) -> bool:
        """Take a reply without calls; return whether it is the answer as it stands."""
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
            return False
        if self.diagnosing and not (self._nudged or self._closing):
            self._nudged = True
            speech.drop()
            tools = self.client.calls_tools
            form = "" if tools else json.dumps(schema())
            self.transcript.user(render("submit", tools=tools, schema=form))
            return False
        if self.diagnosing and not self._verifies(text):
            raise ModelError("The model gave no answer that can be checked.")
        return True

    def _invalid(self, error: Invalid) -> list[str]:
        if self._corrected or self._closing:
            raise ModelError(f"The model's answer was not in the agreed form: {error}") from error
        self._corrected = True
        return str(error).splitlines()
