"""Namespaces: what a new one gets, and how one goes."""

from __future__ import annotations

from collections.abc import Iterable

from eval.environments.emulator.cluster.objects import Key, key_of, terminating
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

_CERTIFICATE = (
    "-----BEGIN CERTIFICATE-----\nMIIBdjCCAR2gAwIBAgIBADAKBggqhkjOPQQDAjAjMSEwHwYDVQQDDBhrdWJl\n"
    "-----END CERTIFICATE-----\n"
)


class Namespaces:
    """Gives every namespace its default service account and root certificate; empties dying ones."""

    watches = ("Namespace", "ServiceAccount", "ConfigMap", "Pod")

    def __init__(self, world: World) -> None:
        self._world = world

    def affected(self, change: Change) -> Iterable[Key]:
        """The namespace itself, or that of something that went."""
        if change.kind == "Namespace":
            return (key_of(change.last),)
        if change.new is None:
            return (("", change.last["metadata"]["namespace"]),)
        return ()

    def reconcile(self, key: Key) -> None:
        """Complete a living namespace; empty and remove a dying one."""
        store = self._world.store
        namespace = store.get("Namespace", *key)
        if namespace is None:
            return
        name = key[1]
        if terminating(namespace):
            self._empty(key)
            return
        if store.get("ServiceAccount", name, "default") is None:
            store.create(
                {
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "metadata": {"name": "default", "namespace": name},
                }
            )
        if store.get("ConfigMap", name, "kube-root-ca.crt") is None:
            store.create(
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {
                        "name": "kube-root-ca.crt",
                        "namespace": name,
                        "annotations": {
                            "kubernetes.io/description": "Contains a CA bundle that can be used to"
                            " verify the kube-apiserver when using internal endpoints such as the"
                            " internal service IP or kubernetes.default.svc. No other usage is"
                            " guaranteed across distributions of Kubernetes clusters."
                        },
                    },
                    "data": {"ca.crt": _CERTIFICATE},
                }
            )

    def _empty(self, key: Key) -> None:
        store, name = self._world.store, key[1]
        left = False
        for kind, resource in BY_KIND.items():
            if not resource.namespaced:
                continue
            for obj in list(store.all(kind, name)):
                if not terminating(obj) and store.get(kind, *key_of(obj)) is not None:
                    self._world.registry.delete(resource, *key_of(obj))
            left = left or bool(store.all(kind, name))
        if not left:
            store.remove("Namespace", key)
