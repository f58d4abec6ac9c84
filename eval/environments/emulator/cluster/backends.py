"""Who answers behind a Service port: what kube-proxy and DNS know."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.api.values import Json
from eval.environments.emulator.cluster.store import Store

_Pairs = Sequence[tuple[Json, int]] | None


class Backends:
    """Looks up Endpoints; answers are remembered until an Endpoints, Service or Pod changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, str, int], _Pairs] = {}
        self._versions = (0, 0, 0)

    def of(self, namespace: str, service: str, port: int) -> _Pairs:
        """Return ready (pod, target port) pairs, or None without such a Service or port."""
        version = self._store.version_of
        present = (version("Service"), version("Endpoints"), version("Pod"))
        if present != self._versions:
            self._known.clear()
            self._versions = present
        key = (namespace, service, port)
        if key not in self._known:
            self._known[key] = self._find(namespace, service, port)
        return self._known[key]

    def _find(self, namespace: str, service: str, port: int) -> _Pairs:
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
                reference = address.get("targetRef") or {}
                pod = self._store.get("Pod", namespace, reference.get("name", ""))
                if pod is not None and pod["metadata"]["uid"] == reference.get("uid"):
                    pairs.append((pod, target))
        return tuple(pairs)


def _number(subset: Json, name: str) -> int | None:
    for port in subset.get("ports") or ():
        if port.get("name", "") == name:
            return int(port["port"])
    return None
