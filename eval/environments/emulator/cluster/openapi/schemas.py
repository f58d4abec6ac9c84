"""The packaged OpenAPI schemas of the served versions."""

from __future__ import annotations

import json
import lzma
from functools import lru_cache
from pathlib import Path

from connectors.api.values import Json
from eval.environments.emulator.cluster.resources import Resource
from eval.environments.emulator.cluster.version import Version

_FOLDER = Path(__file__).parent
_TYPES = "x-kubernetes-group-version-kind"
_EMPTY: Json = {}


class Schemas:
    """The definitions of one Kubernetes version. A `$ref` is the bare name of a definition."""

    def __init__(self, definitions: dict[str, Json]) -> None:
        self.definitions = definitions
        self._names: dict[tuple[str, str, str], str] = {}
        for name, item in definitions.items():
            for kind in item.get(_TYPES) or ():
                self._names[kind["group"], kind["version"], kind["kind"]] = name

    def name_of(self, group: str, version: str, kind: str) -> str:
        """Return the name of a kind's definition, "" for a kind without one."""
        return self._names.get((group, version, kind), "")

    def of(self, resource: Resource) -> Json | None:
        """Return a resource's schema; None for custom resources."""
        if resource.custom:
            return None
        return self.definitions.get(self.name_of(resource.group, resource.version, resource.kind))

    def resolve(self, schema: Json) -> Json:
        """Return the definition that a schema refers to, or the schema itself."""
        name = schema.get("$ref")
        return schema if name is None else self.definitions.get(name, _EMPTY)

    def reachable(self, names: list[str]) -> dict[str, Json]:
        """Return the named definitions and all that they refer to."""
        found: dict[str, Json] = {}
        queue = list(names)
        while queue:
            name = queue.pop()
            if name in found or name not in self.definitions:
                continue
            found[name] = self.definitions[name]
            queue.extend(_references(self.definitions[name]))
        return dict(sorted(found.items()))


def _references(schema: Json) -> list[str]:
    found: list[str] = []
    for part in (*(schema.get("properties") or {}).values(), schema):
        for below in (part, part.get("items"), part.get("additionalProperties")):
            while isinstance(below, dict):
                if "$ref" in below:
                    found.append(below["$ref"])
                below = below.get("items") or below.get("additionalProperties")
    return found


@lru_cache(maxsize=2)
def schemas_of(version: Version) -> Schemas:
    """Return a version's schemas. Takes some 30 ms the first time."""
    packed = (_FOLDER / f"v{version.minor}.json.xz").read_bytes()
    return Schemas(json.loads(lzma.decompress(packed)))
