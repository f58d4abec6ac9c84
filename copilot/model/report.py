"""The report for machines: a public interface, described by `docs/report.schema.json`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from copilot.model.action import Mitigation
from copilot.model.causes import CAUSES
from copilot.model.diagnosis import Diagnosis, RootCause
from copilot.model.errors import CopilotError
from copilot.model.evidence import Evidence
from copilot.model.scope import ObjectRef, Window

SCHEMA_VERSION = "1"


def report(diagnosis: Diagnosis, *, session: str = "", approval: str = "") -> dict[str, Any]:
    """Return a diagnosis as JSON data; `approval` is the id of the pending write, if any."""
    cited = _cited(diagnosis)
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": diagnosis.verdict.value,
        "summary": diagnosis.summary,
        "author": diagnosis.author,
        "session": session,
        "scope": {
            "cluster": diagnosis.scope.cluster,
            "namespaces": list(diagnosis.scope.namespaces),
            "services": list(diagnosis.scope.services),
            "window": _window(diagnosis.scope.window),
        },
        "root_causes": [_root_cause(cause) for cause in diagnosis.root_causes],
        "findings": [
            {
                "code": f.code,
                "object": _object(f.object),
                "severity": f.severity.value,
                "summary": f.summary,
                "onset": f.onset.isoformat() if f.onset else None,
                "evidence": list(f.evidence),
            }
            for f in diagnosis.findings
        ],
        "evidence": [_evidence(e) for e in diagnosis.evidence if e.id in cited],
        "mitigations": [_mitigation(m) for m in diagnosis.mitigations],
        "pending_approval": approval or None,
        "similar_incidents": [asdict(s) for s in diagnosis.similar_incidents],
        "runbooks": [asdict(p) for p in diagnosis.runbooks],
        "looked_at": list(diagnosis.looked_at),
        "missing_sources": list(diagnosis.missing_sources),
        "next_observation": diagnosis.next_observation or None,
        "usage": asdict(diagnosis.usage),
        "error": None,
    }


def error_report(code: int, message: str, hint: str = "", kind: str = "error") -> dict[str, Any]:
    """Return the document of an investigation that could not be made: inconclusive, with the error."""
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": "inconclusive",
        "summary": message,
        "author": "",
        "session": "",
        "scope": None,
        "root_causes": [],
        "findings": [],
        "evidence": [],
        "mitigations": [],
        "pending_approval": None,
        "similar_incidents": [],
        "runbooks": [],
        "looked_at": [],
        "missing_sources": [],
        "next_observation": None,
        "usage": {
            "seconds": 0.0,
            "tool_calls": 0,
            "input_tokens": 0,
            "output_tokens": 0,
            "money": 0.0,
        },
        "error": {"kind": kind, "message": message, "hint": hint, "exit_code": code},
    }


def report_of_error(error: CopilotError, code: int) -> dict[str, Any]:
    """Return the document for an error of ours."""
    return error_report(code, error.message, error.hint, type(error).__name__)


def _cited(diagnosis: Diagnosis) -> set[str]:
    ids = {i for f in diagnosis.findings for i in f.evidence}
    ids |= {i for r in diagnosis.root_causes for i in r.evidence}
    ids |= {i for r in diagnosis.root_causes for step in r.chain for i in step.evidence}
    return ids | {i for m in diagnosis.mitigations for i in m.evidence}


def _object(ref: ObjectRef) -> dict[str, str]:
    return {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name}


def _window(window: Window) -> dict[str, str]:
    return {
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "baseline_start": window.baseline_start.isoformat(),
    }


def _root_cause(cause: RootCause) -> dict[str, Any]:
    known = CAUSES.get(cause.cause, CAUSES["unknown"])
    return {
        "object": _object(cause.object),
        "also": [_object(ref) for ref in cause.also],
        "cause": cause.cause,
        "system_level": known.system_level,
        "fault_type": known.fault_type,
        "summary": cause.summary,
        "confidence": round(cause.confidence, 4),
        "evidence": list(cause.evidence),
        "chain": [{"text": step.text, "evidence": list(step.evidence)} for step in cause.chain],
        "unverified": cause.unverified,
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "id": evidence.id,
        "source": evidence.source.value,
        "query": evidence.query,
        "window": {"start": evidence.start.isoformat(), "end": evidence.end.isoformat()},
        "excerpt": evidence.excerpt,
        "objects": [_object(ref) for ref in evidence.objects],
        "caveats": list(evidence.caveats),
    }


def _mitigation(mitigation: Mitigation) -> dict[str, Any]:
    action = asdict(mitigation.action)
    return {
        "id": mitigation.id,
        "cause": mitigation.cause,
        "title": mitigation.title,
        "action": action,
        "automatic": mitigation.automatic,
        "risk": mitigation.risk.value,
        "undo": mitigation.undo,
        "kubectl": mitigation.kubectl,
        "expected": mitigation.expected,
        "evidence": list(mitigation.evidence),
    }
