"""ControllerRevisions: the template history of StatefulSets and DaemonSets."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.names import template_hash
from eval.environments.emulator.cluster.objects import (
    clone,
    key_of,
    labels_of,
    owner_reference,
    uid_of,
)
from eval.environments.emulator.cluster.world import World


def revision_of(world: World, owner: Json, template: Json) -> tuple[str, int]:
    """Return the name and number of the template's ControllerRevision, made if needed."""
    data = {"spec": {"template": {**clone(template), "$patch": "replace"}}}
    known = world.store.owned(uid_of(owner), "ControllerRevision")
    highest = max((int(item["revision"]) for item in known), default=0)
    for item in known:
        if item["data"] == data:
            if item["revision"] != highest:

                def raise_number(new: Json) -> None:
                    new["revision"] = highest + 1

                item = world.store.edit("ControllerRevision", key_of(item), raise_number) or item
            return item["metadata"]["name"], int(item["revision"])
    meta = owner["metadata"]
    name = f"{meta['name']}-{template_hash(template, 0)}"
    labels = {
        **labels_of({"metadata": template.get("metadata") or {}}),
        "controller.kubernetes.io/hash": name.rsplit("-", 1)[1],
    }
    world.store.create(
        {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": name,
                "namespace": meta["namespace"],
                "labels": labels,
                "ownerReferences": [owner_reference(owner)],
            },
            "data": data,
            "revision": highest + 1,
        }
    )
    return name, highest + 1
