import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from copilot.model.action import Manual, Mitigation, PatchServicePort, Risk
from copilot.model.diagnosis import (
    Diagnosis,
    Finding,
    Passage,
    RootCause,
    Severity,
    SimilarIncident,
    Step,
    Usage,
    Verdict,
)
from copilot.model.errors import UnavailableError
from copilot.model.evidence import Evidence, Source
from copilot.model.report import report, report_of_error
from copilot.model.scope import ObjectRef, Scope, Window

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text())
NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
SERVICE = ObjectRef("Service", "shop", "orders")
CITED = Evidence.of(Source.LOGS, "kubectl logs a", "refused", start=NOW, end=NOW)
UNCITED = Evidence.of(Source.LOGS, "kubectl logs b", "fine", start=NOW, end=NOW)
FULL = Diagnosis(
    Verdict.INCIDENT,
    "orders refuses connections",
    Scope("prod", ("shop",), Window.last(NOW)),
    root_causes=(
        RootCause(
            SERVICE,
            "service.target_port_mismatch",
            "port",
            0.97,
            (CITED.id,),
            chain=(Step("callers are refused", (CITED.id,)),),
        ),
    ),
    findings=(Finding("service.port", SERVICE, Severity.CRITICAL, "x", (CITED.id,), NOW),),
    evidence=(CITED, UNCITED),
    mitigations=(
        Mitigation("m1", "c", "t", PatchServicePort(SERVICE, 80, "http"), Risk.LOW, "u", "k"),
        Mitigation("m2", "c", "t", Manual(SERVICE, "look"), Risk.HIGH, "u", "k"),
    ),
    similar_incidents=(
        SimilarIncident("INC-1", "t", "2025-01-01", "c", "f", True, 0.5, "why", "p"),
    ),
    runbooks=(Passage("d", "s", "t", 0.4, "p", True),),
    usage=Usage(1.5, 7, 100, 20, None),
)


def validate(document: object) -> None:
    jsonschema.validate(document, SCHEMA, format_checker=jsonschema.FormatChecker())


def test_a_full_diagnosis_fits_the_published_schema() -> None:
    document = json.loads(json.dumps(report(FULL, session="s-1", approval="ap-1")))
    validate(document)
    assert document["root_causes"][0]["object"] == {
        "kind": "Service",
        "namespace": "shop",
        "name": "orders",
    }
    assert document["root_causes"][0]["system_level"] == "Virtualization"
    assert document["root_causes"][0]["fault_type"] == "Misconfiguration"
    assert [e["id"] for e in document["evidence"]] == [CITED.id]
    assert document["mitigations"][0]["action"]["target_port"] == "http"
    assert document["mitigations"][1]["automatic"] is False


def test_an_error_is_a_document_too() -> None:
    document = report_of_error(UnavailableError("no cluster", hint="set KUBECONFIG"), 3)
    validate(document)
    assert document["verdict"] == "inconclusive"
    assert document["error"] == {
        "kind": "UnavailableError",
        "message": "no cluster",
        "hint": "set KUBECONFIG",
        "exit_code": 3,
    }


def test_the_schema_refuses_what_it_does_not_know() -> None:
    document = report(FULL)
    with pytest.raises(jsonschema.ValidationError):
        validate({**document, "verdict": "maybe"})
    with pytest.raises(jsonschema.ValidationError):
        validate({**document, "extra": 1})
