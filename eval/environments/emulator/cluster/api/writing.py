"""create, update, patch, apply, delete, scale and eviction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.event_views import inward
from eval.environments.emulator.cluster.api.server_side_apply import Applier
from eval.environments.emulator.cluster.api.target import Target
from eval.environments.emulator.cluster.errors import ApiError, bad_request, method_not_allowed
from eval.environments.emulator.cluster.objects import clone, key_of, uid_of
from eval.environments.emulator.cluster.patches import (
    PatchError,
    json_patch,
    merge_patch,
    strategic_merge,
)
from eval.environments.emulator.cluster.world import World

_RETURNED = frozenset(
    (
        "Pod",
        "PersistentVolumeClaim",
        "PersistentVolume",
        "ServiceAccount",
        "ResourceQuota",
        "Service",
        "StorageClass",
    )
)


class Writer:
    """The writing verbs; every method returns (HTTP code, body) or raises `ApiError`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._applier = Applier(world)

    def create(
        self, target: Target, body: Json, query: Mapping[str, str], manager: str
    ) -> tuple[int, Json]:
        """POST."""
        if target.subresource == "eviction":
            return self._evict(target, body)
        if target.subresource == "binding":
            return self._bind(target, body)
        if target.name:
            raise method_not_allowed()
        self._check(target, body, named=False)
        stored = self._world.registry.create(
            inward(target.resource, body), manager=manager, dry_run=_dry_run(query)
        )
        return 201, stored

    def update(
        self, target: Target, body: Json, query: Mapping[str, str], manager: str
    ) -> tuple[int, Json]:
        """PUT."""
        if not target.name:
            raise method_not_allowed()
        if target.subresource == "scale":
            return self._scale(target, body, query, manager)
        self._check(target, body, named=True)
        stored = self._world.registry.update(
            target.resource,
            inward(target.resource, body),
            subresource=target.subresource,
            manager=manager,
            dry_run=_dry_run(query),
        )
        return 200, stored

    def patch(
        self,
        target: Target,
        content_type: str,
        text: str,
        query: Mapping[str, str],
        manager: str,
    ) -> tuple[int, Json]:
        """PATCH, all four kinds."""
        if not target.name:
            raise method_not_allowed()
        patch = _parse(text)
        if content_type == "application/apply-patch+yaml":
            return self._applier.apply(target, patch, query, dry_run=_dry_run(query))
        registry = self._world.registry
        current = registry.get(target.resource, target.namespace, target.name)
        shown = (
            registry.scale(target.resource, current) if target.subresource == "scale" else current
        )
        new = _patched(shown, content_type, patch)
        if target.subresource == "scale":
            return self._scale(target, new, query, manager)
        meta = new.get("metadata") or {}
        if meta.get("name", target.name) != target.name:
            raise bad_request("the name of the object does not match the name on the URL")
        version = _asked_version(patch)
        meta["resourceVersion"] = version or current["metadata"]["resourceVersion"]
        stored = registry.update(
            target.resource,
            new,
            subresource=target.subresource,
            manager=manager,
            dry_run=_dry_run(query),
        )
        return 200, stored

    def delete(self, target: Target, body: Json, query: Mapping[str, str]) -> tuple[int, Json]:
        """DELETE of one object."""
        stored = self._delete(target, target.namespace, target.name, body, query)
        if target.resource.kind in _RETURNED or "deletionTimestamp" in stored["metadata"]:
            return 200, stored
        details: Json = {"name": target.name}
        if target.resource.group:
            details["group"] = target.resource.group
        details.update({"kind": target.resource.plural, "uid": uid_of(stored)})
        status: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": details,
        }
        return 200, status

    def delete_all(
        self, target: Target, found: list[Json], body: Json, query: Mapping[str, str]
    ) -> None:
        """DELETE of a collection."""
        for obj in found:
            if self._world.store.get(obj["kind"], *key_of(obj)) is not None:
                self._delete(target, *key_of(obj), body, query)

    def _delete(
        self, target: Target, namespace: str, name: str, body: Json, query: Mapping[str, str]
    ) -> Json:
        grace = body.get("gracePeriodSeconds")
        if grace is None and query.get("gracePeriodSeconds", "").isdigit():
            grace = int(query["gracePeriodSeconds"])
        policy = body.get("propagationPolicy") or query.get("propagationPolicy") or "Background"
        if body.get("orphanDependents") is True:
            policy = "Orphan"
        dry_run = _dry_run(query) or bool(body.get("dryRun"))
        return self._world.registry.delete(
            target.resource,
            namespace,
            name,
            grace=grace,
            propagation=policy,
            preconditions=body.get("preconditions"),
            dry_run=dry_run,
        )

    def _scale(
        self, target: Target, body: Json, query: Mapping[str, str], manager: str
    ) -> tuple[int, Json]:
        registry = self._world.registry
        current = registry.get(target.resource, target.namespace, target.name)
        new: Json = clone(current)
        new["spec"]["replicas"] = (body.get("spec") or {}).get("replicas", 0)
        version = (body.get("metadata") or {}).get("resourceVersion")
        new["metadata"]["resourceVersion"] = version or current["metadata"]["resourceVersion"]
        stored = registry.update(target.resource, new, manager=manager, dry_run=_dry_run(query))
        return 200, registry.scale(target.resource, stored)

    def _evict(self, target: Target, body: Json) -> tuple[int, Json]:
        options = body.get("deleteOptions") or {}
        self._world.registry.delete(
            target.resource,
            target.namespace,
            target.name,
            grace=options.get("gracePeriodSeconds"),
            dry_run=bool(options.get("dryRun")),
        )
        return 201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}

    def _bind(self, target: Target, body: Json) -> tuple[int, Json]:
        node = (body.get("target") or {}).get("name", "")

        def change(new: Json) -> None:
            new["spec"]["nodeName"] = node

        self._world.store.edit("Pod", (target.namespace, target.name), change)
        return 201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}

    def _check(self, target: Target, body: Json, *, named: bool) -> None:
        resource = target.resource
        if body.get("kind", resource.kind) != resource.kind:
            raise bad_request(
                f'{body.get("kind")} in version "{body.get("apiVersion", "")}" cannot be handled'
                f" as a {resource.kind}: converting ({body.get('kind')}) to"
                f" ({resource.kind}): unknown conversion"
            )
        body["kind"] = resource.kind
        body.setdefault("apiVersion", resource.api_version)
        meta = body.setdefault("metadata", {})
        if resource.namespaced and not meta.get("namespace"):
            meta["namespace"] = target.namespace
        if resource.namespaced and meta["namespace"] != target.namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on"
                " the request"
            )
        if named and meta.setdefault("name", target.name) != target.name:
            raise bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL"
                f" ({target.name})"
            )


