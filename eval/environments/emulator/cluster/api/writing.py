"""create, update, patch, apply, delete, scale and the writing subresources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.body import Decoder, parse, strict_text
from eval.environments.emulator.cluster.api.eviction import SUCCESS, evict
from eval.environments.emulator.cluster.api.legacy import restored
from eval.environments.emulator.cluster.api.respond import Presenter
from eval.environments.emulator.cluster.api.server_side_apply import Applier
from eval.environments.emulator.cluster.api.target import Target
from eval.environments.emulator.cluster.api.tokens import Authenticator
from eval.environments.emulator.cluster.api.views import inward
from eval.environments.emulator.cluster.errors import (
    ApiError,
    bad_request,
    invalid,
    method_not_allowed,
)
from eval.environments.emulator.cluster.objects import clone, key_of, uid_of
from eval.environments.emulator.cluster.openapi.documents import OpenApi
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

    def __init__(
        self,
        world: World,
        openapi: OpenApi,
        presenter: Presenter,
        authenticator: Authenticator,
    ) -> None:
        self._world = world
        self._openapi = openapi
        self._presenter = presenter
        self._authenticator = authenticator
        self._decoder = Decoder(world.registry.catalog, openapi)
        self._applier = Applier(world)

    def create(
        self, target: Target, body: Json, query: Mapping[str, str], manager: str, notes: list[str]
    ) -> tuple[int, Json]:
        """POST. `notes` takes the warnings for the client, here and below."""
        registry, resource = self._world.registry, target.resource
        if target.subresource == "eviction":
            pod = registry.get(resource, target.namespace, target.name)
            return 201, evict(self._world, pod, body, _dry_run(query))
        if target.subresource == "binding":
            return self._bind(target, body)
        if target.subresource == "token":
            account = registry.get(resource, target.namespace, target.name)
            return 201, self._authenticator.issue(account, body)
        if target.name:
            raise method_not_allowed()
        self._check(target, body, named=False)
        mode = self._decoder.mode(query.get("fieldValidation", ""))
        body = self._decoder.take(resource, body, mode, notes)
        stored = registry.create(inward(resource, body), manager=manager, dry_run=_dry_run(query))
        return 201, stored

    def update(
        self, target: Target, body: Json, query: Mapping[str, str], manager: str, notes: list[str]
    ) -> tuple[int, Json]:
        """PUT."""
        if not target.name:
            raise method_not_allowed()
        if target.subresource == "scale":
            return self._scale(target, body, query, manager)
        self._check(target, body, named=True)
        mode = self._decoder.mode(query.get("fieldValidation", ""))
        body = self._decoder.take(target.resource, body, mode, notes)
        if self._world.registry.catalog.version.legacy:
            self._keep_address(target, body)
        return 200, self._replace(target, body, query, manager)

    def _keep_address(self, target: Target, body: Json) -> None:
        """Refuse to take a Service's address away: 1.20 did not fill it in again."""
        if target.resource.key != "Service":
            return
        stored = self._world.registry.get(target.resource, target.namespace, target.name)
        old, spec = stored["spec"].get("clusterIP"), body.get("spec") or {}
        if old and not spec.get("clusterIP") and spec.get("type") != "ExternalName":
            message = "Invalid value: []string(nil): primary clusterIP can not be unset"
            cause = ("FieldValueInvalid", "spec.clusterIPs[0]", message)
            raise invalid("", "Service", target.name, [cause])

    def patch(
        self,
        target: Target,
        content_type: str,
        text: str,
        query: Mapping[str, str],
        manager: str,
        notes: list[str],
    ) -> tuple[int, Json]:
        """PATCH, all four kinds."""
        if not target.name:
            raise method_not_allowed()
        patch, resource = parse(text), target.resource
        mode = self._decoder.mode(query.get("fieldValidation", ""))
        if content_type.startswith("application/apply-patch"):
            return self._apply(target, patch, query, mode, notes)
        registry = self._world.registry
        current = registry.get(resource, target.namespace, target.name)
        if target.subresource == "scale":
            scale = self._patched(target, registry.scale(resource, current), content_type, patch)
            return self._scale(target, scale, query, manager)
        shown = self._presenter.show(resource, current)
        new = self._patched(target, shown, content_type, patch)
        found = self._decoder.decode(resource, new)
        if found.unknown and mode == "Strict":
            cause = ("FieldValueInvalid", "patch", _patch_text(patch, found.unknown))
            raise invalid("", "", "", [cause])
        if mode == "Warn":
            notes.extend(f'unknown field "{path}"' for path in found.unknown)
        new = found.value
        meta = new.get("metadata") or {}
        if meta.get("name", target.name) != target.name:
            raise bad_request("the name of the object does not match the name on the URL")
        version = _asked_version(patch)
        meta["resourceVersion"] = version or current["metadata"]["resourceVersion"]
        return 200, self._replace(target, new, query, manager)

    def _apply(
        self, target: Target, config: Any, query: Mapping[str, str], mode: str, notes: list[str]
    ) -> tuple[int, Json]:
        resource = target.resource
        if isinstance(config, dict):
            found = self._decoder.decode(resource, config)
            if found.unknown:
                where = f"{target.namespace}/{target.name}; {resource.api_version}"
                raise ApiError(
                    500,
                    "",
                    f"failed to create typed patch object ({where}, Kind={resource.kind}):"
                    f" .{found.unknown[0]}: field not declared in schema",
                )
            config = found.value
        return self._applier.apply(target, config, query, dry_run=_dry_run(query))

    def _replace(self, target: Target, body: Json, query: Mapping[str, str], manager: str) -> Json:
        resource = target.resource
        new = inward(resource, body)
        if self._world.registry.catalog.version.legacy:
            stored = self._world.registry.get(resource, target.namespace, target.name)
            shown = inward(resource, self._presenter.show(resource, stored))
            new = restored(new, shown, stored)
        return self._world.registry.update(
            resource,
            new,
            subresource=target.subresource,
            manager=manager,
            dry_run=_dry_run(query),
        )

    def _patched(self, target: Target, current: Json, content_type: str, patch: Any) -> Json:
        schemas = self._openapi.schemas
        try:
            if content_type == "application/json-patch+json":
                result = json_patch(current, patch)
            elif content_type == "application/merge-patch+json":
                result = clone(merge_patch(current, patch))
            elif (
                content_type == "application/strategic-merge-patch+json"
                and not target.resource.custom
            ):
                schema = None if target.subresource == "scale" else schemas.of(target.resource)
                result = clone(strategic_merge(current, patch, schemas, schema))
            else:
                kinds = ["json-patch", "merge-patch"]
                kinds += [] if target.resource.custom else ["strategic-merge-patch"]
                accepted = ", ".join(f"application/{kind}+json" for kind in kinds)
                raise ApiError(
                    415,
                    "UnsupportedMediaType",
                    "the body of the request was in an unknown format - accepted media types"
                    f" include: {accepted}, application/apply-patch+yaml",
                )
        except PatchError as error:
            raise ApiError(
                422,
                "Invalid",
                "the server rejected our request due to an error in our request",
                {},
            ) from error
        if not isinstance(result, dict):
            raise bad_request("the patched object is not an object")
        return result

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
            if self._world.store.get(target.resource.key, *key_of(obj)) is not None:
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
        stored = registry.update(
            target.resource, new, subresource="scale", manager=manager, dry_run=_dry_run(query)
        )
        return 200, registry.scale(target.resource, stored)

    def _bind(self, target: Target, body: Json) -> tuple[int, Json]:
        node = (body.get("target") or {}).get("name", "")

        def change(new: Json) -> None:
            new["spec"]["nodeName"] = node

        self._world.store.edit("Pod", (target.namespace, target.name), change)
        return 201, dict(SUCCESS)

    def _check(self, target: Target, body: Json, *, named: bool) -> None:
        resource = target.resource
        if body.get("kind", resource.kind) != resource.kind:
            raise bad_request(
                f'{body.get("kind")} in version "{body.get("apiVersion", "")}" cannot be handled'
                f" as a {resource.kind}: converting ({body.get('kind')}) to"
                f" ({resource.kind}): unknown conversion"
            )
        asked = body.get("apiVersion", resource.api_version)
        if asked != resource.api_version:
            raise bad_request(
                f"the API version in the data ({asked}) does not match the expected API version"
                f" ({resource.api_version})"
            )
        body["kind"], body["apiVersion"] = resource.kind, asked
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


def _patch_text(patch: Any, unknown: list[str]) -> str:
    return f'Invalid value: "{_go(patch)}": {strict_text(unknown)}'


def _go(value: Any) -> str:
    """Return a value as Go prints it with %+v."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{_go(v)}" for k, v in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(_go(item) for item in value) + "]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


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
