"""Who answers behind a Service port: what kube-proxy and DNS know."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.api.values import Json
from eval.environments.emulator.cluster.index import Index
from eval.environments.emulator.cluster.objects import Key, key_of
from eval.environments.emulator.cluster.store import Change, Store

Pairs = Sequence[tuple[Json, int]] | None

_MAX_HOPS = 8


class Backends:
    """Looks up Endpoints; an answer is remembered until its Service, Endpoints or pods change."""

    def __init__(self, store: Store, index: Index) -> None:
        self._store = store
        self._index = index
        self._known: dict[Key, dict[int, Pairs]] = {}
        self._of_pod: dict[Key, set[Key]] = {}
        self._sticky: dict[tuple[str, Key, int], str] = {}
        store.subscribe(self._changed)

    def of(self, namespace: str, service: str, port: int) -> Pairs:
        """Return ready (pod, target port) pairs, or None without such a Service or port."""
        key = (namespace, service)
        ports = self._known.setdefault(key, {})
        if port not in ports:
            ports[port] = self._find(namespace, service, port)
            for pod, _ in ports[port] or ():
                self._of_pod.setdefault(key_of(pod), set()).add(key)
        return ports[port]

    def reachable(self, source: Json | None, namespace: str, service: str, port: int) -> Pairs:
        """Return the pairs that a program in `source` is sent to; None: no such Service or port."""
        found = self._store.get("Service", namespace, service)
        for _ in range(_MAX_HOPS):
            if found is None or found["spec"].get("type") != "ExternalName":
                break
            name, _, rest = str(found["spec"].get("externalName", "")).rstrip(".").partition(".")
            parts = rest.split(".")
            if len(parts) < 2 or parts[1] != "svc":
                return None
            namespace, service = parts[0], name
            found = self._store.get("Service", namespace, service)
        pairs = self.of(namespace, service, port)
        if not pairs or source is None or found is None:
            return pairs
        spec = found["spec"]
        if spec.get("internalTrafficPolicy") == "Local" and spec.get("clusterIP") != "None":
            node = source["spec"].get("nodeName")
            pairs = [pair for pair in pairs if pair[0]["spec"].get("nodeName") == node]
        if spec.get("sessionAffinity") == "ClientIP" and len(pairs) > 1:
            return [self._stuck(source, (namespace, service), port, pairs)]
        return pairs

    def _stuck(
        self, source: Json, key: Key, port: int, pairs: Sequence[tuple[Json, int]]
    ) -> tuple[Json, int]:
        client = (str((source.get("status") or {}).get("podIP", "")), key, port)
        uid = self._sticky.get(client)
        for pair in pairs:
            if pair[0]["metadata"]["uid"] == uid:
                return pair
        chosen = pairs[len(self._sticky) % len(pairs)]
        self._sticky[client] = chosen[0]["metadata"]["uid"]
        return chosen

    def _changed(self, change: Change) -> None:
        if change.kind in ("Service", "Endpoints"):
            self._known.pop(key_of(change.last), None)
        elif change.kind == "Pod":
            for key in self._of_pod.pop(key_of(change.last), ()):
                self._known.pop(key, None)

    def _find(self, namespace: str, service: str, port: int) -> Pairs:
        found = self._store.get("Service", namespace, service)
        if found is None or found["spec"].get("type") == "ExternalName":
            return None
        headless = found["spec"].get("clusterIP") == "None"
        declared = next((p for p in found["spec"].get("ports") or () if p["port"] == port), None)
        if declared is None and not headless:
            return None
        name = "" if declared is None else declared.get("name", "")
        endpoints = self._store.get("Endpoints", namespace, service) or {}
        pairs: list[tuple[Json, int]] = []
        for subset in endpoints.get("subsets") or ():
            target = port if headless else _number(subset, name)
            if target is None:
                continue
            for address in subset.get("addresses") or ():
                pod = self._pod(namespace, address)
                if pod is not None:
                    pairs.append((pod, target))
        return tuple(pairs)

    def _pod(self, namespace: str, address: Json) -> Json | None:
        """Return the pod at an endpoint; one made by hand has only an IP."""
        reference = address.get("targetRef")
        if not reference:
            return self._index.at_address(str(address.get("ip", "")))
        pod = self._store.get("Pod", namespace, reference.get("name", ""))
        return pod if pod is not None and pod["metadata"]["uid"] == reference.get("uid") else None


def _number(subset: Json, name: str) -> int | None:
    for port in subset.get("ports") or ():
        if port.get("name", "") == name:
            return int(port["port"])
    return None
