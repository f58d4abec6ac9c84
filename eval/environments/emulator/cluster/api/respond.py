"""Content negotiation: the object itself, a Table, or metadata only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from aiohttp import web

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.legacy import as_in_1_20
from eval.environments.emulator.cluster.api.tables import partial, table
from eval.environments.emulator.cluster.api.views import outward
from eval.environments.emulator.cluster.openapi.decode import prune
from eval.environments.emulator.cluster.openapi.documents import OpenApi
from eval.environments.emulator.cluster.resources import Resource
from eval.environments.emulator.cluster.world import World


class Form(Enum):
    """How a client wants objects."""

    FULL = "full"
    TABLE = "table"
    METADATA = "metadata"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an Accept header and `includeObject` ask for."""

    form: Form
    include: str

    @classmethod
    def of(cls, accept: str, query: Mapping[str, str]) -> Wanted:
        """Read a request; the first understood alternative counts."""
        include = query.get("includeObject", "Metadata")
        for part in accept.split(","):
            kind = part.replace(" ", "")
            if "as=Table" in kind:
                return cls(Form.TABLE, include)
            if "as=PartialObjectMetadata" in kind:
                return cls(Form.METADATA, include)
            if kind.split(";")[0] in ("application/json", "*/*", "application/yaml"):
                break
        return cls(Form.FULL, include)


def dump(body: Any) -> bytes:
    """Return JSON as the API server sends it."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def reply(body: Json, status: int = 200) -> web.Response:
    """Return a JSON response."""
    return web.Response(body=dump(body), status=status, content_type="application/json")


class Presenter:
    """Shows stored objects in the version and the form that a client asks for."""

    def __init__(self, world: World, openapi: OpenApi) -> None:
        self._world = world
        self._openapi = openapi

    def show(self, resource: Resource, obj: Json) -> Json:
        """Return a stored object as a resource of this cluster's version shows it."""
        shown = outward(resource, obj)
        if not self._world.registry.catalog.version.legacy:
            return shown
        schema = self._openapi.schemas.of(resource)
        if schema is not None:
            shown = prune(self._openapi.schemas, schema, shown)
        return as_in_1_20(shown, self._world.store)

    def one(self, resource: Resource, obj: Json, wanted: Wanted) -> Json:
        """Return one object in the wanted form."""
        if wanted.form is Form.TABLE:
            meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
            return self._table(resource, [obj], wanted, meta)
        if wanted.form is Form.METADATA:
            return partial(self.show(resource, obj))
        return self.show(resource, obj)

    def many(self, resource: Resource, objects: Sequence[Json], wanted: Wanted, meta: Json) -> Json:
        """Return a list in the wanted form."""
        if wanted.form is Form.TABLE:
            return self._table(resource, objects, wanted, meta)
        if wanted.form is Form.METADATA:
            return {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": meta,
                "items": [partial(self.show(resource, obj)) for obj in objects],
            }
        items = [self.show(resource, obj) for obj in objects]
        if not resource.custom:
            # items of a typed list carry neither kind nor apiVersion
            items = [
                {k: v for k, v in item.items() if k not in ("kind", "apiVersion")} for item in items
            ]
        return {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": meta,
            "items": items,
        }

    def now(self) -> datetime:
        """Return the present time."""
        return self._world.clock.now()

    def _table(
        self, resource: Resource, objects: Sequence[Json], wanted: Wanted, meta: Json
    ) -> Json:
        legacy = self._world.registry.catalog.version.legacy
        full = wanted.include == "Object" or legacy
        return table(
            resource,
            [(obj, self.show(resource, obj) if full else None) for obj in objects],
            self.now(),
            include=wanted.include,
            meta=meta,
            legacy=legacy,
        )