def _parse(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise bad_request(f"error decoding patch: {error}") from error


def parse_body(text: str) -> Json:
    """Read a request body, JSON or YAML. Raises `ApiError` 400."""
    if not text.strip():
        return {}
    try:
        body = json.loads(text)
    except ValueError:
        body = _parse(text)
    if not isinstance(body, dict):
        raise bad_request("the request body is not an object")
    return body


def _patched(current: Json, content_type: str, patch: Any) -> Json:
    try:
        if content_type == "application/json-patch+json":
            result = json_patch(current, patch)
        elif content_type == "application/merge-patch+json":
            result = clone(merge_patch(current, patch))
        elif content_type == "application/strategic-merge-patch+json":
            result = clone(strategic_merge(current, patch))
        else:
            raise ApiError(
                415,
                "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include:"
                " application/json-patch+json, application/merge-patch+json,"
                " application/strategic-merge-patch+json, application/apply-patch+yaml",
            )
    except PatchError as error:
        raise ApiError(
            422,
            "Invalid",
            "the server rejected our request due to an error in our request",
            {"causes": [{"reason": "UnexpectedServerResponse", "message": str(error)}]},
        ) from error
    if not isinstance(result, dict):
        raise bad_request("the patched object is not an object")
    return result


def _asked_version(patch: Any) -> str:
    """Return the resourceVersion that a patch insists on."""
    if isinstance(patch, dict):
        return str((patch.get("metadata") or {}).get("resourceVersion") or "")
    return ""


def _dry_run(query: Mapping[str, str]) -> bool:
    value = query.get("dryRun", "")
    if value not in ("", "All"):
        raise bad_request(f'Invalid value: "{value}": supported values: "All"')
    return value == "All"
