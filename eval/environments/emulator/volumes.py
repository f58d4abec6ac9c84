"""Binds the app's claims to the volumes that were made for them, where the cluster does not."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.world import World


def bind_claims(world: World) -> None:
    """Bind every unbound claim to a volume of its storage class, as the volume controller does."""
    for claim in list(world.store.all("PersistentVolumeClaim")):
        if (claim.get("status") or {}).get("phase") == "Bound":
            continue
        wanted = claim["spec"].get("storageClassName")
        for volume in world.store.all("PersistentVolume"):
            if volume["spec"].get("storageClassName") == wanted and not _taken(volume):
                _bind(world, claim, volume)
                break
    world.manager.settle()


def _taken(volume: Json) -> bool:
    return "claimRef" in volume["spec"]


def _bind(world: World, claim: Json, volume: Json) -> None:
    meta = claim["metadata"]

    def take(item: Json) -> None:
        item["spec"]["claimRef"] = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": meta["namespace"],
            "name": meta["name"],
            "uid": meta["uid"],
        }
        item["status"] = {"phase": "Bound"}

    def given(item: Json) -> None:
        item["spec"]["volumeName"] = volume["metadata"]["name"]
        item["status"] = {
            "phase": "Bound",
            "accessModes": list(volume["spec"]["accessModes"]),
            "capacity": dict(volume["spec"]["capacity"]),
        }

    world.store.edit("PersistentVolume", ("", volume["metadata"]["name"]), take)
    world.store.edit("PersistentVolumeClaim", (meta["namespace"], meta["name"]), given)
