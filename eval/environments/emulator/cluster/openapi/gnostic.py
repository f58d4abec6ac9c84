"""Swagger documents as gnostic's `openapi.v2.Document` protobuf, which is all that kubectl reads.

Field numbers: github.com/google/gnostic-models, openapiv2/OpenAPIv2.proto.
"""

from __future__ import annotations

import json
from typing import Any

from connectors.api.values import Json

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


def document(swagger: Json) -> bytes:
    """Return the protobuf form of a swagger document with paths, definitions and patch operations."""
    definitions = b"".join(
        _field(1, _named(name, _schema(schema))) for name, schema in swagger["definitions"].items()
    )
    paths = b"".join(
        _field(2, _named(path, _field(8, _operation(item["patch"]))))
        for path, item in swagger["paths"].items()
        if "patch" in item
    )
    info = _text(1, swagger["info"]["title"]) + _text(2, swagger["info"]["version"])
    return _text(1, "2.0") + _field(2, info) + _field(8, paths) + _field(9, definitions)


def _schema(schema: Json) -> bytes:
    out = b""
    if "$ref" in schema:
        out += _text(1, schema["$ref"])
    if "format" in schema:
        out += _text(2, schema["format"])
    if "description" in schema:
        out += _text(4, schema["description"])
    for name in schema.get("required") or ():
        out += _text(19, name)
    if isinstance(schema.get("additionalProperties"), dict):
        out += _field(21, _field(1, _schema(schema["additionalProperties"])))
    if "type" in schema:
        out += _field(22, _text(1, schema["type"]))
    if "items" in schema:
        out += _field(23, _field(1, _schema(schema["items"])))
    if "properties" in schema:
        listed = (_field(1, _named(n, _schema(s))) for n, s in schema["properties"].items())
        out += _field(25, b"".join(listed))
    return out + _extensions(31, schema)


def _operation(operation: Json) -> bytes:
    out = _text(5, operation["operationId"])
    for parameter in operation["parameters"]:
        query = _text(2, "query") + _text(4, parameter["name"]) + _text(6, parameter["type"])
        out += _field(8, _field(1, _field(2, _field(3, query))))
    return out + _extensions(13, operation)


def _extensions(number: int, item: Json) -> bytes:
    # JSON is YAML
    return b"".join(
        _field(number, _named(name, _text(2, json.dumps(value) + "\n")))
        for name, value in item.items()
        if name.startswith("x-")
    )


def _named(name: str, value: bytes) -> bytes:
    return _text(1, name) + _field(2, value)


def _text(number: int, value: Any) -> bytes:
    return _field(number, str(value).encode())


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
