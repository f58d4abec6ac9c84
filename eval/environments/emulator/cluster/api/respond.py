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
from eval.environments.emulator.cluster.api.event_views import outward
from eval.environments.emulator.cluster.api.tables import partial, table
from eval.environments.emulator.cluster.resources import Resource


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


def one(resource: Resource, obj: Json, wanted: Wanted, now: datetime) -> Json:
    """Return one object in the wanted form."""
    if wanted.form is Form.TABLE:
        meta = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return table(resource, [obj], now, include=wanted.include, meta=meta)
    if wanted.form is Form.METADATA:
        return partial(obj)
    return outward(resource, obj)


def many(
    resource: Resource, objects: Sequence[Json], wanted: Wanted, now: datetime, meta: Json
) -> Json:
    """Return a list in the wanted form."""
    if wanted.form is Form.TABLE:
        return table(resource, objects, now, include=wanted.include, meta=meta)
    if wanted.form is Form.METADATA:
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": meta,
            "items": [partial(obj) for obj in objects],
        }
    # items of a typed list carry neither kind nor apiVersion
    items = [
        {k: v for k, v in outward(resource, obj).items() if k not in ("kind", "apiVersion")}
        for obj in objects
    ]
    return {
        "kind": f"{resource.kind}List",
        "apiVersion": resource.api_version,
        "metadata": meta,
        "items": items,
    }
