"""Typed decoding: what the API server takes from a body, what it drops, and what it refuses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.openapi.schemas import Schemas

_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_QUANTITY_FORM = re.compile(r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$")
_BAD_QUANTITY = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)
_GO = {"integer": "int32", "boolean": "bool", "string": "string", "number": "float64"}
_WORDS = {
    str: "string",
    bool: "bool",
    int: "number",
    float: "number",
    list: "array",
    dict: "object",
}


class DecodeError(ValueError):
    """A value of another type than its field; the text is the API server's."""


@dataclass(slots=True)
class Decoded:
    """A body without what the schema does not know, and the paths of what was dropped."""

    value: Any
    unknown: list[str] = field(default_factory=list)


def decode(schemas: Schemas, schema: Json, body: Json) -> Decoded:
    """Return what a typed decoder makes of a body. Raises `DecodeError`."""
    found = Decoded(None)
    found.value = _Decoder(schemas, found.unknown).value(schema, body, "", "")
    return found


def prune(schemas: Schemas, schema: Json, obj: Json) -> Json:
    """Return a valid object without the fields that a schema does not know."""
    pruned: Json = _Decoder(schemas, [], check=False).value(schema, obj, "", "")
    return pruned


class _Decoder:
    def __init__(self, schemas: Schemas, unknown: list[str], check: bool = True) -> None:
        self._schemas = schemas
        self._unknown = unknown
        self._check = check

    def value(self, schema: Json, value: Any, path: str, owner: str) -> Any:
        name = schema.get("$ref", "")
        schema = self._schemas.resolve(schema)
        kind = schema.get("type")
        if "properties" in schema:
            if not isinstance(value, dict):
                return self._mismatch(value, path, owner, _go_name(name))
            return self._struct(schema, value, path, name)
        if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
            if not isinstance(value, dict):
                return self._mismatch(value, path, owner, "map")
            below = schema["additionalProperties"]
            return {
                key: self.value(below, item, path, owner)
                for key, item in value.items()
                if item is not None or not self._check
            }
        if kind == "array":
            if not isinstance(value, list):
                return self._mismatch(value, path, owner, "[]" + _element(schema))
            below = schema.get("items") or {}
            return [
                self.value(below, item, f"{path}[{index}]", owner)
                for index, item in enumerate(value)
            ]
        if self._check:
            self._scalar(schema, name, value, path, owner)
        return value

    def _struct(self, schema: Json, value: Json, path: str, name: str) -> Json:
        properties, result = schema["properties"], {}
        required = schema.get("required") or ()
        for key, item in value.items():
            below = f"{path}.{key}" if path else key
            known = properties.get(key)
            if known is None:
                if schema.get("x-kubernetes-preserve-unknown-fields") or (
                    not path and key in _META
                ):
                    result[key] = item
                else:
                    self._unknown.append(below)
                continue
            if item is None:
                if key == "creationTimestamp" or not self._check:
                    result[key] = None
                continue
            found = self.value(known, item, below, name)
            empty = found in ([], {}) and self._check and key not in required
            if not (empty and ("additionalProperties" in known or known.get("type") == "array")):
                result[key] = found
        return result

    def _scalar(self, schema: Json, name: str, value: Any, path: str, owner: str) -> None:
        kind, form = schema.get("type"), schema.get("format", "")
        if name == _QUANTITY:
            good = isinstance(value, (str, int, float)) and _QUANTITY_FORM.match(str(value))
            if not good:
                raise DecodeError(_BAD_QUANTITY)
        elif form == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                self._mismatch(value, path, owner, "int32")
        elif kind == "string" and not isinstance(value, str):
            self._mismatch(value, path, owner, "string")
        elif kind == "boolean" and not isinstance(value, bool):
            self._mismatch(value, path, owner, "bool")
        elif kind == "integer" and (isinstance(value, bool) or not _integral(value)):
            self._mismatch(value, path, owner, form or "int32")

    def _mismatch(self, value: Any, path: str, owner: str, go: str) -> Any:
        if not self._check:
            return value
        plain = re.sub(r"\[\d+\]", "", path)
        where = f"Go struct field {_go_name(owner)}.{plain}" if plain else "Go value"
        word = _WORDS.get(type(value), "null")
        raise DecodeError(f"json: cannot unmarshal {word} into {where} of type {go}")


_META = ("apiVersion", "kind", "metadata")


def _integral(value: Any) -> bool:
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _go_name(definition: str) -> str:
    return definition.rsplit(".", 1)[-1]


def _element(schema: Json) -> str:
    items = schema.get("items") or {}
    if "$ref" in items:
        parts = items["$ref"].split(".")
        return ".".join(parts[-2:])
    return _GO.get(items.get("type", ""), "string")
