"""Our copilot as an agent: it looks with its own tools, and submits what it finds.

It gets what a person would get, a kubeconfig and URLs; its proposed repair is approved.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from copilot.config.settings import KnowledgeSection, ModelSection
from copilot.model.causes import CAUSES
from copilot.model.diagnosis import Diagnosis, RootCause, Verdict
from copilot.model.errors import CopilotError
from copilot.model.events import (
    ActionFinished,
    AnswerGiven,
    ApprovalNeeded,
    DiagnosisReady,
    Event,
    InvestigationFailed,
    ToolFinished,
    ToolStarted,
)
from copilot.sessions.assemble import Copilot, assemble
from eval import memory
from eval.agents.protocol import Briefing, Open, Spent, block, submit_call
from eval.local import inside
from eval.problems import Task
from eval.session.costs import OWN_TOOL, spend

_QUESTION = "Is something wrong with this application? If so: where, why, and what would repair it?"
_SURE = 0.6
_REPAIRS = 3
"""How many repairs in a row are approved in one session."""

_SERVICES = ("Deployment", "StatefulSet", "DaemonSet", "Service", "Pod")


def copilot_agent(*, model: bool) -> Open:
    """Return our copilot, with its language model or as the evidence engine alone."""

    @asynccontextmanager
    async def open_(briefing: Briefing) -> AsyncIterator[CopilotAgent]:
        with tempfile.TemporaryDirectory(
            prefix="incident-copilot-eval-", dir=_in_memory(), ignore_cleanup_errors=True
        ) as folder:
            place = Path(folder)
            if briefing.knowledge is not None:
                await asyncio.to_thread(memory.copy, briefing.knowledge, place)
            builtin = KnowledgeSection(builtin=briefing.knowledge is not None)
            settings = inside(briefing.environment, briefing.settings, place).model_copy(
                update={
                    "knowledge": builtin,
                    "model": briefing.settings.model if model else ModelSection(enabled=False),
                }
            )
            async with assemble(settings, clock=briefing.environment.clock) as copilot:
                yield CopilotAgent(briefing, copilot)

    return open_


def _in_memory() -> str | None:
    """A folder without a disk behind it, where the system has one: nothing here must survive."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


