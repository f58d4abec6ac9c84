"""Runs one problem: deploy, break, let the agent work, grade, repair."""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from copilot.config.settings import (
    KnowledgeSection,
    ModelSection,
    Settings,
)
from copilot.model.diagnosis import Diagnosis
from copilot.model.errors import CopilotError
from copilot.model.events import (
    ActionFinished,
    AnswerGiven,
    ApprovalNeeded,
    DiagnosisReady,
    InvestigationFailed,
    ToolFinished,
)
from copilot.sessions.assemble import Copilot, assemble
from eval import memory
from eval.apps.loader import load_app
from eval.environments.emulator.environment import Emulator
from eval.faults.registry import fault as make_fault
from eval.graders import (
    Grade,
    cause_named,
    grade_analysis,
    grade_detection,
    grade_localization,
)
from eval.local import inside
from eval.problems import Problem, Task
from eval.protocols import Environment, Expected

_UNTIL_PAGED = 240.0
_SETTLE = 75.0
_QUESTION = "Is something wrong with this application? If so: where, why, and what would repair it?"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent under test. `model` False is the evidence engine alone."""

    name: str
    model: bool
    builtin: bool = True
    incidents: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """One problem's grades for one candidate. `seconds` is wall time of the agent alone."""

    problem: Problem
    candidate: Candidate
    seed: int
    grades: tuple[Grade, ...]
    cause_named: bool | None
    diagnosis: Diagnosis | None
    expected: Expected | None
    answer: str
    error: str
    tool_calls: int
    tool_errors: int
    virtual_seconds: float
    seconds: float


async def run_problem(
    settings: Settings, problem: Problem, candidate: Candidate, *, seed: int, prepared: Path
) -> Result:
    """Run one problem from a fresh environment to its grades.

    `prepared` is a state folder with the candidate's knowledge; it is copied, never changed.
    """
    app = load_app(problem.app)
    environment = await Emulator.start(app, seed=seed)
    try:
        expected = None
        if problem.fault:
            fault = make_fault(problem.fault, app)
            expected = fault.expected(environment, problem.target)
            await fault.inject(environment, problem.target)
        await environment.clock.sleep(_UNTIL_PAGED)
        with tempfile.TemporaryDirectory(prefix="incident-copilot-eval-") as folder:
            local = _settings(settings, environment, candidate, Path(folder))
            await asyncio.to_thread(memory.copy, prepared, Path(folder))
            async with assemble(local, clock=environment.clock) as copilot:
                return await _work(copilot, environment, problem, candidate, expected, seed)
    finally:
        await environment.close()


def _settings(
    settings: Settings, environment: Environment, candidate: Candidate, folder: Path
) -> Settings:
    knowledge = KnowledgeSection(builtin=candidate.builtin)
    model = settings.model if candidate.model else ModelSection(enabled=False)
    return inside(environment, settings, folder).model_copy(
        update={"knowledge": knowledge, "model": model}
    )


async def _work(
    copilot: Copilot,
    environment: Environment,
    problem: Problem,
    candidate: Candidate,
    expected: Expected | None,
    seed: int,
) -> Result:
    session = copilot.start(title="evaluation")
    began, virtual = time.perf_counter(), environment.clock.now()
    diagnosis: Diagnosis | None = None
    approval: ApprovalNeeded | None = None
    answer, error, calls, failed = "", "", 0, 0
    async for event in session.ask(_QUESTION):
        match event:
            case DiagnosisReady(found):
                diagnosis = found
            case ApprovalNeeded():
                approval = event
            case AnswerGiven(text):
                answer = text
            case InvestigationFailed(name, message):
                error = f"{name}: {message}"
            case ToolFinished(ok=ok):
                calls, failed = calls + 1, failed + (not ok)
            case _:
                pass
    seconds = time.perf_counter() - began
    grades = [grade_detection(diagnosis, faulty=bool(problem.fault))]
    named = None
    if expected is not None:
        grades += [grade_localization(diagnosis, expected), grade_analysis(diagnosis, expected)]
        named = cause_named(diagnosis, expected)
        if expected.mitigable:
            grades.append(await _mitigate(copilot, environment, problem, session.id, approval))
    passed = (environment.clock.now() - virtual).total_seconds()
    return Result(
        problem,
        candidate,
        seed,
        tuple(grades),
        named,
        diagnosis,
        expected,
        answer,
        error,
        calls,
        failed,
        passed,
        seconds,
    )


async def _mitigate(
    copilot: Copilot,
    environment: Environment,
    problem: Problem,
    session: str,
    approval: ApprovalNeeded | None,
) -> Grade:
    """Approve what the agent proposes; the strict oracle asks for the cause and for the users."""
    if approval is None:
        return Grade(Task.MITIGATION, False, "nothing proposed")
    finished: ActionFinished | None = None
    try:
        decided = copilot.resume(session).decide(
            approval.approval, approved=True, by="the evaluation"
        )
        async for event in decided:
            if isinstance(event, ActionFinished):
                finished = event
    except CopilotError as error:
        return Grade(Task.MITIGATION, False, f"{approval.mitigation.title}: {error}")
    await environment.clock.sleep(_SETTLE)
    fault = make_fault(problem.fault, load_app(problem.app))
    cured = await fault.cured(environment, problem.target)
    healthy = await environment.healthy()
    detail = approval.mitigation.title
    if finished is not None and finished.undone:
        detail += " (undone: not verified)"
    return Grade(Task.MITIGATION, cured and healthy, detail)
