"""The stream of events that every surface renders.

An investigation is an async iterator of these. The stream is stored as it happens, so that a
session can be replayed, resumed and audited. Each event is immutable and has a `type`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from copilot.model.action import Mitigation
from copilot.model.diagnosis import Diagnosis, Finding, RootCause
from copilot.model.evidence import Evidence
from copilot.model.scope import Scope


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """A person asked `text`."""

    text: str
    user: str = ""
    type: Literal["question_asked"] = "question_asked"


@dataclass(frozen=True, slots=True)
class InvestigationStarted:
    """An engine began to look at `scope`."""

    scope: Scope
    type: Literal["investigation_started"] = "investigation_started"


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool was called. `call` identifies the call; `arguments` is a JSON object as text."""

    call: str
    tool: str
    arguments: str = "{}"
    type: Literal["tool_started"] = "tool_started"


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool call ended; `text` is the shaped output or, when not `ok`, the reason."""

    call: str
    tool: str
    ok: bool
    seconds: float
    text: str = ""
    evidence: tuple[str, ...] = ()
    type: Literal["tool_finished"] = "tool_finished"


@dataclass(frozen=True, slots=True)
class EvidenceFound:
    """A new piece of evidence was stored."""

    evidence: Evidence
    type: Literal["evidence_found"] = "evidence_found"


@dataclass(frozen=True, slots=True)
class FindingReported:
    """An analyzer saw a deviation."""

    finding: Finding
    type: Literal["finding_reported"] = "finding_reported"


@dataclass(frozen=True, slots=True)
class HypothesesRanked:
    """The candidate causes, best first, as ranked now."""

    root_causes: tuple[RootCause, ...]
    type: Literal["hypotheses_ranked"] = "hypotheses_ranked"


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer's text, to be appended."""

    text: str
    type: Literal["text_delta"] = "text_delta"


@dataclass(frozen=True, slots=True)
class AnswerGiven:
    """The whole text of an answer, in Markdown, after its last delta."""

    text: str
    author: str
    type: Literal["answer_given"] = "answer_given"


@dataclass(frozen=True, slots=True)
class DiagnosisReady:
    """The investigation's result."""

    diagnosis: Diagnosis
    type: Literal["diagnosis_ready"] = "diagnosis_ready"


@dataclass(frozen=True, slots=True)
class ApprovalNeeded:
    """A write waits for a person. `diff` is the server-side dry run's effect."""

    approval: str
    mitigation: Mitigation
    diff: str
    type: Literal["approval_needed"] = "approval_needed"


@dataclass(frozen=True, slots=True)
class ApprovalGiven:
    """A person (or, in the demo, the demo itself) decided about a write."""

    approval: str
    approved: bool
    by: str
    type: Literal["approval_given"] = "approval_given"


@dataclass(frozen=True, slots=True)
class ActionProgress:
    """One stage of a write: "dry run", "applied", "verified", "not verified", "undone"."""

    approval: str
    stage: str
    detail: str
    type: Literal["action_progress"] = "action_progress"


@dataclass(frozen=True, slots=True)
class ActionFinished:
    """The end of a write: `verified` says whether the symptom is gone, `undone` the rest."""

    approval: str
    verified: bool
    undone: bool
    detail: str
    type: Literal["action_finished"] = "action_finished"


@dataclass(frozen=True, slots=True)
class BudgetUsed:
    """The model was asked once more: what the answer has used so far, and the state it is in.

    `tokens` counts both directions; `money` is in US dollars, None when the price is unknown.
    """

    step: int
    state: str
    tokens: int
    seconds: float
    money: float | None
    type: Literal["budget_used"] = "budget_used"

    def __str__(self) -> str:
        """Return it in one line, as every surface shows it."""
        cost = "cost unknown" if self.money is None else f"${self.money:.4f}"
        return (
            f"{self.state}, step {self.step}: {self.tokens:,} tokens, {self.seconds:.0f} s, {cost}"
        )


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person should know that is no result: a fallback, a caveat, a limit."""

    text: str
    type: Literal["notice"] = "notice"


@dataclass(frozen=True, slots=True)
class InvestigationFailed:
    """Nothing more can be done; `error` names the error class."""

    error: str
    message: str
    hint: str = ""
    type: Literal["investigation_failed"] = "investigation_failed"


Event = (
    QuestionAsked
    | InvestigationStarted
    | ToolStarted
    | ToolFinished
    | EvidenceFound
    | FindingReported
    | HypothesesRanked
    | TextDelta
    | AnswerGiven
    | DiagnosisReady
    | ApprovalNeeded
    | ApprovalGiven
    | ActionProgress
    | ActionFinished
    | BudgetUsed
    | Notice
    | InvestigationFailed
)
