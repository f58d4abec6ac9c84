"""Findings, root causes, and the diagnosis that both engines give."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from copilot.model.action import Mitigation
from copilot.model.evidence import Evidence
from copilot.model.scope import ObjectRef, Scope


class Verdict(StrEnum):
    """What an investigation concludes."""

    INCIDENT = "incident"
    HEALTHY = "healthy"
    INCONCLUSIVE = "inconclusive"


class Severity(StrEnum):
    """How much a finding matters by itself."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Finding:
    """One deviation, seen by one analyzer on one object.

    `code` is a stable name of the condition ("pod.crash_loop"). `supports` and `refutes` name
    causes of the taxonomy (`copilot.model.causes`) about `object`; `onset` is when it began.
    """

    code: str
    object: ObjectRef
    severity: Severity
    summary: str
    evidence: tuple[str, ...]
    onset: datetime | None = None
    supports: tuple[str, ...] = ()
    refutes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Identify the deviation over time, whatever its wording."""
        return f"{self.code} {self.object}"


@dataclass(frozen=True, slots=True)
class Step:
    """One link of a causal chain, in plain words, with the evidence that shows it."""

    text: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RootCause:
    """A candidate explanation.

    `object` is the object whose change would repair it; `also` lists equivalents. `cause` is an
    id of the taxonomy. `confidence` is the probability, 0 to 1, that this is a true cause.
    `chain` leads from the cause to the symptom. `unverified` marks a claim that could not be
    grounded in evidence.
    """

    object: ObjectRef
    cause: str
    summary: str
    confidence: float
    evidence: tuple[str, ...]
    also: tuple[ObjectRef, ...] = ()
    chain: tuple[Step, ...] = ()
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class SimilarIncident:
    """A past incident that resembles this one: an aid, never evidence of the cause.

    `builtin` tells the demo's library from the team's own memory; `held` is None when unknown.
    """

    id: str
    title: str
    date: str
    cause: str
    fix: str
    held: bool | None
    score: float
    why: str
    path: str
    builtin: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A runbook section that applies, cited by document and section."""

    document: str
    section: str
    text: str
    score: float
    path: str
    builtin: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost. `money` is in US dollars, None when the price is unknown."""

    seconds: float = 0.0
    tool_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    money: float | None = 0.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer of an engine, ranked and cited. `author` is "engine" or the model's name."""

    verdict: Verdict
    summary: str
    scope: Scope
    root_causes: tuple[RootCause, ...] = ()
    findings: tuple[Finding, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    mitigations: tuple[Mitigation, ...] = ()
    similar_incidents: tuple[SimilarIncident, ...] = ()
    runbooks: tuple[Passage, ...] = ()
    looked_at: tuple[str, ...] = ()
    missing_sources: tuple[str, ...] = ()
    next_observation: str = ""
    usage: Usage = Usage()
    author: str = "engine"
