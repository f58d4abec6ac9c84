"""managedFields: who last wrote which fields, kept small."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import rfc3339

_IGNORED = frozenset(
    (
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
    )
)
_DEPTH = 6


def track(
    new: Json,
    old: Json | None,
    manager: str,
    now: datetime,
    subresource: str = "",
    operation: str = "Update",
) -> None:
    """Note in `new` that `manager` changed what differs from `old`. Changes `new`."""
    meta = new["metadata"]
    entries = [dict(entry) for entry in meta.get("managedFields") or ()]
    fields = _changed(
        {key: value for key, value in new.items() if key not in ("kind", "apiVersion")},
        {} if old is None else old,
        _DEPTH,
    )
    if not fields:
        return
    for entry in entries:
        same = (
            entry["manager"] == manager
            and entry["operation"] == operation
            and entry.get("subresource", "") == subresource
        )
        if same:
            entry["fieldsV1"] = _merge(entry["fieldsV1"], fields)
            entry["time"] = rfc3339(now)
            break
    else:
        entry = {
            "manager": manager,
            "operation": operation,
            "apiVersion": new["apiVersion"],
            "time": rfc3339(now),
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        if subresource:
            entry["subresource"] = subresource
        entries.append(entry)
    meta["managedFields"] = entries


def _changed(new: Json, old: Json, depth: int) -> Json:
    found: Json = {}
    for name, value in new.items():
        before = old.get(name)
        if name in _IGNORED or value == before:
            continue
        found[f"f:{name}"] = _below(value, before, depth - 1)
    return found


def _below(value: Any, before: Any, depth: int) -> Json:
    if not isinstance(value, dict) or depth == 0:
        return {}
    return _changed(value, before if isinstance(before, dict) else {}, depth)


def _merge(one: Json, other: Json) -> Json:
    merged = dict(one)
    for name, value in other.items():
        merged[name] = _merge(merged[name], value) if name in merged else value
    return merged
