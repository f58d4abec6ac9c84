"""Traces in the JSON of Jaeger's query API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from eval.environments.emulator.telemetry.traces import Trace, microseconds

Json = dict[str, Any]

_TYPES = ((bool, "bool"), (int, "int64"), (float, "float64"))


def to_json(trace: Trace) -> Json:
    """Return a trace: processes are numbered in the order in which spans name them."""
    processes: dict[str, Json] = {}
    numbers: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
    spans = []
    for span in trace:
        key = (span.service, tuple(span.process.items()))
        if key not in numbers:
            numbers[key] = f"p{len(numbers) + 1}"
            processes[numbers[key]] = {"serviceName": span.service, "tags": tags(span.process)}
        references = [
            {"refType": "CHILD_OF", "traceID": trace_id(span.trace), "spanID": span.parent}
        ]
        spans.append(
            {
                "traceID": trace_id(span.trace),
                "spanID": span.id,
                "flags": 1,
                "operationName": span.operation,
                "references": references if span.parent else [],
                "startTime": microseconds(span.start),
                "duration": round(span.duration_ms * 1000),
                "tags": tags(span.tags),
                "logs": [],
                "processID": numbers[key],
                "warnings": None,
            }
        )
    return {
        "traceID": trace_id(trace[0].trace),
        "spans": spans,
        "processes": processes,
        "warnings": None,
    }


def trace_id(number: str) -> str:
    """Write an id as Jaeger does: 32 digits, or 16 when the upper half is zero."""
    return number[16:] if len(number) == 32 and not number[:16].strip("0") else number


def tags(values: Mapping[str, Any]) -> list[Json]:
    """Return tags with their types."""
    return [{"key": key, "type": _type(value), "value": value} for key, value in values.items()]


def _type(value: object) -> str:
    return next((name for kind, name in _TYPES if isinstance(value, kind)), "string")
