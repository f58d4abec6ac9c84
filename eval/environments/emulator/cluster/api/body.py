"""Bodies of writes: parsed, decoded by their schema, strictly or not."""

from __future__ import annotations

import json
from typing import Any

import yaml

from connectors.api.values import Json
from eval.environments.emulator.cluster.catalog import Catalog
from eval.environments.emulator.cluster.errors import ApiError, bad_request, invalid
from eval.environments.emulator.cluster.openapi.decode import Decoded, DecodeError, decode
from eval.environments.emulator.cluster.openapi.documents import OpenApi
from eval.environments.emulator.cluster.openapi.structural import defaulted, violations
from eval.environments.emulator.cluster.resources import Resource

_MODES = ("Ignore", "Warn", "Strict")


def parse(text: str) -> Any:
    """Read JSON or YAML. Raises `ApiError` 400."""
    try:
        return json.loads(text)
    except ValueError:
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise bad_request(f"error decoding: {error}") from error


def parse_object(text: str) -> Json:
    """Read a request body that is an object. Raises `ApiError` 400."""
    body = parse(text) if text.strip() else {}
    if not isinstance(body, dict):
        raise bad_request("the request body is not an object")
    return body


class Decoder:
    """Decodes bodies as the server of this cluster's version does.

    `mode` is the request's fieldValidation. Dropped fields are refused or put into `warnings`.
    """

    def __init__(self, catalog: Catalog, openapi: OpenApi) -> None:
        self._catalog = catalog
        self._openapi = openapi

    def mode(self, asked: str) -> str:
        """Return the validation mode of a request. Raises `ApiError` 422 for a wrong one."""
        if self._catalog.version.legacy:
            return "Ignore"
        if asked and asked not in _MODES:
            raise ApiError(
                422,
                "Invalid",
                f'CreateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value:'
                f' "{asked}": supported values: "Ignore", "Strict", "Warn"',
            )
        return asked or "Warn"

    def decode(self, resource: Resource, body: Json) -> Decoded:
        """Return what the server takes from a body, and what it does not know. Raises `ApiError`."""
        schema = self._openapi.schemas.of(resource)
        if resource.custom:
            schema = self._catalog.schema_of(resource)
            if not schema.get("properties"):
                return Decoded(body)
        if schema is None:
            return Decoded(body)
        try:
            if resource.custom:
                return self._structural(resource, schema, body)
            return decode(self._openapi.schemas, schema, body)
        except DecodeError as error:
            raise cannot_handle(resource, str(error)) from error

    def _structural(self, resource: Resource, schema: Json, body: Json) -> Decoded:
        causes = violations(schema, body)
        if causes:
            name = str((body.get("metadata") or {}).get("name", ""))
            raise invalid(resource.group, resource.kind, name, causes)
        return decode(self._openapi.schemas, schema, defaulted(schema, body))

    def take(self, resource: Resource, body: Json, mode: str, warnings: list[str]) -> Json:
        """Decode a body of a create or update. Raises `ApiError` 400 for unknown fields if strict."""
        found = self.decode(resource, body)
        if found.unknown and mode == "Strict":
            raise cannot_handle(resource, strict_text(found.unknown))
        if mode == "Warn":
            warnings.extend(f'unknown field "{path}"' for path in found.unknown)
        value: Json = found.value
        return value


def strict_text(unknown: list[str]) -> str:
    """Return the strict decoder's text."""
    return "strict decoding error: " + ", ".join(f'unknown field "{path}"' for path in unknown)


def cannot_handle(resource: Resource, why: str) -> ApiError:
    """400 for a body that does not decode."""
    return bad_request(
        f'{resource.kind} in version "{resource.version}" cannot be handled as a'
        f" {resource.kind}: {why}"
    )
