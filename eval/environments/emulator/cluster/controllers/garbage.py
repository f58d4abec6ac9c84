"""Garbage collection: what belongs to nobody any more goes; foreground deletions end."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import Key, key_of, terminating, uid_of
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World


class GarbageCollector:
    """Follows ownerReferences. Its keys are (owner uid, owner kind)."""

    watches = tuple(BY_KIND)

    def __init__(self, world: World) -> None:
        self._world = world

    def affected(self, change: Change) -> Iterable[Key]:
        """Owners that went or wait for their dependents, and owners of what went."""
        if change.kind == "Event":
            return ()
        keys: list[Key] = []
        if change.new is None:
            keys.append((uid_of(change.last), change.kind))
            for reference in change.last["metadata"].get("ownerReferences") or ():
                keys.append((reference["uid"], reference["kind"]))
        elif terminating(change.new) and "foregroundDeletion" in (
            change.new["metadata"].get("finalizers") or ()
        ):
            keys.append((uid_of(change.new), change.kind))
        return keys

    def reconcile(self, key: Key) -> None:
        """Delete the dependents of an owner that is gone or waits for them."""
        uid, kind = key
        store, registry = self._world.store, self._world.registry
        owner = self._find(uid, kind)
        waits = owner is not None and "foregroundDeletion" in (
            owner["metadata"].get("finalizers") or ()
        )
        if owner is not None and not waits:
            return
        for dependent in store.owned(uid):
            others = [
                reference
                for reference in dependent["metadata"]["ownerReferences"]
                if reference["uid"] != uid
                and self._find(reference["uid"], reference["kind"]) is not None
            ]
            if others:

                def release(new: Json, keep: list[Json] = others) -> None:
                    new["metadata"]["ownerReferences"] = keep

                store.edit(store.kind_of(dependent), key_of(dependent), release)
            elif not terminating(dependent):
                registry.delete(
                    store.kinds[store.kind_of(dependent)],
                    *key_of(dependent),
                    propagation="Foreground" if waits else "Background",
                )
        if waits and owner is not None and not store.owned(uid):
            body = dict(owner)
            finalizers = [f for f in owner["metadata"]["finalizers"] if f != "foregroundDeletion"]
            body["metadata"] = {**owner["metadata"], "finalizers": finalizers}
            registry.update(store.kinds[kind], body)

    def _find(self, uid: str, kind: str) -> Json | None:
        return self._world.store.by_uid(kind, uid)
