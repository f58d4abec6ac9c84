"""Who is where and who selects whom, kept up to date with every write to the store."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import Key, key_of, labels_of
from eval.environments.emulator.cluster.store import Change, Store

Pair = tuple[str, str, str]
"""Namespace, label name, label value."""

_Name = TypeVar("_Name", bound=Hashable)


class Index:
    """Pods by node and label, Services by selector. It must subscribe before the controllers."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_label: dict[Pair, dict[Key, None]] = {}
        self._by_node: dict[str, dict[Key, None]] = {}
        self._by_claim: dict[Key, dict[Key, None]] = {}
        self._by_namespace: dict[str, dict[Key, None]] = {}
        self._by_address: dict[str, Key] = {}
        self._services: dict[Pair, dict[Key, None]] = {}
        store.subscribe(self._changed)

    def selected(self, namespace: str, selector: Mapping[str, str]) -> list[Json]:
        """Return the pods of a namespace that have all these labels; all of them for none."""
        keys: dict[Key, None] | None = None
        for name, value in selector.items():
            found = self._by_label.get((namespace, name, value))
            if not found:
                return []
            if keys is None or len(found) < len(keys):
                keys = found
        if keys is None:
            keys = self._by_namespace.get(namespace, {})
        pods = []
        for key in keys:
            pod = self._store.get("Pod", *key)
            if pod is not None:
                labels = labels_of(pod)
                if all(labels.get(name) == value for name, value in selector.items()):
                    pods.append(pod)
        return pods

    def on_node(self, node: str) -> list[Json]:
        """Return the pods bound to a node, oldest binding first."""
        return self._pods(self._by_node.get(node, ()))

    def using_claim(self, namespace: str, claim: str) -> list[Json]:
        """Return the pods that mount a claim."""
        return self._pods(self._by_claim.get((namespace, claim), ()))

    def at_address(self, address: str) -> Json | None:
        """Return the pod that has this IP."""
        key = self._by_address.get(address)
        pod = None if key is None else self._store.get("Pod", *key)
        if pod is None or pod["status"].get("podIP") != address:
            return None
        return pod

    def services_of(self, pod: Json) -> list[Key]:
        """Return the Services that select the pod."""
        namespace, labels = pod["metadata"]["namespace"], labels_of(pod)
        keys = []
        for name, value in labels.items():
            for key in self._services.get((namespace, name, value), ()):
                service = self._store.get("Service", *key)
                if service is not None and all(
                    labels.get(k) == v for k, v in service["spec"]["selector"].items()
                ):
                    keys.append(key)
        return keys

    def _pods(self, keys: Iterable[Key]) -> list[Json]:
        found = (self._store.get("Pod", *key) for key in keys)
        return [pod for pod in found if pod is not None]

    def _changed(self, change: Change) -> None:
        if change.kind == "Pod":
            self._pod(change)
        elif change.kind == "Service":
            old, new = _first_pair(change.old), _first_pair(change.new)
            if old != new:
                _move(self._services, key_of(change.last), [old], [new])

    def _pod(self, change: Change) -> None:
        old, new, key = change.old, change.new, key_of(change.last)
        if old is None or new is None:
            names = self._by_namespace.setdefault(key[0], {})
            if new is None:
                names.pop(key, None)
            else:
                names[key] = None
        if old is None or new is None or old["metadata"] is not new["metadata"]:
            before = () if old is None else labels_of(old).items()
            after = () if new is None else labels_of(new).items()
            if before != after:
                _move(
                    self._by_label,
                    key,
                    [(key[0], name, value) for name, value in before],
                    [(key[0], name, value) for name, value in after],
                )
        if old is None or new is None or old["spec"] is not new["spec"]:
            _move(self._by_node, key, [_node(old)], [_node(new)])
            _move(self._by_claim, key, _claims(old), _claims(new))
        was = "" if old is None else (old.get("status") or {}).get("podIP", "")
        now = "" if new is None else (new.get("status") or {}).get("podIP", "")
        if was != now:
            if was and self._by_address.get(was) == key:
                del self._by_address[was]
            if now:
                self._by_address[now] = key


def claims_of(pod: Json) -> list[str]:
    """Return the names of the claims that a pod mounts; those of ephemeral volumes included."""
    names = []
    for volume in pod["spec"].get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            names.append(str(volume["persistentVolumeClaim"]["claimName"]))
        elif volume.get("ephemeral"):
            names.append(f"{pod['metadata']['name']}-{volume['name']}")
    return names


def _claims(pod: Json | None) -> list[Key]:
    if pod is None:
        return []
    return [(pod["metadata"]["namespace"], name) for name in claims_of(pod)]


def _node(pod: Json | None) -> str:
    return "" if pod is None else str(pod["spec"].get("nodeName") or "")


def _first_pair(service: Json | None) -> Pair | None:
    selector = None if service is None else service["spec"].get("selector")
    if not service or not selector:
        return None
    name, value = min(selector.items())
    return service["metadata"]["namespace"], name, value


def _move(
    table: dict[_Name, dict[Key, None]],
    key: Key,
    before: Iterable[_Name | None],
    after: Iterable[_Name | None],
) -> None:
    leaves, enters = list(before), list(after)
    if leaves == enters:
        return
    for name in leaves:
        if name and (keys := table.get(name)) is not None:
            keys.pop(key, None)
            if not keys:
                del table[name]
    for name in enters:
        if name:
            table.setdefault(name, {})[key] = None
