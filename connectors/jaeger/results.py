"""Jaeger's JSON as our values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.api.values import Span, Trace

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FAILED = 500


def microseconds(moment: datetime) -> int:
    """Return a moment as Unix microseconds."""
    return (moment - _EPOCH) // _MICROSECOND


def to_trace(body: Mapping[str, Any]) -> Trace:
    """Read one trace. Raises `KeyError`, `TypeError` or `ValueError` for another shape."""
    processes = {number: _process(item) for number, item in body["processes"].items()}
    spans = [_span(item, processes) for item in body["spans"]]
    if not spans:
        raise ValueError("a trace without spans")
    return Trace(str(body["traceID"]), tuple(sorted(spans, key=lambda span: span.start)))


def _process(item: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    return str(item["serviceName"]), _tags(item.get("tags"))


def _span(item: Mapping[str, Any], processes: Mapping[str, tuple[str, dict[str, str]]]) -> Span:
    tags = _tags(item.get("tags"))
    service, process = processes[item["processID"]]
    references = item.get("references") or ()
    # a span that only follows from another one still hangs below it
    parent = next((str(each["spanID"]) for each in references), "")
    return Span(
        id=str(item["spanID"]),
        parent=parent,
        service=service,
        operation=str(item["operationName"]),
        start=_EPOCH + int(item["startTime"]) * _MICROSECOND,
        duration_ms=int(item["duration"]) / 1000,
        error=failed(tags),
        kind=tags.get("span.kind", ""),
        tags=tags,
        process=process,
    )


def failed(tags: Mapping[str, str]) -> bool:
    """Whether a span's tags say that it failed."""
    status = tags.get("http.status_code") or tags.get("http.response.status_code") or ""
    return (
        tags.get("error") == "true"
        or tags.get("otel.status_code") == "ERROR"
        or (status.isdigit() and int(status) >= _FAILED)
    )


def _tags(items: Any) -> dict[str, str]:
    found = {}
    for item in items or ():
        value = item["value"]
        found[str(item["key"])] = str(value).lower() if isinstance(value, bool) else str(value)
    return found
