"""Whether a node can take a pod, and the scheduler's words when it cannot."""

from __future__ import annotations

import json

from connectors.api.values import Json
from eval.environments.emulator.cluster.affinity import PodAffinity
from eval.environments.emulator.cluster.index import Index
from eval.environments.emulator.cluster.scheduling import volumes
from eval.environments.emulator.cluster.scheduling.nodes import Held, NodeInfo, NodeTable, held_of
from eval.environments.emulator.cluster.scheduling.spread import Spread
from eval.environments.emulator.cluster.scheduling.taints import (
    UNSCHEDULABLE,
    node_matches,
    toleration,
    untolerated,
)
from eval.environments.emulator.cluster.store import Store

Verdict = tuple[tuple[str, ...], bool]
"""Why a node does not fit (nothing: it fits), and whether evicting other pods could not help."""

FITS: Verdict = ((), False)


class Fixed:
    """What a node's labels and taints say to a pod, remembered per kind of pod."""

    def __init__(self, table: NodeTable) -> None:
        self._table = table
        self._version = -1
        self._known: dict[str, dict[str, Verdict]] = {}

    def verdicts(self, pod: Json) -> dict[str, Verdict]:
        """Return what keeps the pod off each node, whatever runs there."""
        if self._version != self._table.version:
            self._known.clear()
            self._version = self._table.version
        spec = pod["spec"]
        node_affinity = (spec.get("affinity") or {}).get("nodeAffinity")
        signature = json.dumps(
            [spec.get("nodeSelector"), node_affinity, spec.get("tolerations")], sort_keys=True
        )
        found = self._known.get(signature)
        if found is None:
            found = {name: fixed(pod, info.node) for name, info in self._table.infos.items()}
            self._known[signature] = found
        return found


def fixed(pod: Json, node: Json) -> Verdict:
    """Judge a node by its labels and taints."""
    tolerations = pod["spec"].get("tolerations") or ()
    if node["spec"].get("unschedulable") and toleration(tolerations, UNSCHEDULABLE) is None:
        return ("node(s) were unschedulable",), True
    taint = untolerated(pod, node)
    if taint is not None:
        shown = f"{{{taint['key']}: {taint.get('value', '')}}}"
        return (f"node(s) had untolerated taint {shown}",), True
    if not node_matches(pod, node):
        return ("node(s) didn't match Pod's node affinity/selector",), True
    return FITS


class Demand:
    """One pod's demands on nodes, prepared once for all of them."""

    def __init__(self, store: Store, index: Index, table: NodeTable, pod: Json) -> None:
        self._store = store
        self.pod = pod
        self.held: Held = held_of(pod)
        self.claims = volumes.claims(store, index, pod)
        spec = pod["spec"]
        self._spread = Spread(pod, table, index) if spec.get("topologySpreadConstraints") else None
        affinity = spec.get("affinity") or {}
        near_or_far = affinity.get("podAffinity") or affinity.get("podAntiAffinity")
        self._affinity = (
            PodAffinity(store, index, table, pod) if near_or_far or table.repelling else None
        )

    def verdict(self, info: NodeInfo) -> Verdict:
        """Judge a node by what it holds."""
        ports = self.held.ports
        if ports and any(_taken(port, info) for port in ports):
            return ("node(s) didn't have free ports for the requested pod ports",), False
        short = self._short(info)
        if short is not None:
            return short
        if self.claims.bound or self.claims.open or self.claims.lost or self.claims.exclusive:
            why, final = volumes.refusal(self._store, self.claims, info.node)
            if why:
                return (why,), final
        if self._spread is not None:
            why, final = self._spread.refusal(info.node)
            if why:
                return (why,), final
        if self._affinity is not None:
            why = self._affinity.refusal(info.node)
            if why:
                return (why,), why.startswith("node(s) didn't match pod affinity")
        return FITS

    def _short(self, info: NodeInfo) -> Verdict | None:
        found: list[tuple[str, bool]] = []
        allocatable, used = info.allocatable, info.used
        if (len(info.pods) + 1) * 1000 > allocatable["pods"]:
            found.append(("Too many pods", False))
        for name, amount in self.held.requests.items():
            have = allocatable.get(name, 0)
            if amount > 0 and used.get(name, 0) + amount > have:
                found.append((f"Insufficient {name}", amount > have))
        if not found:
            return None
        return tuple(why for why, _ in found), all(final for _, final in found)


def _taken(port: tuple[int, str, str], info: NodeInfo) -> bool:
    number, protocol, address = port
    return any(
        count > 0
        and (other, its) == (number, protocol)
        and (address == where or not address or not where)
        for (other, its, where), count in info.ports.items()
    )
