"""Many searches in one run: a JSONL file of queries in, one JSON line of results each out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from copilot.model.errors import UsageError
from retrieval.values import Hit

BATCH_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Query:
    """One line of the file; `id` comes back with its results, as it was given."""

    id: str | int
    query: str


def read_queries(path: Path) -> list[Query]:
    """Read the queries. Raises `UsageError` that names the line."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the queries cannot be read: {path}: {error}") from error
    return [_query(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def answer(id: str | int, hits: Sequence[Hit]) -> dict[str, Any]:
    """Return what is printed for one query."""
    results = [{"path": h.path, "section": h.section, "score": round(h.score, 6)} for h in hits]
    return {"id": id, "results": results}


def _query(path: Path, number: int, line: str) -> Query:
    expected = 'expected {"id": …, "query": "…"}'
    try:
        data = json.loads(line)
    except ValueError as error:
        raise UsageError(f"{path}:{number}: not JSON: {error}", hint=expected) from error
    if not isinstance(data, dict) or not isinstance(data.get("query"), str):
        raise UsageError(f"{path}:{number}: there is no query in this line", hint=expected)
    if not isinstance(data.get("id"), (str, int)):
        raise UsageError(f"{path}:{number}: there is no id in this line", hint=expected)
    return Query(data["id"], data["query"])
