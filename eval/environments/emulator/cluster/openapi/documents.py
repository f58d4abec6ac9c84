"""The OpenAPI documents that a cluster publishes: v2 for 1.20, v2 and v3 for the present version."""

from __future__ import annotations

from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.catalog import Catalog
from eval.environments.emulator.cluster.openapi.gnostic import document
from eval.environments.emulator.cluster.openapi.schemas import Schemas, schemas_of
from eval.environments.emulator.cluster.resources import Resource

_PATCH_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")


class OpenApi:
    """Renders one cluster's documents, and remembers the large ones."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._protobuf: tuple[Any, bytes] | None = None

    @property
    def schemas(self) -> Schemas:
        """The schemas of the cluster's version."""
        return schemas_of(self._catalog.version)

    def v2(self) -> Json:
        """Return /openapi/v2 as JSON."""
        return {
            "swagger": "2.0",
            "info": self._info(),
            "paths": {
                path: {"patch": self._operation(resource, {"type": "string"}, {})}
                for path, resource in self._paths(self._catalog.resources)
            },
            "definitions": _pointed(self.schemas.definitions, "#/definitions/"),
        }

    def v2_protobuf(self) -> bytes:
        """Return /openapi/v2 as protobuf."""
        # the catalog makes a new tuple whenever it changes
        served = self._catalog.resources
        if self._protobuf is None or self._protobuf[0] is not served:
            self._protobuf = (served, document(self.v2()))
        return self._protobuf[1]

    def v3_index(self) -> Json:
        """Return /openapi/v3."""
        paths: Json = {}
        for group, versions in self._catalog.groups.items():
            for version in versions:
                path = f"apis/{group}/{version}" if group else f"api/{version}"
                paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}"}
        return {"paths": paths}

    def v3(self, path: str) -> Json | None:
        """Return the document of one group version."""
        parts = path.split("/")
        if parts[0] == "api" and len(parts) == 2:
            group, version = "", parts[1]
        elif parts[0] == "apis" and len(parts) == 3:
            group, version = parts[1], parts[2]
        else:
            return None
        resources = self._catalog.below(group, version)
        if not resources:
            return None
        schemas = self.schemas
        names = [schemas.name_of(r.group, r.version, r.kind) for r in resources]
        shown = _pointed(schemas.reachable(names), "#/components/schemas/")
        for resource in resources:
            if resource.custom:
                shown[_custom_name(resource)] = self._custom(resource)
        paths: Json = {}
        for address, resource in self._paths(resources):
            schema = {"schema": {"type": "string", "uniqueItems": True}}
            kind = {
                "group": resource.group,
                "version": resource.version,
                "kind": resource.kind,
            }
            get = {
                "operationId": f"read{resource.kind}",
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-action": "get",
                "x-kubernetes-group-version-kind": kind,
            }
            patch = self._operation(resource, schema, {"x-kubernetes-action": "patch"})
            paths[address] = {"get": get, "patch": patch}
        return {
            "openapi": "3.0.0",
            "info": self._info(),
            "paths": paths,
            "components": {"schemas": shown},
        }

    def _info(self) -> Json:
        return {"title": "Kubernetes", "version": self._catalog.version.git}

    def _paths(self, resources: Any) -> list[tuple[str, Resource]]:
        found = []
        for resource in resources:
            if "patch" in resource.verbs:
                root = f"/apis/{resource.group}" if resource.group else "/api"
                scope = "namespaces/{namespace}/" if resource.namespaced else ""
                address = f"{root}/{resource.version}/{scope}{resource.plural}/{{name}}"
                found.append((address, resource))
        return found

    def _operation(self, resource: Resource, parameter: Json, more: Json) -> Json:
        legacy = self._catalog.version.legacy
        names = [n for n in _PATCH_PARAMETERS if not (legacy and n == "fieldValidation")]
        return {
            "operationId": f"patch{resource.kind}",
            "parameters": [{"name": name, "in": "query", **parameter} for name in names],
            "responses": {"200": {"description": "OK"}},
            **more,
            "x-kubernetes-group-version-kind": {
                "group": resource.group,
                "version": resource.version,
                "kind": resource.kind,
            },
        }

    def _custom(self, resource: Resource) -> Json:
        schema = self._catalog.schema_of(resource)
        kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        return {"type": "object", **schema, "x-kubernetes-group-version-kind": [kind]}


def _custom_name(resource: Resource) -> str:
    group = ".".join(reversed(resource.group.split(".")))
    return f"{group}.{resource.version}.{resource.kind}"


def _pointed(value: Any, prefix: str) -> Any:
    """Return schemas with the bare names of definitions as JSON pointers."""
    if isinstance(value, dict):
        out: Json = {}
        for name, item in value.items():
            if name == "$ref" and isinstance(item, str):
                item = prefix + item
                if prefix == "#/components/schemas/" and len(value) > 1:
                    # in version 3 nothing may stand beside a reference
                    out["allOf"] = [{"$ref": item}]
                    out.setdefault("default", {})
                    continue
                out[name] = item
            elif name in ("description", "type", "format"):
                out[name] = item if isinstance(item, str) else _pointed(item, prefix)
            else:
                out[name] = _pointed(item, prefix)
        return out
    if isinstance(value, list):
        return [_pointed(item, prefix) for item in value]
    return value
