"""OpenTelemetry's JSON, as Tempo writes it, as our values."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.api.values import Span, Trace

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_trace(body: Mapping[str, Any], id: str) -> Trace:
    """Read a trace. Raises `KeyError`, `TypeError` or `ValueError` for another shape.

    Tempo's first API calls the spans of one resource a batch, the second one puts them into `trace`.
    """
    inner = body.get("trace", body)
    batches = inner.get("batches") or inner.get("resourceSpans") or []
    spans: list[Span] = []
    for batch in batches:
        process = attributes(batch.get("resource", {}).get("attributes"))
        service = process.get("service.name", "")
        scopes = batch.get("scopeSpans") or batch.get("instrumentationLibrarySpans") or []
        for scope in scopes:
            spans += [_span(item, service, process) for item in scope.get("spans") or ()]
    if not spans:
        raise ValueError("a trace without spans")
    return Trace(id, tuple(sorted(spans, key=lambda span: span.start)))


def _span(item: Mapping[str, Any], service: str, process: dict[str, str]) -> Span:
    start, end = int(item["startTimeUnixNano"]), int(item["endTimeUnixNano"])
    return Span(
        id=hexadecimal(item["spanId"]),
        parent=hexadecimal(item.get("parentSpanId") or ""),
        service=service,
        operation=str(item["name"]),
        start=_EPOCH + start // 1000 * _MICROSECOND,
        duration_ms=(end - start) / 1e6,
        error=(item.get("status") or {}).get("code") in ("STATUS_CODE_ERROR", 2),
        kind=str(item.get("kind", "")).removeprefix("SPAN_KIND_").lower(),
        tags=attributes(item.get("attributes")),
        process=process,
    )


def hexadecimal(text: str) -> str:
    """Return an id in hexadecimal: Protocol Buffers' JSON has it in base64, OTLP's in hex."""
    if len(text) in (16, 32):
        try:
            int(text, 16)
        except ValueError:
            pass
        else:
            return text.lower()
    try:
        return base64.b64decode(text, validate=True).hex()
    except binascii.Error as error:
        raise ValueError(f"not an id: {text!r}") from error


def attributes(items: Any) -> dict[str, str]:
    """Read attributes as text."""
    return {str(item["key"]): _value(item.get("value") or {}) for item in items or ()}


def _value(value: Mapping[str, Any]) -> str:
    if "arrayValue" in value:
        return ", ".join(_value(each) for each in value["arrayValue"].get("values") or ())
    for found in value.values():
        return str(found).lower() if isinstance(found, bool) else str(found)
    return ""
