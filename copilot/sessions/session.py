"""One conversation: everything that happens in it is stored before a surface sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from copilot.agent.seams import Answering
from copilot.mitigation.door import Door
from copilot.model.clock import Clock
from copilot.model.diagnosis import Diagnosis
from copilot.model.errors import ApprovalError, CopilotError
from copilot.model.events import (
    AnswerGiven,
    ApprovalNeeded,
    DiagnosisReady,
    Event,
    InvestigationFailed,
    Notice,
    QuestionAsked,
)
from copilot.model.scope import Scope
from copilot.sessions.ledger import AnswerJournal, AnswerLedger, begun_at
from copilot.sessions.ratings import Ratings
from copilot.sessions.resuming import Resumption, Unanswered
from copilot.sessions.scoping import Scoping
from copilot.sessions.store import SessionStore

EventT = TypeVar("EventT", bound=Event)


class Answerer(Protocol):
    """What answers a question: an agent that also knows what was said before."""

    def investigate(
        self, question: str, scope: Scope, history: Sequence[Event] = ()
    ) -> AsyncIterator[Event]:
        """Answer; `history` holds the session's earlier events, oldest first."""
        ...


@runtime_checkable
class Resumable(Protocol):
    """An answerer that keeps a journal, so that a killed answer can be gone on with."""

    def answer(
        self, question: str, scope: Scope, history: Sequence[Event], given: Answering
    ) -> AsyncIterator[Event]:
        """Answer as `Answerer.investigate` does."""
        ...


class Session:
    """Fits `copilot.sessions.protocols.Conversation`."""

    def __init__(
        self,
        id: str,
        store: SessionStore,
        answerer: Answerer,
        scoping: Scoping,
        clock: Clock,
        door: Door | None = None,
        team: str = "",
    ) -> None:
        self._id, self._store, self._answerer = id, store, answerer
        self._scoping, self._clock, self._door = scoping, clock, door
        self._team = team
        self._stop = asyncio.Event()

    @property
    def id(self) -> str:
        """The id to resume it by."""
        return self._id

    def history(self) -> Sequence[Event]:
        """All events stored so far, in order."""
        return self._store.events(self._id)

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The latest diagnosis, if there is one."""
        ready = [e.diagnosis for e in self.history() if isinstance(e, DiagnosisReady)]
        return ready[-1] if ready else None

    async def ask(
        self, text: str, *, user: str = "", scope: Scope | None = None
    ) -> AsyncIterator[Event]:
        """Ask something; yields the events of the answer, each already stored.

        A question that a killed process had begun to answer is gone on with: what was asked of the
        tools and the model is not asked again. Ends with `ApprovalNeeded` when the best cause has a
        fix that can be applied. A failure of a source that makes any answer impossible is yielded as
        `InvestigationFailed`.
        """
        self._stop.clear()
        history = self.history()
        begun = self._unfinished(history)
        if begun is not None and begun.text == text:
            scope = begun.scope or scope
            turn, history, since = begun.position, history[: begun.position], begun.since
        else:
            turn, since = len(history), ()
            yield self._keep(QuestionAsked(text, user))
        journal = AnswerJournal(
            self._store.engine, self._clock, self._id, turn, user=user, team=self._team
        )
        found = {piece.id: piece for piece in self._store.evidence(self._id)} if since else {}
        given = Answering(self._id, user, journal, self._stop, found)
        resumption = Resumption(since)
        diagnosis: Diagnosis | None = None
        try:
            scope = await self._scoping.scope(text, history, scope)
            async for event in self._answers(text, scope, history, given):
                for fresh in resumption.new(event):
                    yield self._keep(fresh)
                if isinstance(event, DiagnosisReady):
                    diagnosis = event.diagnosis
        except CopilotError as error:
            yield self._keep(InvestigationFailed(type(error).__name__, error.message, error.hint))
            return
        journal.clear()
        if diagnosis is not None and (offer := await self._offer(diagnosis)) is not None:
            yield self._keep(offer)

    @property
    def unfinished(self) -> str | None:
        """The question whose answer a killed process had begun; None when there is none."""
        begun = self._unfinished(self.history())
        return None if begun is None else begun.text

    def _unfinished(self, history: Sequence[Event]) -> Unanswered | None:
        return Unanswered.of(history, begun_at(self._store.engine, self._id))

    def stop(self) -> None:
        """End the answer that is being given with the best one so far."""
        self._stop.set()

    @property
    def answered(self) -> int:
        """Position of the last question that has an answer, -1 when there is none."""
        asked, answered = -1, -1
        for position, event in enumerate(self.history()):
            if isinstance(event, QuestionAsked):
                asked = position
            elif isinstance(event, AnswerGiven):
                answered = asked
        return answered

    def rate(self, useful: int, *, text: str = "", user: str = "", turn: int = -1) -> Ratings:
        """Say how useful an answer was, 1 to 5; return what all think of it."""
        ledger = AnswerLedger(self._store.engine)
        turn = ledger.rate(self._id, useful, self._clock.now(), text=text, user=user, turn=turn)
        return ledger.ratings(session=self._id, turn=turn)

    def _answers(
        self, text: str, scope: Scope, history: Sequence[Event], given: Answering
    ) -> AsyncIterator[Event]:
        if isinstance(self._answerer, Resumable):
            return self._answerer.answer(text, scope, history, given)
        return self._answerer.investigate(text, scope, history)

    async def propose(self, diagnosis: Diagnosis, mitigation_id: str) -> ApprovalNeeded:
        """Dry-run one of the diagnosis' mitigations and ask for approval. Raises `CopilotError`."""
        for mitigation in diagnosis.mitigations:
            if mitigation.id == mitigation_id:
                proposal = await self._open().propose(self._id, diagnosis, mitigation)
                event = ApprovalNeeded(proposal.id, mitigation, proposal.diff)
                self._keep(event)
                return event
        raise ApprovalError(
            f"there is no mitigation {mitigation_id!r} in session {self._id}",
            hint=f"there are: {', '.join(m.id for m in diagnosis.mitigations) or 'none'}",
        )

    async def decide(self, approval: str, *, approved: bool, by: str) -> AsyncIterator[Event]:
        """Approve or decline a proposed write; yields its progress to `ActionFinished`."""
        async for event in self._open().decide(approval, approved=approved, by=by):
            yield self._keep(event)

    async def undo(self, approval: str, *, by: str) -> AsyncIterator[Event]:
        """Take an applied write back."""
        async for event in self._open().undo(approval, by=by):
            yield self._keep(event)

    def _open(self) -> Door:
        if self._door is None:
            raise ApprovalError("this session is read-only", hint="set mitigation.enabled = true")
        return self._door

    async def _offer(self, diagnosis: Diagnosis) -> Event | None:
        # Only for the most likely cause: a fix for a rival would be a guess.
        top = diagnosis.root_causes[0].cause if diagnosis.root_causes else ""
        fitting = (m for m in diagnosis.mitigations if m.automatic and m.cause == top)
        best = next(fitting, None)
        if best is None or self._door is None:
            return None
        try:
            proposal = await self._open().propose(self._id, diagnosis, best)
        except CopilotError as error:
            return Notice(f"The fix cannot be applied from here: {error}")
        return ApprovalNeeded(proposal.id, best, proposal.diff)

    def _keep(self, event: EventT) -> EventT:
        self._store.append(self._id, event, self._clock.now())
        return event
