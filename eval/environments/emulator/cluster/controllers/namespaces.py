"""Namespaces: what a new one gets, and how one goes."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.conditions import set_condition
from eval.environments.emulator.cluster.objects import Key, key_of, terminating
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

_CERTIFICATE = (
    "-----BEGIN CERTIFICATE-----\nMIIBdjCCAR2gAwIBAgIBADAKBggqhkjOPQQDAjAjMSEwHwYDVQQDDBhrdWJl\n"
    "-----END CERTIFICATE-----\n"
)
_RETRY_SECONDS = 5.0


class Namespaces:
    """Gives every namespace its default service account and root certificate; empties dying ones."""

    watches = ("Namespace", "ServiceAccount", "ConfigMap", "Pod")

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: set[Key] = set()

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
        """Delete what is in a dying namespace; say what holds it up, or remove it."""
        store, name = self._world.store, key[1]
        left: dict[str, int] = {}
        holding: dict[str, int] = {}
        for kind, resource in list(store.kinds.items()):
            if not resource.namespaced:
                continue
            for obj in list(store.all(kind, name)):
                if not terminating(obj) and store.get(kind, *key_of(obj)) is not None:
                    self._world.registry.delete(resource, *key_of(obj))
            for obj in store.all(kind, name):
                plural = f"{resource.plural}.{resource.group}".rstrip(".")
                left[plural] = left.get(plural, 0) + 1
                for finalizer in obj["metadata"].get("finalizers") or ():
                    holding[finalizer] = holding.get(finalizer, 0) + 1
        namespace = store.get("Namespace", *key)
        if namespace is None:
            return
        if left:
            self._report(namespace, left, holding)
            self._look_again(key)
        elif set(namespace["spec"].get("finalizers") or ()) > {"kubernetes"} or namespace[
            "metadata"
        ].get("finalizers"):
            self._report(namespace, left, holding)
            others = [f for f in namespace["spec"].get("finalizers") or () if f != "kubernetes"]
            if namespace["spec"].get("finalizers") != others:
                spec = {**namespace["spec"], "finalizers": others}
                current = store.get("Namespace", *key) or namespace
                store.put({**current, "metadata": dict(current["metadata"]), "spec": spec})
        else:
            store.remove("Namespace", key)

    def _look_again(self, key: Key) -> None:
        if key in self._waiting:
            return
        self._waiting.add(key)

        def again() -> None:
            self._waiting.discard(key)
            self._world.manager.enqueue(self, key)

        self._world.manager.at(_RETRY_SECONDS, again)

    def _report(self, namespace: Json, left: dict[str, int], holding: dict[str, int]) -> None:
        remaining = ", ".join(
            f"{plural} has {count} resource instances" for plural, count in sorted(left.items())
        )
        finalizers = ", ".join(
            f"{name} in {count} resource instances" for name, count in sorted(holding.items())
        )
        rows = (
            (
                "NamespaceDeletionDiscoveryFailure",
                False,
                "ResourcesDiscovered",
                "All resources successfully discovered",
            ),
            (
                "NamespaceDeletionGroupVersionParsingFailure",
                False,
                "ParsedGroupVersions",
                "All legacy kube types successfully parsed",
            ),
            (
                "NamespaceDeletionContentFailure",
                False,
                "ContentDeleted",
                "All content successfully deleted, may be waiting on finalization",
            ),
            (
                "NamespaceContentRemaining",
                bool(left),
                "SomeResourcesRemain" if left else "ContentRemoved",
                f"Some resources are remaining: {remaining}"
                if left
                else "All content successfully removed",
            ),
            (
                "NamespaceFinalizersRemaining",
                bool(holding),
                "SomeFinalizersRemain" if holding else "ContentHasNoFinalizers",
                f"Some content in the namespace has finalizers remaining: {finalizers}"
                if holding
                else "All content-preserving finalizers finished",
            ),
        )
        status = namespace.get("status") or {}
        conditions = list(status.get("conditions") or ())
        for kind, value, reason, message in rows:
            conditions = set_condition(
                conditions, kind, value, self._world.clock.now(), reason=reason, message=message
            )
        self._world.store.set_status(namespace, {**status, "conditions": conditions})
