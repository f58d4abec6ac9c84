"""The search for what is asked, and its answers as our values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.api.values import Json, LogLine, LogSelector
from connectors.elasticsearch.settings import Fields

LABELS = ("namespace", "pod", "container", "service", "node")


def conditions(
    selector: LogSelector, fields: Fields, start: datetime, end: datetime, contains: str = ""
) -> Json:
    """Return the query for a selector's documents in [start, end)."""
    bounds = {"gte": _iso(start), "lt": _iso(end), "format": "strict_date_optional_time"}
    found: list[Json] = [{"range": {fields.time: bounds}}]
    for field, value in (
        (fields.namespace, selector.namespace),
        (fields.container, selector.container),
        (fields.service, selector.service),
    ):
        if value:
            found.append(_is(field, value))
    if selector.pods:
        pods = [_is(fields.pod, pod) for pod in selector.pods]
        found.append({"bool": {"should": pods, "minimum_should_match": 1}})
    if contains:
        found.append(_is(fields.text, contains))
    return {"bool": {"filter": found}}


def _is(field: str, value: str) -> Json:
    # equality for keyword fields; for text fields, the same words in the same order
    return {"match_phrase": {field: value}}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_line(source: Mapping[str, Any], fields: Fields) -> LogLine:
    """Read a document. Raises `KeyError`, `TypeError` or `ValueError` for one that is no line."""
    when, text = at_path(source, fields.time), at_path(source, fields.text)
    if when is None or text is None:
        raise KeyError(fields.time if when is None else fields.text)
    labels = {name: at_path(source, getattr(fields, name)) for name in LABELS}
    known = {name: str(value) for name, value in labels.items() if value}
    return LogLine(_moment(when), str(text).rstrip("\n"), known)


def _moment(value: Any) -> datetime:
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000, UTC)
    moment = datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def at_path(source: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path: collectors nest objects, or write the dots into the name."""
    if path in source:
        return source[path]
    head, dot, rest = path.partition(".")
    while dot:
        inner = source.get(head)
        if isinstance(inner, Mapping):
            return at_path(inner, rest)
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None
