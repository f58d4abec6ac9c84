"""Sets of field paths, as managedFields record them, by a schema's list types.

A path is a tuple of FieldsV1 elements: `f:name`, `k:{"name":"web"}` (an element of a keyed list),
`v:"x"` (an element of a set).
"""

from __future__ import annotations

import json
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.openapi.schemas import Schemas

Path = tuple[str, ...]
_NOWHERE: Json = {}
_STRIPPED_META = frozenset(
    (
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "generation",
        "managedFields",
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    )
)
_META: dict[str, Json] = {
    "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    "finalizers": {"type": "array", "x-kubernetes-list-type": "set"},
    "ownerReferences": {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["uid"],
    },
}


class Shape:
    """Walks objects of one kind by its schema; objects without one are open maps."""

    def __init__(self, schemas: Schemas, schema: Json | None) -> None:
        self._schemas = schemas
        self._root = schema or _NOWHERE

    def members(self, obj: Json) -> dict[Path, Any]:
        """Return the owned paths of an object with their values (list elements: their key)."""
        found: dict[Path, Any] = {}
        for name, value in obj.items():
            if name in ("apiVersion", "kind") or value is None:
                continue
            if name == "metadata":
                for field, item in value.items():
                    if field not in _STRIPPED_META:
                        schema = _META.get(field, _NOWHERE)
                        self._walk(schema, item, ("f:metadata", f"f:{field}"), found)
                continue
            self._walk(self.below(self._root, name), value, (f"f:{name}",), found)
        return found

    def below(self, schema: Json, field: str) -> Json:
        """Return the schema of a field."""
        resolved = self._schemas.resolve(schema)
        known = (resolved.get("properties") or _NOWHERE).get(field)
        if known is None:
            more = resolved.get("additionalProperties")
            return more if isinstance(more, dict) else _NOWHERE
        return dict(known)

    def keys(self, schema: Json) -> tuple[str, ...]:
        """Return the keys by which a list is a map, () for any other list."""
        if schema.get("x-kubernetes-list-type") == "map":
            return tuple(schema.get("x-kubernetes-list-map-keys") or ())
        if schema.get("x-kubernetes-list-type"):
            return ()
        if "merge" in schema.get("x-kubernetes-patch-strategy", ""):
            key = schema.get("x-kubernetes-patch-merge-key")
            return (key,) if key else ()
        return ()

    def is_set(self, schema: Json) -> bool:
        """Whether a list is a set of scalars."""
        if schema.get("x-kubernetes-list-type"):
            return bool(schema["x-kubernetes-list-type"] == "set")
        strategy = schema.get("x-kubernetes-patch-strategy", "")
        return "merge" in strategy and "x-kubernetes-patch-merge-key" not in schema

    def _walk(self, schema: Json, value: Any, path: Path, found: dict[Path, Any]) -> None:
        resolved = self._schemas.resolve(schema)
        atomic = "atomic" in (
            schema.get("x-kubernetes-map-type"),
            resolved.get("x-kubernetes-map-type"),
        )
        if isinstance(value, dict) and value and not atomic:
            for name, item in value.items():
                self._walk(self.below(schema, name), item, (*path, f"f:{name}"), found)
        elif isinstance(value, list) and value and self.keys(schema):
            items = schema.get("items") or _NOWHERE
            for item in value:
                where = (*path, element(item, self.keys(schema)))
                found[where] = where[-1]
                for name, below in item.items():
                    self._walk(self.below(items, name), below, (*where, f"f:{name}"), found)
        elif isinstance(value, list) and value and self.is_set(schema):
            for item in value:
                found[(*path, f"v:{_compact(item)}")] = item
        else:
            found[path] = value

    def merge(self, live: Json, config: Json) -> Json:
        """Return `live` with what `config` applies."""
        merged = dict(live)
        for name, value in config.items():
            if name == "metadata":
                meta = dict(live.get("metadata") or {})
                for field, item in value.items():
                    meta[field] = self._merged(_META.get(field, _NOWHERE), meta.get(field), item)
                merged[name] = meta
            else:
                merged[name] = self._merged(self.below(self._root, name), live.get(name), value)
        return merged

    def _merged(self, schema: Json, live: Any, value: Any) -> Any:
        resolved = self._schemas.resolve(schema)
        atomic = "atomic" in (
            schema.get("x-kubernetes-map-type"),
            resolved.get("x-kubernetes-map-type"),
        )
        if isinstance(value, dict) and isinstance(live, dict) and not atomic:
            result = dict(live)
            for name, item in value.items():
                result[name] = self._merged(self.below(schema, name), live.get(name), item)
            return result
        if isinstance(value, list) and isinstance(live, list):
            keys = self.keys(schema)
            if keys:
                return self._merged_list(schema, keys, live, value)
            if self.is_set(schema):
                return [*live, *(item for item in value if item not in live)]
        return value

    def _merged_list(
        self, schema: Json, keys: tuple[str, ...], live: list[Any], value: list[Any]
    ) -> list[Any]:
        items = schema.get("items") or _NOWHERE
        wanted = {element(item, keys): item for item in value}
        result = []
        for item in live:
            new = wanted.pop(element(item, keys), None)
            result.append(item if new is None else self._merged(items, item, new))
        return [*result, *wanted.values()]

    def without(self, obj: Json, paths: set[Path]) -> Json:
        """Return an object without the given paths."""
        for path in sorted(paths, key=len, reverse=True):
            obj = _removed(obj, path)
        return obj


def element(item: Json, keys: tuple[str, ...]) -> str:
    """Return the path element of an item in a keyed list."""
    # the protocol of a port is part of its key, and defaulted
    named = {key: item.get(key, "TCP" if key == "protocol" else None) for key in keys}
    return f"k:{_compact({k: v for k, v in named.items() if v is not None})}"


def to_fields(paths: set[Path]) -> Json:
    """Return paths as FieldsV1."""
    fields: Json = {}
    for path in sorted(paths):
        node = fields
        for part in path:
            node = node.setdefault(part, {})
        if path[-1].startswith("k:"):
            node.setdefault(".", {})
    return fields


def from_fields(fields: Json) -> set[Path]:
    """Return the paths of FieldsV1."""
    found: set[Path] = set()

    def walk(node: Json, path: Path) -> None:
        if path and (not node or "." in node):
            found.add(path)
        for name, below in node.items():
            if name != ".":
                walk(below, (*path, name))

    walk(fields, ())
    return found


def show(path: Path) -> str:
    """Return a path as conflicts show it."""
    text = ""
    for part in path:
        kind, _, rest = part.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "k":
            named = json.loads(rest)
            text += "[" + ",".join(f"{k}={json.dumps(v)}" for k, v in named.items()) + "]"
        else:
            text += f"[={rest}]"
    return text


def _removed(value: Any, path: Path) -> Any:
    kind, _, rest = path[0].partition(":")
    last = len(path) == 1
    if kind == "f":
        if not isinstance(value, dict) or rest not in value:
            return value
        below = None if last else _removed(value[rest], path[1:])
        if last or (below in ({}, []) and value[rest] not in ({}, [])):
            return {k: v for k, v in value.items() if k != rest}
        return {**value, rest: below}
    if not isinstance(value, list):
        return value
    wanted = json.loads(rest)
    result = []
    for item in value:
        if kind == "v":
            hit = item == wanted
        else:
            hit = isinstance(item, dict) and all(
                item.get(k, "TCP" if k == "protocol" else None) == v for k, v in wanted.items()
            )
        if not hit:
            result.append(item)
        elif not last:
            result.append(_removed(item, path[1:]))
    return result


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
