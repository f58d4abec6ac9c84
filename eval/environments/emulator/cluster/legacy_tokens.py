"""The token Secrets that a 1.20 cluster made for every service account."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import Key, key_of, terminating
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World


class LegacyTokens:
    """Gives every service account a Secret with a token, and takes it away again."""

    watches = ("ServiceAccount",)

    def __init__(self, world: World) -> None:
        self._world = world

    def affected(self, change: Change) -> Iterable[Key]:
        """The account itself."""
        return (key_of(change.last),)

    def reconcile(self, key: Key) -> None:
        """Make what is missing."""
        world = self._world
        account = world.store.get("ServiceAccount", *key)
        if account is None:
            for secret in world.store.all("Secret", key[0]):
                notes = secret["metadata"].get("annotations") or {}
                if notes.get("kubernetes.io/service-account.name") == key[1]:
                    world.store.remove("Secret", key_of(secret))
            return
        if account.get("secrets") or terminating(account):
            return
        name = f"{key[1]}-token-{world.names.suffix()}"
        root = world.store.get("ConfigMap", key[0], "kube-root-ca.crt") or {}
        data = {
            "ca.crt": (root.get("data") or {}).get("ca.crt", ""),
            "namespace": key[0],
            "token": world.names.hex(64),
        }
        world.store.create(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": name,
                    "namespace": key[0],
                    "annotations": {
                        "kubernetes.io/service-account.name": key[1],
                        "kubernetes.io/service-account.uid": account["metadata"]["uid"],
                    },
                },
                "type": "kubernetes.io/service-account-token",
                "data": {k: base64.b64encode(v.encode()).decode() for k, v in data.items()},
            }
        )

        def note(new: Json) -> None:
            new["secrets"] = [{"name": name}]

        world.store.edit("ServiceAccount", key, note)
