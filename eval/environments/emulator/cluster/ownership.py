"""managedFields: which manager set which fields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from connectors.api.values import Json
from eval.environments.emulator.cluster.fieldsets import Path, Shape, from_fields, to_fields
from eval.environments.emulator.cluster.objects import rfc3339


@dataclass(frozen=True, slots=True)
class Owned:
    """What one manager set by one kind of operation."""

    manager: str
    operation: str
    api_version: str
    subresource: str
    time: str
    paths: frozenset[Path]

    def same(self, manager: str, operation: str, subresource: str) -> bool:
        """Whether these are the fields of this manager and operation."""
        return (self.manager, self.operation, self.subresource) == (
            manager,
            operation,
            subresource,
        )


def read(obj: Json) -> list[Owned]:
    """Return the managedFields of an object."""
    return [
        Owned(
            entry.get("manager", ""),
            entry.get("operation", ""),
            entry.get("apiVersion", ""),
            entry.get("subresource", ""),
            entry.get("time", ""),
            frozenset(from_fields(entry.get("fieldsV1") or {})),
        )
        for entry in obj["metadata"].get("managedFields") or ()
    ]


def write(obj: Json, entries: list[Owned]) -> None:
    """Store managedFields in an object; entries without fields go. Changes it."""
    listed = []
    for entry in entries:
        if entry.paths:
            shown: Json = {
                "manager": entry.manager,
                "operation": entry.operation,
                "apiVersion": entry.api_version,
                "time": entry.time,
                "fieldsType": "FieldsV1",
                "fieldsV1": to_fields(set(entry.paths)),
            }
            if entry.subresource:
                shown["subresource"] = entry.subresource
            listed.append(shown)
    if listed:
        obj["metadata"]["managedFields"] = listed
    else:
        obj["metadata"].pop("managedFields", None)


def track(
    shape: Shape,
    new: Json,
    old: Json | None,
    manager: str,
    now: datetime,
    subresource: str = "",
) -> None:
    """Note in `new` that `manager` updated what differs from `old`. Changes `new`."""
    after = shape.members(new)
    before = {} if old is None else shape.members(old)
    changed = {path for path, value in after.items() if before.get(path, _ABSENT) != value}
    gone = set(before) - set(after)
    if not changed and not gone:
        return
    entries, mine = [], False
    for entry in read(new):
        if entry.same(manager, "Update", subresource):
            mine = True
            paths = (entry.paths | changed) - gone
            entries.append(replace(entry, paths=frozenset(paths), time=rfc3339(now)))
        else:
            entries.append(replace(entry, paths=entry.paths - changed - gone))
    if not mine:
        entries.append(
            Owned(
                manager,
                "Update",
                new["apiVersion"],
                subresource,
                rfc3339(now),
                frozenset(changed),
            )
        )
    write(new, entries)


_ABSENT = object()
