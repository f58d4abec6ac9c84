"""As much OpenAPI as clients need to see that writes are validated by the server."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.resources import GROUPS, RESOURCES
from eval.environments.emulator.cluster.version import VERSION

_INFO = {"title": "Kubernetes", "version": VERSION}


def v2() -> Json:
    """Return /openapi/v2: no definitions, so that clients fall back to what they know."""
    return {"swagger": "2.0", "info": _INFO, "paths": {}, "definitions": {}}


def v3_index() -> Json:
    """Return /openapi/v3."""
    paths = {
        f"{_path(group)}": {"serverRelativeURL": f"/openapi/v3/{_path(group)}"}
        for group in ("", *GROUPS)
    }
    return {"paths": paths}


def v3(path: str) -> Json | None:
    """Return the document of one group version: its PATCH operations and their parameters."""
    group = next((name for name in ("", *GROUPS) if _path(name) == path), None)
    if group is None:
        return None
    paths: Json = {}
    for resource in RESOURCES:
        if resource.group != group:
            continue
        scope = "namespaces/{namespace}/" if resource.namespaced else ""
        operation = {
            "operationId": f"patch{resource.kind}",
            "parameters": [
                {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
                for name in ("dryRun", "fieldManager", "fieldValidation", "force")
            ],
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": {
                "group": resource.group,
                "version": resource.version,
                "kind": resource.kind,
            },
        }
        paths[f"/{path}/{scope}{resource.plural}/{{name}}"] = {"patch": operation}
    return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": {}}}


def _path(group: str) -> str:
    if not group:
        return "api/v1"
    version = next(r.version for r in RESOURCES if r.group == group)
    return f"apis/{group}/{version}"
