"""Custom resources against the structural schema of their definition: pruning, defaults, values."""

from __future__ import annotations

import json
import re
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import clone

Causes = list[tuple[str, str, str]]
_PYTHON: dict[str, Any] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}
_WORDS = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array"}


def defaulted(schema: Json, value: Any) -> Any:
    """Return a value with the schema's defaults filled in. Changes it."""
    if isinstance(value, dict):
        for name, below in (schema.get("properties") or {}).items():
            if name not in value and "default" in below:
                value[name] = clone(below["default"])
            if name in value:
                value[name] = defaulted(below, value[name])
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            for item in value.values():
                defaulted(more, item)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            defaulted(schema["items"], item)
    return value


def violations(schema: Json, value: Any, path: str = "") -> Causes:
    """Return what a value does wrong, as (reason, field, message), the API server's words."""
    causes: Causes = []
    kind = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        kind = None
    if value is None and (schema.get("nullable") or not kind):
        return causes
    if kind in _PYTHON and not _fits(kind, value):
        shown = _WORDS.get(type(value), "object")
        message = f'Invalid value: "{shown}": {path} in body must be of type {kind}: "{shown}"'
        return [("FieldValueTypeInvalid", path, message)]
    if "enum" in schema and value not in schema["enum"]:
        listed = ", ".join(json.dumps(item) for item in schema["enum"])
        causes.append(
            (
                "FieldValueNotSupported",
                path,
                f"Unsupported value: {json.dumps(value)}: supported values: {listed}",
            )
        )
    causes += _limits(schema, value, path)
    if isinstance(value, dict):
        for name in schema.get("required") or ():
            if name not in value:
                causes.append(("FieldValueRequired", _join(path, name), "Required value"))
        for name, below in (schema.get("properties") or {}).items():
            if name in value and (path or name not in ("apiVersion", "kind", "metadata")):
                causes += violations(below, value[name], _join(path, name))
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            for name, item in value.items():
                causes += violations(more, item, _join(path, name))
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, item in enumerate(value):
            causes += violations(schema["items"], item, f"{path}[{index}]")
    return causes


def _limits(schema: Json, value: Any, path: str) -> Causes:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    found: list[str] = []
    if number and "minimum" in schema and value < schema["minimum"]:
        found.append(f"should be greater than or equal to {schema['minimum']}")
    if number and "maximum" in schema and value > schema["maximum"]:
        found.append(f"should be less than or equal to {schema['maximum']}")
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"should match '{schema['pattern']}'")
    return [
        (
            "FieldValueInvalid",
            path,
            f"Invalid value: {json.dumps(value)}: {path} in body {text}",
        )
        for text in found
    ]


def _fits(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _PYTHON[kind])


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
