"""Server-side apply: merge by schema, refuse conflicts, remove what a manager applies no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.target import Target
from eval.environments.emulator.cluster.api.views import inward
from eval.environments.emulator.cluster.errors import ApiError, bad_request
from eval.environments.emulator.cluster.fieldsets import Path, Shape, show
from eval.environments.emulator.cluster.objects import clone, rfc3339
from eval.environments.emulator.cluster.ownership import Owned, read, write
from eval.environments.emulator.cluster.world import World


class Applier:
    """Applies configurations."""

    def __init__(self, world: World) -> None:
        self._world = world

    def apply(
        self, target: Target, config: Any, query: Mapping[str, str], *, dry_run: bool
    ) -> tuple[int, Json]:
        """Create or change the object; returns (HTTP code, object). Raises `ApiError`."""
        manager = query.get("fieldManager", "")
        if not manager:
            raise bad_request(
                'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value:'
                " is required for apply patch"
            )
        if not isinstance(config, dict):
            raise bad_request("error decoding YAML: not an object")
        world, resource = self._world, target.resource
        config = inward(resource, config)
        meta = config["metadata"] = dict(config.get("metadata") or {})
        if meta.get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        if not target.subresource:
            config.pop("status", None)
        config["kind"] = resource.kind
        meta["name"] = target.name
        if resource.namespaced:
            meta["namespace"] = target.namespace
        shape = world.registry.shape(resource)
        applied = shape.members(config)
        current = world.store.get(resource.key, target.namespace, target.name)
        mine = Owned(
            manager,
            "Apply",
            resource.api_version,
            target.subresource,
            rfc3339(world.clock.now()),
            frozenset(applied),
        )
        if current is None:
            body = clone(config)
            created = world.registry.create(body, managed=[mine], dry_run=dry_run)
            return 201, created
        asked = str(meta.get("resourceVersion") or current["metadata"]["resourceVersion"])
        entries = self._entries(current, mine, applied, shape, query.get("force") == "true")
        new = self._merged(current, config, shape, mine, entries)
        new["metadata"]["resourceVersion"] = asked
        write(new, entries)
        stored = world.registry.update(
            resource, new, subresource=target.subresource, dry_run=dry_run
        )
        return 200, stored

    def _entries(
        self, current: Json, mine: Owned, applied: dict[Path, Any], shape: Shape, force: bool
    ) -> list[Owned]:
        """Return the owners after the apply. Raises `ApiError` 409 for conflicts without force."""
        live = shape.members(current)
        differing = {p for p, value in applied.items() if p in live and live[p] != value}
        conflicts: list[tuple[Owned, Path]] = []
        entries: list[Owned] = []
        known = False
        for entry in read(current):
            if entry.same(mine.manager, "Apply", mine.subresource):
                known = True
                same = entry.paths == mine.paths and not differing
                entries.append(replace(mine, time=entry.time) if same else mine)
                continue
            lost = entry.paths & differing
            conflicts += [(entry, path) for path in sorted(lost)]
            entries.append(replace(entry, paths=entry.paths - lost))
        if not known:
            entries.append(mine)
        if conflicts and not force:
            raise _conflict(conflicts)
        return entries

    def _merged(
        self, current: Json, config: Json, shape: Shape, mine: Owned, entries: list[Owned]
    ) -> Json:
        before = next(
            (
                entry.paths
                for entry in read(current)
                if entry.same(mine.manager, "Apply", mine.subresource)
            ),
            frozenset(),
        )
        others = {path for entry in entries if entry is not mine for path in entry.paths}
        kept = others | mine.paths
        gone = {
            path
            for path in before - mine.paths
            if not any(other[: len(path)] == path for other in kept)
        }
        new: Json = clone(shape.merge(shape.without(current, gone), config))
        return new


def _conflict(conflicts: list[tuple[Owned, Path]]) -> ApiError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {_named(owner)}",
            "field": show(path),
        }
        for owner, path in conflicts
    ]
    if len(conflicts) == 1:
        owner, path = conflicts[0]
        text = f"Apply failed with 1 conflict: conflict with {_named(owner)}: {show(path)}"
    else:
        grouped: dict[str, list[str]] = {}
        for owner, path in conflicts:
            grouped.setdefault(_named(owner), []).append(f"- {show(path)}")
        parts = [f"conflicts with {name}:\n" + "\n".join(p) for name, p in sorted(grouped.items())]
        text = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(parts)
    return ApiError(409, "Conflict", text, {"causes": causes})


def _named(owner: Owned) -> str:
    text = f'"{owner.manager}"'
    if owner.subresource:
        text += f' with subresource "{owner.subresource}"'
    return f"{text} using {owner.api_version}" if owner.operation == "Update" else text
