"""The API server's patch types: JSON patch, merge patch, strategic merge patch."""

from __future__ import annotations

from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import clone
from eval.environments.emulator.cluster.openapi.schemas import Schemas

_NOWHERE: Json = {}
_STRATEGY, _KEY = "x-kubernetes-patch-strategy", "x-kubernetes-patch-merge-key"


class PatchError(ValueError):
    """The patch cannot be applied; the text is the API server's."""


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply an RFC 7386 merge patch and return the result."""
    if not isinstance(patch, dict):
        return clone(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def strategic_merge(
    target: Json, patch: Json, schemas: Schemas, schema: Json | None = None
) -> Json:
    """Apply a strategic merge patch by the merge keys of a schema and return the result.

    Raises `PatchError`.
    """
    return _Merger(schemas).merge(target, patch, schema or _NOWHERE)


class _Merger:
    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def merge(self, target: Json, patch: Json, schema: Json) -> Json:
        directive = patch.get("$patch")
        if directive == "replace":
            return {name: clone(value) for name, value in patch.items() if name != "$patch"}
        if directive == "delete":
            return {}
        result = dict(target)
        for name, value in patch.items():
            if name.startswith("$deleteFromPrimitiveList/"):
                field = name.split("/", 1)[1]
                result[field] = [item for item in result.get(field) or () if item not in value]
            elif name.startswith("$"):
                continue
            elif value is None:
                result.pop(name, None)
            elif isinstance(value, dict):
                before = result.get(name)
                below = self._below(schema, name)
                result[name] = self.merge(before if isinstance(before, dict) else {}, value, below)
            elif isinstance(value, list):
                below = self._below(schema, name)
                result[name] = self._list(below, result.get(name) or [], value)
            else:
                result[name] = value
        retain = patch.get("$retainKeys")
        if retain is not None:
            result = {name: value for name, value in result.items() if name in retain}
        for name, order in patch.items():
            if name.startswith("$setElementOrder/"):
                field = name.split("/", 1)[1]
                if isinstance(result.get(field), list):
                    key = self._below(schema, field).get(_KEY)
                    result[field] = _ordered(key, result[field], order)
        return result

    def _below(self, schema: Json, name: str) -> Json:
        resolved = self._schemas.resolve(schema)
        known = (resolved.get("properties") or _NOWHERE).get(name)
        if known is None:
            more = resolved.get("additionalProperties")
            return more if isinstance(more, dict) else _NOWHERE
        return dict(known)

    def _list(self, schema: Json, before: list[Any], patch: list[Any]) -> list[Any]:
        if "merge" not in schema.get(_STRATEGY, ""):
            return [clone(item) for item in patch]
        key = schema.get(_KEY)
        if key is None:
            return [*before, *(item for item in patch if item not in before)]
        if not all(isinstance(item, dict) for item in patch):
            raise PatchError("invalid type in a list of objects")
        if any(item.get("$patch") == "replace" and len(item) == 1 for item in patch):
            return [clone(item) for item in patch if item.get("$patch") != "replace"]
        result = list(before)
        for item in patch:
            if key not in item:
                raise PatchError(f"map: {_go_map(item)} does not contain declared merge key: {key}")
            index = next((i for i, old in enumerate(result) if old.get(key) == item[key]), None)
            if item.get("$patch") == "delete":
                if index is not None:
                    del result[index]
            elif index is None:
                result.append(self.merge({}, item, schema.get("items") or _NOWHERE))
            else:
                result[index] = self.merge(result[index], item, schema.get("items") or _NOWHERE)
        return result


def _go_map(item: Json) -> str:
    return "map[" + " ".join(f"{name}:{value}" for name, value in sorted(item.items())) + "]"


def _ordered(key: str | None, items: list[Any], order: list[Any]) -> list[Any]:
    def identity(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    places = {identity(item): index for index, item in enumerate(order)}
    last = len(places)
    # elements that the patch does not order keep their place behind the ordered ones
    return sorted(items, key=lambda item: places.get(identity(item), last))


def json_patch(target: Any, operations: list[Json]) -> Any:
    """Apply an RFC 6902 JSON patch and return the result. Raises `PatchError`."""
    document = {"": clone(target)}
    for operation in operations:
        kind, path = operation.get("op"), _pointer(str(operation.get("path", "")))
        if kind == "test":
            if _read(document, path, kind) != operation.get("value"):
                raise PatchError(f"testing value {operation['path']} failed: test failed")
        elif kind == "remove":
            _remove(document, path, kind)
        elif kind in ("add", "replace"):
            if kind == "replace":
                _read(document, path, kind)
            _add(document, path, clone(operation.get("value")), replace=kind == "replace")
        elif kind in ("move", "copy"):
            source = _pointer(str(operation.get("from", "")))
            value = clone(_read(document, source, kind))
            if kind == "move":
                _remove(document, source, kind)
            _add(document, path, value, replace=False)
        else:
            raise PatchError(f"Unexpected kind: {kind}")
    return document[""]


def _pointer(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")]


def _read(document: Any, path: list[str], kind: str) -> Any:
    for part in path:
        document = _step(document, part, path, kind)
    return document


def _step(document: Any, part: str, path: list[str], kind: str) -> Any:
    missing = (
        f"{kind} operation does not apply: doc is missing key: {'/'.join(path)}: missing value"
    )
    if isinstance(document, dict):
        if part not in document:
            raise PatchError(missing)
        return document[part]
    if isinstance(document, list) and part.isdigit() and int(part) < len(document):
        return document[int(part)]
    raise PatchError(missing)


def _remove(document: Any, path: list[str], kind: str) -> None:
    parent = _read(document, path[:-1], kind)
    _step(parent, path[-1], path, kind)
    if isinstance(parent, list):
        del parent[int(path[-1])]
    else:
        del parent[path[-1]]


def _add(document: Any, path: list[str], value: Any, *, replace: bool) -> None:
    parent = _read(document, path[:-1], "add")
    last = path[-1]
    if isinstance(parent, list):
        if last != "-" and not (last.isdigit() and int(last) <= len(parent)):
            raise PatchError(f"add operation does not apply: invalid array index: {last}")
        index = len(parent) if last == "-" else int(last)
        if replace:
            parent[index] = value
        else:
            parent.insert(index, value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise PatchError(f"add operation does not apply: doc is missing path: {'/'.join(path)}")
