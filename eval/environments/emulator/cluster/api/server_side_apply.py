"""Server-side apply, first cut: merge what a manager applies, remove what it applies no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.target import Target
from eval.environments.emulator.cluster.errors import bad_request
from eval.environments.emulator.cluster.objects import clone, uid_of
from eval.environments.emulator.cluster.ownership import track
from eval.environments.emulator.cluster.patches import merge_key, strategic_merge
from eval.environments.emulator.cluster.world import World


class Applier:
    """Remembers what each field manager applied last. Conflicts are not detected."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._applied: dict[tuple[str, str], Json] = {}

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
        config = {name: value for name, value in config.items() if name != "status"}
        meta = config.setdefault("metadata", {})
        meta["name"] = target.name
        if resource.namespaced:
            meta["namespace"] = target.namespace
        current = world.store.get(resource.kind, target.namespace, target.name)
        if current is None:
            body = {"kind": resource.kind, **clone(config)}
            created = world.registry.create(body, dry_run=True)
            track(created, None, manager, world.clock.now(), operation="Apply")
            if dry_run:
                return 201, created
            managed = created["metadata"]["managedFields"]
            stored = world.registry.create(body)
            self._applied[uid_of(stored), manager] = clone(config)
            return 201, self._manage(stored, managed)
        previous = self._applied.get((uid_of(current), manager), {})
        pruned = strategic_merge(current, _removed(previous, config))
        new: Json = clone(strategic_merge(pruned, config))
        new["metadata"]["resourceVersion"] = current["metadata"]["resourceVersion"]
        changed = world.registry.update(resource, new, dry_run=True)
        if changed != current:
            track(changed, current, manager, world.clock.now(), operation="Apply")
        if dry_run:
            return 200, changed
        managed = changed["metadata"].get("managedFields") or []
        stored = world.registry.update(resource, new)
        self._applied[uid_of(stored), manager] = clone(config)
        return 200, self._manage(stored, managed)

    def _manage(self, obj: Json, managed: list[Json]) -> Json:
        if obj["metadata"].get("managedFields") == managed:
            return obj
        meta = {**obj["metadata"], "managedFields": managed}
        return self._world.store.put({**obj, "metadata": meta})


def _removed(previous: Json, config: Json) -> Json:
    """Return the strategic merge patch that removes what `config` applies no more."""
    patch: Json = {}
    for name, value in previous.items():
        if name not in config:
            patch[name] = None
        elif isinstance(value, dict) and isinstance(config[name], dict):
            below = _removed(value, config[name])
            if below:
                patch[name] = below
        elif isinstance(value, list) and isinstance(config[name], list):
            items = _removed_items(name, value, config[name])
            if items:
                patch[name] = items
    return patch


def _removed_items(field: str, previous: list[Any], config: list[Any]) -> list[Json]:
    key = merge_key(field, [*previous, *config])
    if key is None or not all(isinstance(item, dict) for item in (*previous, *config)):
        return []
    present = {item.get(key): item for item in config}
    patch: list[Json] = []
    for item in previous:
        now = present.get(item.get(key))
        if now is None:
            patch.append({key: item.get(key), "$patch": "delete"})
        elif below := _removed(item, now):
            patch.append({key: item[key], **below})
    return patch
