"""Events to JSON and back.

Evidence is stored once per session: an event that carries evidence is encoded with the ids alone,
and gets the full evidence back when it is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any, get_args

from pydantic import TypeAdapter

from copilot.model.events import DiagnosisReady, Event, EvidenceFound
from copilot.model.evidence import Evidence

_EVENTS: dict[str, Any] = {cls.__dataclass_fields__["type"].default: cls for cls in get_args(Event)}


@cache
def adapter(cls: Any) -> TypeAdapter[Any]:
    """Return pydantic's encoder and decoder of a dataclass."""
    return TypeAdapter(cls)


def encode(event: Event) -> dict[str, Any]:
    """Return an event as JSON data, without the texts of its evidence."""
    if isinstance(event, EvidenceFound):
        return {"evidence": event.evidence.id}
    if isinstance(event, DiagnosisReady):
        bare = replace(event, diagnosis=replace(event.diagnosis, evidence=()))
        body: dict[str, Any] = adapter(DiagnosisReady).dump_python(bare, mode="json")
        body["diagnosis"]["evidence"] = [e.id for e in event.diagnosis.evidence]
        return body
    encoded: dict[str, Any] = adapter(_EVENTS[event.type]).dump_python(event, mode="json")
    return encoded


def decode(type_: str, body: Mapping[str, Any], evidence: Mapping[str, Evidence]) -> Event:
    """Return the event; `evidence` holds the session's evidence by id."""
    data = dict(body)
    if type_ == "evidence_found":
        return EvidenceFound(evidence[data["evidence"]])
    if type_ == "diagnosis_ready":
        ids = data["diagnosis"]["evidence"]
        data["diagnosis"] = {**data["diagnosis"], "evidence": []}
        ready: DiagnosisReady = adapter(DiagnosisReady).validate_python(data)
        found = tuple(evidence[i] for i in ids if i in evidence)
        return replace(ready, diagnosis=replace(ready.diagnosis, evidence=found))
    event: Event = adapter(_EVENTS[type_]).validate_python(data)
    return event
