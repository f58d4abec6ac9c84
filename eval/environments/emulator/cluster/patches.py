"""The API server's patch types: JSON patch, merge patch, strategic merge patch."""

from __future__ import annotations

from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import clone

_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "imagePullSecrets": "name",
    "secrets": "name",
    "hostAliases": "ip",
    "podIPs": "ip",
    "hostIPs": "ip",
    "conditions": "type",
    "addresses": "type",
    "ownerReferences": "uid",
    "topologySpreadConstraints": "topologyKey",
    "schedulingGates": "name",
    "resourceClaims": "name",
}
_PRIMITIVE = frozenset(("finalizers",))


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


def strategic_merge(target: Json, patch: Json) -> Json:
    """Apply a strategic merge patch and return the result."""
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
            result[name] = strategic_merge(before if isinstance(before, dict) else {}, value)
        elif isinstance(value, list):
            result[name] = _list(name, result.get(name) or [], value)
        else:
            result[name] = value
    retain = patch.get("$retainKeys")
    if retain is not None:
        result = {name: value for name, value in result.items() if name in retain}
    for name, order in patch.items():
        if name.startswith("$setElementOrder/"):
            field = name.split("/", 1)[1]
            if isinstance(result.get(field), list):
                result[field] = _ordered(field, result[field], order)
    return result


def merge_key(field: str, items: list[Any]) -> str | None:
    """Return the key by which a list of objects is merged, None for a list that is replaced."""
    if field == "ports":
        named = [item for item in items if isinstance(item, dict)]
        return "containerPort" if any("containerPort" in item for item in named) else "port"
    return _MERGE_KEYS.get(field)


def _list(field: str, before: list[Any], patch: list[Any]) -> list[Any]:
    if field in _PRIMITIVE:
        return [*before, *(item for item in patch if item not in before)]
    key = merge_key(field, [*before, *patch])
    if key is None or not all(isinstance(item, dict) for item in patch):
        return [clone(item) for item in patch]
    if any(item.get("$patch") == "replace" and len(item) == 1 for item in patch):
        return [clone(item) for item in patch if item.get("$patch") != "replace"]
    result = list(before)
    for item in patch:
        if key not in item:
            raise PatchError(f"map: {item} does not contain declared merge key: {key}")
        index = next((i for i, old in enumerate(result) if old.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            if index is not None:
                del result[index]
        elif index is None:
            result.append(strategic_merge({}, item))
        else:
            result[index] = strategic_merge(result[index], item)
    return result


def _ordered(field: str, items: list[Any], order: list[Any]) -> list[Any]:
    key = merge_key(field, items)

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
