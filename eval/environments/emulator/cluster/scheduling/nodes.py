"""What each node holds, kept up to date with every write."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import controller_of, finished, labels_of
from eval.environments.emulator.cluster.quantity import pod_requests, quantity
from eval.environments.emulator.cluster.store import Change, Store

Port = tuple[int, str, str]
"""Host port, protocol, host IP ("" for all)."""


def milli(amount: object) -> int:
    """Return a quantity in thousandths, rounded up, as the scheduler counts."""
    return -int(-quantity(amount) * 1000 // 1)


@dataclass(slots=True)
class Held:
    """One pod on a node, with what it takes there."""

    pod: Json
    requests: dict[str, int]
    ports: frozenset[Port]
    owner: str


@dataclass(slots=True)
class NodeInfo:
    """One node and the sum of its pods; amounts in thousandths."""

    node: Json
    name: str
    allocatable: dict[str, int]
    pods: dict[str, Held] = field(default_factory=dict)
    used: dict[str, int] = field(default_factory=dict)
    owners: Counter[str] = field(default_factory=Counter)
    ports: Counter[Port] = field(default_factory=Counter)

    def add(self, held: Held) -> None:
        """Put a pod on the node."""
        self.pods[held.pod["metadata"]["uid"]] = held
        for name, amount in held.requests.items():
            self.used[name] = self.used.get(name, 0) + amount
        if held.owner:
            self.owners[held.owner] += 1
        self.ports.update(held.ports)

    def drop(self, uid: str) -> Held | None:
        """Take a pod off the node."""
        held = self.pods.pop(uid, None)
        if held is None:
            return None
        for name, amount in held.requests.items():
            self.used[name] -= amount
        if held.owner:
            self.owners[held.owner] -= 1
        self.ports.subtract(held.ports)
        return held

    def copy(self) -> NodeInfo:
        """Return a copy to try things on."""
        return NodeInfo(
            self.node,
            self.name,
            self.allocatable,
            dict(self.pods),
            dict(self.used),
            Counter(self.owners),
            Counter(self.ports),
        )


class NodeTable:
    """All nodes, by name. `version` moves when anything but their pods and heartbeats changes."""

    def __init__(self, store: Store) -> None:
        self.infos: dict[str, NodeInfo] = {}
        self.version = 0
        self.repelling: dict[str, Json] = {}
        self._where: dict[str, str] = {}
        self._early: dict[str, dict[str, Held]] = {}
        store.subscribe(self._changed)

    def _changed(self, change: Change) -> None:
        if change.kind == "Pod":
            self._pod(change)
        elif change.kind == "Node":
            self._node(change)

    def _node(self, change: Change) -> None:
        name, new = change.last["metadata"]["name"], change.new
        if new is None:
            self.version += 1
            gone = self.infos.pop(name, None)
            if gone is not None:
                self._early[name] = gone.pods
            return
        info = self.infos.get(name)
        if info is None:
            self.version += 1
            info = self.infos[name] = NodeInfo(new, name, _allocatable(new))
            for held in self._early.pop(name, {}).values():
                info.add(held)
            return
        if matters(info.node, new):
            self.version += 1
            info.allocatable = _allocatable(new)
        info.node = new

    def _pod(self, change: Change) -> None:
        uid, new, old = change.last["metadata"]["uid"], change.new, change.old
        node = "" if new is None or finished(new) else str(new["spec"].get("nodeName") or "")
        before = self._where.get(uid, "")
        if node == before:
            if node and new is not None and old is not None:
                self._refresh(node, uid, old, new)
            return
        if before:
            self._take(before, uid)
        if not node or new is None:
            self._where.pop(uid, None)
            self.repelling.pop(uid, None)
            return
        self._where[uid] = node
        self._put(node, held_of(new))
        if _repels(new):
            self.repelling[uid] = new

    def _refresh(self, node: str, uid: str, old: Json, new: Json) -> None:
        if uid in self.repelling:
            self.repelling[uid] = new
        if old["spec"] is not new["spec"] and old["spec"] != new["spec"]:
            self._take(node, uid)
            self._put(node, held_of(new))
            return
        info = self.infos.get(node)
        held = self._early.get(node, {}).get(uid) if info is None else info.pods.get(uid)
        if held is not None:
            held.pod = new

    def _put(self, node: str, held: Held) -> None:
        info = self.infos.get(node)
        if info is None:
            self._early.setdefault(node, {})[held.pod["metadata"]["uid"]] = held
        else:
            info.add(held)

    def _take(self, node: str, uid: str) -> None:
        info = self.infos.get(node)
        if info is None:
            self._early.get(node, {}).pop(uid, None)
        else:
            info.drop(uid)


def held_of(pod: Json) -> Held:
    """Return what a pod takes of a node."""
    owner = controller_of(pod)
    requests = {name: -int(-amount * 1000 // 1) for name, amount in pod_requests(pod).items()}
    return Held(pod, requests, host_ports(pod), "" if owner is None else str(owner["uid"]))


def host_ports(pod: Json) -> frozenset[Port]:
    """Return the ports of its node that a pod wants."""
    return frozenset(
        (int(port["hostPort"]), str(port.get("protocol", "TCP")), str(port.get("hostIP") or ""))
        for container in pod["spec"].get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("hostPort")
    )


def matters(old: Json, new: Json) -> bool:
    """Whether a change of a node concerns scheduling: more than a heartbeat."""
    return bool(
        old["spec"] != new["spec"]
        or labels_of(old) != labels_of(new)
        or (old.get("status") or {}).get("allocatable")
        != (new.get("status") or {}).get("allocatable")
    )


def _allocatable(node: Json) -> dict[str, int]:
    amounts = (node.get("status") or {}).get("allocatable") or {}
    return {"pods": 110_000, **{name: milli(amount) for name, amount in amounts.items()}}


def _repels(pod: Json) -> bool:
    """Whether the pod keeps others away from where it is."""
    affinity = (pod["spec"].get("affinity") or {}).get("podAntiAffinity") or {}
    return bool(affinity.get("requiredDuringSchedulingIgnoredDuringExecution"))
