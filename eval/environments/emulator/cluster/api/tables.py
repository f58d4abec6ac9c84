"""Server-side printing: the Table form that `kubectl get` shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import parse_time
from eval.environments.emulator.cluster.resources import Resource


@dataclass(frozen=True, slots=True)
class Printer:
    """Columns as (name, type, priority) behind the name, and the cells of one object."""

    columns: tuple[tuple[str, str, int], ...]
    cells: Callable[[Json, datetime], list[Any]]


def table(
    resource: Resource,
    objects: Sequence[tuple[Json, Json | None]],
    now: datetime,
    *,
    include: str,
    meta: Json,
    legacy: bool = False,
) -> Json:
    """Return objects as a Table; `include` is None, Metadata or Object.

    `objects` are pairs of a stored object and, for `include` Object, the object as it is shown.
    `legacy` gives 1.20's columns.
    """
    from eval.environments.emulator.cluster.api.printers import printer_for

    printer = printer_for(resource, legacy)
    named = resource.kind != "Event"
    columns = [("Name", "string", 0)] if named else []
    definitions: list[Json] = [
        {
            "name": name,
            "type": kind,
            "format": "name" if name == "Name" and named else "",
            "description": name,
            "priority": priority,
        }
        for name, kind, priority in (*columns, *printer.columns)
    ]
    rows = []
    for obj, shown in objects:
        cells = printer.cells(shown if legacy and shown and obj["kind"] == "Event" else obj, now)
        if named:
            cells = [obj["metadata"]["name"], *cells]
        row: Json = {"cells": cells}
        if include == "Object":
            row["object"] = obj if shown is None else shown
        elif include != "None":
            row["object"] = partial(obj if shown is None else shown)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta,
        "columnDefinitions": definitions,
        "rows": rows,
    }


def partial(obj: Json) -> Json:
    """Return only the object's metadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }


def age(obj: Json, now: datetime) -> str:
    """Return the object's age for people."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def since(time: str | None, now: datetime) -> str:
    """Return how long ago a time was, `<unknown>` without one."""
    if not time:
        return "<unknown>"
    return human_duration((now - parse_time(time)).total_seconds())


def human_duration(total: float) -> str:
    """Write seconds as kubectl does: 90s, 5m30s, 3h20m, 2d4h, 40d."""
    seconds = int(total)
    if seconds < -1:
        return "<invalid>"
    if seconds < 0:
        return "0s"
    if seconds < 120:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    hours = minutes // 60
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    days = hours // 24
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    return _two(days // 365, "y", days % 365, "d") if days < 8 * 365 else f"{days // 365}y"


def _two(large: int, unit: str, small: int, other: str) -> str:
    return f"{large}{unit}{small}{other}" if small else f"{large}{unit}"
