"""ResourceQuota status: how much of each resource is used."""

from __future__ import annotations

from collections.abc import Iterable

from eval.environments.emulator.cluster.objects import Key, key_of
from eval.environments.emulator.cluster.quantity import format_quantity
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World


class Quotas:
    """Keeps `status.hard` and `status.used`."""

    watches = (
        "ResourceQuota",
        "Pod",
        "Service",
        "ConfigMap",
        "Secret",
        "PersistentVolumeClaim",
    )

    def __init__(self, world: World) -> None:
        self._world = world

    def affected(self, change: Change) -> Iterable[Key]:
        """The quota itself, or all quotas of a namespace in which something came or went."""
        if change.kind == "ResourceQuota":
            return (key_of(change.last),)
        if change.old is not None and change.new is not None and change.kind != "Pod":
            return ()
        namespace = change.last["metadata"]["namespace"]
        return [key_of(quota) for quota in self._world.store.all("ResourceQuota", namespace)]

    def reconcile(self, key: Key) -> None:
        """Count."""
        quota = self._world.store.get("ResourceQuota", *key)
        if quota is None:
            return
        hard = quota["spec"].get("hard") or {}
        admission = self._world.registry.admission
        used = {
            name: format_quantity(admission.used(quota, name), str(limit))
            for name, limit in hard.items()
        }
        self._world.store.set_status(quota, {"hard": dict(hard), "used": used})
