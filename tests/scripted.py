"""A conversation with fixed answers, for tests of surfaces alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from copilot.model.action import Mitigation, PatchServicePort, Risk
from copilot.model.diagnosis import Diagnosis, Finding, RootCause, Severity, Verdict
from copilot.model.errors import ApprovalError
from copilot.model.events import (
    ActionFinished,
    ActionProgress,
    AnswerGiven,
    ApprovalGiven,
    ApprovalNeeded,
    BudgetUsed,
    DiagnosisReady,
    Event,
    EvidenceFound,
    FindingReported,
    HypothesesRanked,
    InvestigationStarted,
    QuestionAsked,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import ObjectRef, Scope, Window
from copilot.sessions.ratings import Rating, Ratings

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
SERVICE = ObjectRef("Service", "shop", "orders")
SCOPE = Scope("prod", ("shop",), Window.last(NOW))
EVIDENCE = Evidence.of(
    Source.LOGS,
    "kubectl -n shop logs deploy/web",
    "dial tcp 10.0.0.7:8080: connect: connection refused\n" * 40,
    start=NOW,
    end=NOW,
    excerpt="dial tcp 10.0.0.7:8080: connect: connection refused",
)
CAUSE = RootCause(
    SERVICE,
    "service.target_port_mismatch",
    "Service orders sends to port 9999, where nothing listens.",
    0.93,
    (EVIDENCE.id,),
)
MITIGATION = Mitigation(
    "m-1",
    CAUSE.cause,
    "Set targetPort of Service orders to 8080",
    PatchServicePort(SERVICE, 80, 8080),
    Risk.LOW,
    "set targetPort back to 9999",
    "kubectl -n shop patch service orders …",
)
DIFF = "--- Service/orders (now)\n+++ Service/orders (after)\n-    targetPort: 9999\n+    targetPort: 8080"
USED = BudgetUsed(2, "diagnose", 12_345, 6.7, 0.0123)
OFFER = ApprovalNeeded("ap-1", MITIGATION, DIFF)
ANSWER = f"## Root cause\n\n**{CAUSE.summary}** [{EVIDENCE.id}]\n"
DIAGNOSIS = Diagnosis(
    Verdict.INCIDENT,
    CAUSE.summary,
    SCOPE,
    root_causes=(CAUSE,),
    findings=(
        Finding("service.port", SERVICE, Severity.CRITICAL, "nobody listens", (EVIDENCE.id,)),
    ),
    evidence=(EVIDENCE,),
    mitigations=(MITIGATION,),
)


class ScriptedConversation:
    """Fits `Conversation`; remembers what was asked, decided and rated.

    A `patient` one answers only when it is stopped.
    """

    def __init__(self, past: Sequence[Event] = ()) -> None:
        self._past = list(past)
        self.asked: list[tuple[str, str]] = []
        self.decided: list[tuple[str, bool, str]] = []
        self.rated: list[Rating] = []
        self.stopped = asyncio.Event()
        self.patient = False

    @property
    def id(self) -> str:
        return "s-test"

    def history(self) -> Sequence[Event]:
        return self._past

    async def ask(
        self, text: str, *, user: str = "", scope: Scope | None = None
    ) -> AsyncIterator[Event]:
        self.asked.append((text, user))
        yield QuestionAsked(text, user)
        yield InvestigationStarted(SCOPE)
        yield ToolStarted("c1", "get_logs")
        yield EvidenceFound(EVIDENCE)
        yield ToolFinished("c1", "get_logs", True, 0.1, "…", (EVIDENCE.id,))
        yield FindingReported(DIAGNOSIS.findings[0])
        yield HypothesesRanked((CAUSE,))
        yield USED
        if self.patient:
            await self.stopped.wait()
        for piece in (ANSWER[:12], ANSWER[12:]):
            yield TextDelta(piece)
        yield AnswerGiven(ANSWER, "engine")
        yield DiagnosisReady(DIAGNOSIS)
        yield OFFER

    def stop(self) -> None:
        self.stopped.set()

    @property
    def answered(self) -> int:
        return len(self.asked) - 1

    def rate(self, useful: int, *, text: str = "", user: str = "", turn: int = -1) -> Ratings:
        turn = self.answered if turn < 0 else turn
        self.rated = [r for r in self.rated if (r.user, r.turn) != (user, turn)]
        self.rated.append(Rating(self.id, turn, NOW, user, useful, text))
        return Ratings(tuple(r for r in self.rated if r.turn == turn))

    async def decide(self, approval: str, *, approved: bool, by: str) -> AsyncIterator[Event]:
        if self.decided:
            raise ApprovalError(f"approval {approval} is used", hint="investigate again")
        self.decided.append((approval, approved, by))
        yield ApprovalGiven(approval, approved, by)
        if approved:
            yield ActionProgress(approval, "applied", MITIGATION.title)
            yield ActionProgress(approval, "verified", "the symptom is gone after 10 s")
            yield ActionFinished(approval, True, False, "the symptom is gone after 10 s")