class CopilotAgent:
    """Fits `eval.agents.protocol.Playing`."""

    turn_seconds = 0.0

    def __init__(self, briefing: Briefing, copilot: Copilot) -> None:
        self._briefing, self._copilot = briefing, copilot
        self._session = copilot.start(title="evaluation")
        self._calls: set[tuple[str, str]] = set()
        self.spent = Spent()

    async def get_action(self, input: str, /) -> str:
        """Investigate, repair if that is asked, and submit; or answer a user."""
        task = self._briefing.problem.task
        if task is Task.CONVERSATION:
            self.spent.answer = ""
            diagnosis, _ = await self._investigate(input)
            if diagnosis is not None:
                self._tell(diagnosis)
            return self.spent.answer or self.spent.failure
        diagnosis, approval = await self._investigate(_QUESTION)
        if diagnosis is not None:
            self._tell(diagnosis)
        if task.writes and approval is not None:
            await self._repair_all(approval)
        return block(submission(diagnosis, task))

    async def _investigate(self, question: str) -> tuple[Diagnosis | None, ApprovalNeeded | None]:
        diagnosis: Diagnosis | None = None
        approval: ApprovalNeeded | None = None
        before = self.spent.tool_calls
        async for event in self._session.ask(question):
            self._account(event)
            if isinstance(event, DiagnosisReady):
                diagnosis = event.diagnosis
            elif isinstance(event, ApprovalNeeded):
                approval = event
        calls = self.spent.tool_calls - before
        await spend(self._briefing.environment.clock, OWN_TOOL * calls)
        return diagnosis, approval

    async def _repair_all(self, approval: ApprovalNeeded) -> None:
        """Repair, and look again whether another fault was behind it, as a person would."""
        done: set[str] = set()
        following: ApprovalNeeded | None = approval
        while following and following.mitigation.title not in done and len(done) < _REPAIRS:
            done.add(following.mitigation.title)
            if not await self._repair(following):
                return
            told = self.spent.answer
            # a new talk: in the old one the question is answered from the stored diagnosis
            self._session = self._copilot.start(title="evaluation")
            _, following = await self._investigate(_QUESTION)
            self.spent.answer = f"{told}\n\n{self.spent.answer}"

    async def _repair(self, approval: ApprovalNeeded) -> bool:
        """Have a repair carried out; whether it was, and stayed."""
        stayed = False
        try:
            decided = self._session.decide(approval.approval, approved=True, by="the evaluation")
            async for event in decided:
                if isinstance(event, ActionFinished):
                    stayed = not event.undone
                    self.spent.answer += f"\n\n{approval.mitigation.title}: {event.detail}"
        except CopilotError as error:
            self.spent.failure = f"{approval.mitigation.title}: {error}"
        return stayed

    def _account(self, event: Event) -> None:
        match event:
            case ToolStarted(_, tool, arguments):
                self.spent.repeated += (tool, arguments) in self._calls
                self._calls.add((tool, arguments))
                self.spent.tools[tool] = self.spent.tools.get(tool, 0) + 1
            case ToolFinished(ok=ok):
                self.spent.tool_calls += 1
                self.spent.tool_errors += not ok
            case AnswerGiven(text):
                self.spent.answer = text
            case InvestigationFailed(name, message):
                self.spent.failure = f"{name}: {message}"
            case _:
                pass

    def _tell(self, diagnosis: Diagnosis) -> None:
        spent, usage, causes = self.spent, diagnosis.usage, diagnosis.root_causes
        spent.input_tokens, spent.output_tokens = usage.input_tokens, usage.output_tokens
        spent.money = usage.money
        known = {evidence.id for evidence in diagnosis.evidence}
        spent.claims = len(causes)
        spent.grounded = sum(
            not cause.unverified and bool(cause.evidence) and set(cause.evidence) <= known
            for cause in causes
        )
        spent.named = tuple(dict.fromkeys(str(cause.object) for cause in causes))
        spent.chain = _told_chain(diagnosis)
        if causes:
            spent.cause = causes[0].cause
        spent.confidence = _confidence(diagnosis)


def _confidence(diagnosis: Diagnosis) -> float | None:
    if diagnosis.verdict is Verdict.INCIDENT and diagnosis.root_causes:
        return round(diagnosis.root_causes[0].confidence, 3)
    return None


def _told_chain(diagnosis: Diagnosis) -> tuple[str, ...]:
    """The objects of the first cause's chain: a step is about the finding whose evidence it cites."""
    if not diagnosis.root_causes:
        return ()
    first = diagnosis.root_causes[0]
    told = [str(first.object)]
    for step in first.chain[1:]:
        cited = set(step.evidence)
        about = [f.object for f in diagnosis.findings if cited & set(f.evidence)]
        said = [place for place in about if place.name in step.text] or about
        told += [str(place) for place in said[:1]]
    return tuple(dict.fromkeys(told))


def submission(diagnosis: Diagnosis | None, task: Task) -> str:
    """The diagnosis as the call that answers a task."""
    causes = diagnosis.root_causes if diagnosis else ()
    incident = _something_wrong(diagnosis)
    services = _services(causes) if incident else []
    return submit_call(task, anomaly=incident, services=services, **_kind(causes))


def _something_wrong(diagnosis: Diagnosis | None) -> bool:
    """Only yes or no can be submitted: the undecided answer yes when they name a suspect."""
    if diagnosis is None or diagnosis.verdict is Verdict.HEALTHY:
        return False
    return diagnosis.verdict is Verdict.INCIDENT or bool(diagnosis.root_causes)


def _kind(causes: tuple[RootCause, ...]) -> dict[str, str]:
    known = CAUSES.get(causes[0].cause if causes else "unknown", CAUSES["unknown"])
    return {"level": known.system_level, "type_": known.fault_type}


def _services(causes: tuple[RootCause, ...]) -> list[str]:
    """What the first cause sits in, and the services of others that are as good as sure."""
    named: list[str] = []
    for number, cause in enumerate(causes):
        places = [o.name for o in (cause.object, *cause.also) if o.kind in _SERVICES]
        if number == 0:
            named += places[:1] or [cause.object.name]
        elif cause.confidence >= _SURE:
            named += places[:1]
    return list(dict.fromkeys(named))
