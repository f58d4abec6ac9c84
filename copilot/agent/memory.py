"""What a session knows from its earlier events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from copilot.model.diagnosis import Diagnosis
from copilot.model.events import (
    ActionFinished,
    AnswerGiven,
    ApprovalGiven,
    ApprovalNeeded,
    DiagnosisReady,
    Event,
    EvidenceFound,
    QuestionAsked,
)
from copilot.model.evidence import Evidence
from copilot.model.scope import Scope


@dataclass(frozen=True, slots=True)
class Memory:
    """The last diagnosis, all evidence by id, questions with their answers, and what was done."""

    diagnosis: Diagnosis | None = None
    evidence: dict[str, Evidence] = field(default_factory=dict)
    turns: tuple[tuple[str, str], ...] = ()
    done: tuple[str, ...] = ()

    @classmethod
    def of(cls, events: Sequence[Event]) -> Memory:
        """Read a session's events, oldest first."""
        diagnosis: Diagnosis | None = None
        evidence: dict[str, Evidence] = {}
        turns: list[tuple[str, str]] = []
        done: list[str] = []
        titles: dict[str, str] = {}
        question = ""
        for event in events:
            match event:
                case QuestionAsked(text=text):
                    question = text
                case EvidenceFound(evidence=piece):
                    evidence[piece.id] = piece
                case AnswerGiven(text=text):
                    turns.append((question, text))
                case DiagnosisReady():
                    diagnosis = event.diagnosis
                    evidence.update((piece.id, piece) for piece in diagnosis.evidence)
                case ApprovalNeeded(approval=approval, mitigation=mitigation):
                    titles[approval] = mitigation.title
                case ApprovalGiven(approval=approval, approved=approved, by=by):
                    word = "approved" if approved else "declined"
                    done.append(f"{by or 'someone'} {word}: {titles.get(approval, approval)}")
                case ActionFinished(approval=approval, verified=verified, undone=undone):
                    end = "the symptom is gone" if verified else "the symptom stayed"
                    end += ", undone" if undone else ""
                    done.append(f"{titles.get(approval, approval)}: {end}. {event.detail}".strip())
                case _:
                    pass
        return cls(diagnosis, evidence, tuple(turns), tuple(done))

    def covers(self, scope: Scope) -> bool:
        """Whether the last diagnosis looked at this part of the cluster.

        A question may name other services: a diagnosis sees all those of its namespaces.
        """
        if self.diagnosis is None:
            return False
        seen = self.diagnosis.scope
        return seen.cluster == scope.cluster and set(scope.namespaces) <= set(seen.namespaces)
