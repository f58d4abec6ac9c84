"""Who calls whom: from measured edges, else from configuration, else from names in logs.

Nodes are workloads and Services. An edge says how surely the caller depends on the callee; a
Service depends on the workloads behind it.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from copilot.evidence.addresses import Address
from copilot.evidence.kube import dig, name_of, ref_of
from copilot.evidence.snapshot import Snapshot
from copilot.model.scope import ObjectRef


@dataclass(frozen=True, slots=True)
class Edge:
    """`caller` (a workload) uses `callee` (a Service, existing or not, or a workload).

    `via` names where it was read ("env API_URL", "ConfigMap app-config", "traces", "log").
    `strength` is the probability, 0 to 1, that requests really flow there.
    """

    caller: ObjectRef
    callee: ObjectRef
    port: int | None
    strength: float
    via: str


class Resolver:
    """Turns written addresses into objects of the snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._by_ip: dict[str, ObjectRef] = {}
        for service in snapshot.of("Service"):
            for ip in {
                dig(service, "spec.clusterIP"),
                *(dig(service, "spec.clusterIPs", []) or []),
            }:
                if ip and ip != "None":
                    self._by_ip[str(ip)] = ref_of(service)
        for pod in snapshot.of("Pod"):
            ip = dig(pod, "status.podIP")
            if ip and not dig(pod, "spec.hostNetwork"):
                self._by_ip.setdefault(str(ip), snapshot.controller(pod))
        self._namespaces = set(snapshot.scope.namespaces) | {
            name_of(o) for o in snapshot.of("Namespace")
        }

    def resolve(self, address: Address, namespace: str) -> ObjectRef | None:
        """Return the Service (or workload, for a pod IP) that an address means.

        The Service may not exist. None for addresses outside the cluster, or outside the scope.
        """
        if address.is_ip:
            return self._by_ip.get(address.host)
        parts = address.host.split(".")
        if len(parts) == 1:
            return ObjectRef("Service", namespace, parts[0])
        snapshot = self._snapshot
        in_cluster = "svc" in parts[2:4] or address.host.endswith(".cluster.local")
        if len(parts) >= 3 and snapshot.exists("Service", parts[2], parts[1]):
            return ObjectRef("Service", parts[2], parts[1])  # a pod behind a headless Service
        if len(parts) >= 2 and snapshot.exists("Service", namespace, parts[1]) and len(parts) == 2:
            return ObjectRef("Service", namespace, parts[1])
        if in_cluster or (len(parts) == 2 and parts[1] in self._namespaces):
            found = ObjectRef("Service", parts[1], parts[0])
            return found if snapshot.covers(found.namespace) else None
        return None


class Topology:
    """The call graph of the scope."""

    def __init__(self, snapshot: Snapshot, edges: Iterable[Edge]) -> None:
        best: dict[tuple[ObjectRef, ObjectRef, int | None], Edge] = {}
        for edge in edges:
            key = (edge.caller, edge.callee, edge.port)
            if edge.caller != edge.callee and (
                key not in best or best[key].strength < edge.strength
            ):
                best[key] = edge
        self.edges: tuple[Edge, ...] = tuple(
            sorted(best.values(), key=lambda e: (e.caller, e.callee, e.port or 0))
        )
        self._callers: dict[ObjectRef, dict[ObjectRef, float]] = defaultdict(dict)
        self._callees: dict[ObjectRef, dict[ObjectRef, float]] = defaultdict(dict)
        for edge in self.edges:
            if edge.caller in snapshot.backing(edge.callee):
                continue  # a program that knows its own Service
            self._link(edge.caller, edge.callee, edge.strength)
        for service in snapshot.of("Service"):
            for workload in snapshot.backing(ref_of(service)):
                self._link(ref_of(service), workload, 1.0)
        self._namesakes(snapshot)
        self._upstream: dict[ObjectRef, dict[ObjectRef, float]] = {}

    def _link(self, caller: ObjectRef, callee: ObjectRef, strength: float) -> None:
        known = self._callers[callee].get(caller, 0.0)
        self._callers[callee][caller] = max(known, strength)
        self._callees[caller][callee] = max(known, strength)

    def _namesakes(self, snapshot: Snapshot) -> None:
        """Link a Service that selects nothing, or does not exist, to the workload of its name."""
        nodes = set(self._callers) | {ref_of(s) for s in snapshot.of("Service")}
        for service in nodes:
            if service.kind == "Service" and not snapshot.backing(service):
                for workload in namesakes(snapshot, service):
                    self._link(service, workload, 0.9)

    def callers(self, callee: ObjectRef) -> list[ObjectRef]:
        """Return who uses a node directly."""
        return sorted(self._callers.get(callee, {}))

    def callees(self, caller: ObjectRef) -> dict[ObjectRef, float]:
        """Return what a node uses directly, with how surely."""
        return self._callees.get(caller, {})

    def upstream(self, node: ObjectRef) -> dict[ObjectRef, float]:
        """Return all nodes that depend on `node`, itself included, with how surely.

        How surely is the product of the edges' strengths along the best path, and 0.95 a hop.
        """
        if node not in self._upstream:
            self._upstream[node] = self._best_paths(node, self._callers)
        return self._upstream[node]

    def downstream(self, node: ObjectRef) -> dict[ObjectRef, float]:
        """Return all nodes that `node` depends on, itself included, with how surely."""
        return self._best_paths(node, self._callees)

    def _best_paths(
        self, node: ObjectRef, links: dict[ObjectRef, dict[ObjectRef, float]]
    ) -> dict[ObjectRef, float]:
        best = {node: 1.0}
        heap = [(-1.0, node)]
        while heap:
            negative, here = heapq.heappop(heap)
            if -negative < best.get(here, 0.0):
                continue
            for other, strength in links.get(here, {}).items():
                reach = -negative * strength * 0.95
                if reach > best.get(other, 0.0) and reach > 0.02:
                    best[other] = reach
                    heapq.heappush(heap, (-reach, other))
        return best


def namesakes(snapshot: Snapshot, service: ObjectRef) -> list[ObjectRef]:
    """Return the workloads that bear the Service's name, or a label with it, in its namespace."""
    return snapshot.namesakes(service.namespace, service.name)
