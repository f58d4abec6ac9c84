"""Prints the server's Table as `kubectl get` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from connectors.api.values import Json

_MIN, _PADDING = 6, 3


@dataclass(frozen=True, slots=True)
class Style:
    """The options of `kubectl get` that change the look of a table."""

    wide: bool = False
    headers: bool = True
    labels: bool = False
    columns: tuple[str, ...] = ()
    namespace: bool = False
    prefix: str = ""
    """What stands before each name: "pod/"."""


def lay_out(rows: Sequence[Sequence[str]]) -> str:
    """Align columns as Go's tabwriter does with kubectl's settings."""
    if not rows:
        return ""
    widths = [0] * max(map(len, rows))
    for row in rows:
        # The last cell of a row is not part of a column: nothing follows it.
        for index, cell in enumerate(row[:-1]):
            widths[index] = max(widths[index], len(cell) + _PADDING, _MIN)
    lines = []
    for row in rows:
        cells = [cell.ljust(widths[index]) for index, cell in enumerate(row[:-1])]
        lines.append("".join(cells) + row[-1])
    return "\n".join(lines) + "\n"


def render(tables: Sequence[Json], style: Style) -> str:
    """Print tables of one kind, below one header."""
    return lay_out(cells(tables, style))


def cells(tables: Sequence[Json], style: Style) -> list[list[str]]:
    """Return the header and the rows as words."""
    definitions: Sequence[Json] = tables[0].get("columnDefinitions") or []
    shown = [i for i, one in enumerate(definitions) if style.wide or not one.get("priority")]
    rows: list[list[str]] = []
    if style.headers:
        head = [str(definitions[i]["name"]).upper() for i in shown]
        extra = [key.rpartition("/")[2].upper() for key in style.columns]
        rows.append(
            [
                *(["NAMESPACE"] if style.namespace else []),
                *head,
                *extra,
                *(["LABELS"] if style.labels else []),
            ]
        )
    for row in (row for table in tables for row in table.get("rows") or []):
        metadata: Json = (row.get("object") or {}).get("metadata") or {}
        words = [_cell(row["cells"][i]) for i in shown]
        if words and style.prefix:
            words[0] = style.prefix + words[0]
        labels: dict[str, str] = metadata.get("labels") or {}
        words += [labels.get(key) or "<none>" if key in labels else "" for key in style.columns]
        if style.labels:
            words.append(",".join(f"{k}={v}" for k, v in sorted(labels.items())) or "<none>")
        rows.append([*([metadata.get("namespace", "")] if style.namespace else []), *words])
    return rows


def _cell(value: Any) -> str:
    if value is None:
        return "<none>"
    if isinstance(value, bool):
        return "true" if value else "false"
    # As kubectl: a cell ends at its first line break.
    return str(value).replace("\n", "\\n").replace("\t", "\\t")
