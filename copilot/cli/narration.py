"""Renders the stream of events as narration on stderr, and answers on stdout."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from copilot.cli.blocks import complete
from copilot.cli.console import narrate, print_markdown
from copilot.model.diagnosis import Diagnosis
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
    InvestigationFailed,
    InvestigationStarted,
    Notice,
    QuestionAsked,
    TextDelta,
    ToolFinished,
    ToolStarted,
)

_QUERY = 180
"""Characters of a query that are told; the evidence keeps all of it."""


@dataclass
class Narrator:
    """Tells a person what happens, as it happens.

    `answer` prints the answer's text on stdout (streamed on a terminal); without it stdout stays
    empty, for commands that print a report of their own.
    """

    answer: bool = True
    diagnosis: Diagnosis | None = None
    approval: ApprovalNeeded | None = None
    failure: InvestigationFailed | None = None
    finished: ActionFinished | None = None
    _streamed: str = field(default="", repr=False)
    _waiting: str = field(default="", repr=False)

    def show(self, event: Event) -> None:
        """Render one event."""
        match event:
            case InvestigationStarted(scope):
                where = ", ".join(scope.namespaces)
                about = f" · {', '.join(scope.services)}" if scope.services else ""
                narrate(f"● looking at {where}{about}", style="bold")
            case ToolFinished(ok=False, tool=tool, text=text):
                narrate(f"  ✗ {tool}: {first_line(text)}", style="yellow")
            case EvidenceFound(evidence):
                narrate(f"  · [{evidence.id}] {_short(evidence.query)}", style="dim")
            case FindingReported(finding):
                narrate(f"  ! {finding.object}: {finding.summary}", style="yellow")
            case HypothesesRanked(causes) if causes:
                best = causes[0]
                narrate(f"  → {best.object}: {best.cause} ({best.confidence:.0%})", style="cyan")
            case BudgetUsed():
                narrate(f"  ∙ {event}", style="dim")
            case Notice(text):
                narrate(f"  ▸ {text}", style="magenta")
            case TextDelta(text) if self.answer and sys.stdout.isatty():
                self._streamed += text
                ready, self._waiting = complete(self._waiting + text)
                if ready.strip():
                    print_markdown(ready)
                    print()
            case AnswerGiven(text) if self.answer:
                self._answer(text)
            case DiagnosisReady(diagnosis):
                self.diagnosis = diagnosis
            case ApprovalNeeded():
                self.approval = event
            case ApprovalGiven(approval, approved, by):
                narrate(f"  {'✓ approved' if approved else '✗ declined'} by {by} ({approval})")
            case ActionProgress(stage=stage, detail=detail) if stage != "dry run":
                style = "green" if stage in ("applied", "verified") else "yellow"
                narrate(f"  {stage}: {detail}", style=style)
            case ActionFinished():
                self.finished = event
            case InvestigationFailed():
                self.failure = event
            case ToolStarted() | ToolFinished() | QuestionAsked() | TextDelta() | AnswerGiven():
                pass
            case HypothesesRanked() | ActionProgress():
                pass

    def _answer(self, text: str) -> None:
        # The whole text counts: what was streamed may have been corrected since.
        print_markdown(self._waiting if self._streamed.strip() == text.strip() else text)
        self._streamed = self._waiting = ""


def first_line(text: str) -> str:
    """Return the first line of a text that may be empty."""
    return (text.splitlines() or [""])[0]


def _short(query: str) -> str:
    """Return a query on one line, its middle left out where it is long."""
    line = " ".join(query.split())
    half = (_QUERY - 3) // 2
    return line if len(line) <= _QUERY else f"{line[:half].rstrip()} … {line[-half:].lstrip()}"
