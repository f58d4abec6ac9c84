"""JSON, JSON lines and CSV to documents: one record, one document."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from retrieval.errors import UnreadableFile
from retrieval.ingestion.front_matter import as_text, clean, flat

_BODIES = ("text", "body", "content", "markdown", "description")
_LISTS = ("documents", "incidents", "postmortems", "runbooks", "items", "records")
_SHORT = 300

Record = tuple[str, dict[str, str], str]
"""(name within the file, metadata, Markdown text)."""


def json_records(text: str) -> tuple[list[Record], list[tuple[str, str]]]:
    """Return the records of a JSON file, and (name, reason) of those that are not records."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"not valid JSON: {error}") from error
    if isinstance(value, dict):
        values = next((value[name] for name in _LISTS if isinstance(value.get(name), list)), None)
        if values is None:
            record = _record("", value)
            return ([record], []) if record else ([], [("", "no text in it")])
        value = values
    if not isinstance(value, list):
        raise UnreadableFile("JSON, but neither an object nor a list of objects")
    return _all(((str(number), item) for number, item in enumerate(value, 1)))


def json_line_records(text: str) -> tuple[list[Record], list[tuple[str, str]]]:
    """Return the records of a JSON-lines file, and (line, reason) of the lines that are not."""
    good: list[tuple[str, Any]] = []
    bad: list[tuple[str, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            good.append((str(number), json.loads(line)))
        except (ValueError, RecursionError) as error:
            bad.append((str(number), f"not valid JSON: {error}"))
    records, others = _all(iter(good))
    return records, sorted(bad + others, key=lambda problem: int(problem[0]))


def csv_records(text: str) -> tuple[list[Record], list[tuple[str, str]]]:
    """Return the records of a CSV file whose first line names the columns."""
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UnreadableFile(f"not valid CSV: {error}") from error
    names = [name for name in (rows[0] if rows else {}) if name]
    if len(names) < 2:
        raise UnreadableFile("CSV without rows, or without a first line that names two columns")
    good: list[tuple[str, Any]] = []
    bad: list[tuple[str, str]] = []
    for number, row in enumerate(rows, 2):
        if None in row:
            bad.append((str(number), "more fields than the first line names"))
        else:
            good.append((str(number), {name: value for name, value in row.items() if value}))
    records, others = _all(iter(good))
    return records, sorted(bad + others, key=lambda problem: int(problem[0]))


def _all(values: Iterator[tuple[str, Any]]) -> tuple[list[Record], list[tuple[str, str]]]:
    records: list[Record] = []
    problems: list[tuple[str, str]] = []
    names: set[str] = set()
    for number, value in values:
        record = _record(number, value) if isinstance(value, dict) else None
        if record is None:
            problems.append((number, "no text in it" if value in ({}, None) else "not a record"))
        elif record[0] in names:
            problems.append((number, f"a second record with the id {record[0]}"))
        else:
            names.add(record[0])
            records.append(record)
    return records, problems


def _record(number: str, value: Mapping[str, Any]) -> Record | None:
    """Long fields become sections of the text, short ones metadata."""
    fields = {str(name).strip().lower().replace(" ", "_"): item for name, item in value.items()}
    body = next((str(fields[name]) for name in _BODIES if as_text(fields.get(name)).strip()), "")
    metadata = flat({name: item for name, item in fields.items() if name not in _BODIES})
    if not body and not metadata:
        return None
    parts = [clean(body).strip()] if body else []
    for name, text in metadata.items():
        if name not in ("title", "id", "kind") and (not body or len(text) > _SHORT):
            parts.append(f"## {name.replace('_', ' ').capitalize()}\n\n{text}")
    text = "\n\n".join(parts) or metadata.get("title", "")
    return metadata.get("id") or number, metadata, text
