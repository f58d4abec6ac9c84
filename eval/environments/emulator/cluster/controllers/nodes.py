"""Node lifecycle: nodes that fall silent, the taints that follow, and evictions by taint."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from connectors.api.values import Json
from eval.environments.emulator.cluster.clock import Timer
from eval.environments.emulator.cluster.conditions import set_condition
from eval.environments.emulator.cluster.events import EventType
from eval.environments.emulator.cluster.objects import (
    Key,
    condition,
    finished,
    is_true,
    key_of,
    rfc3339,
    terminating,
)
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.cluster.scheduling.taints import toleration
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

SOURCE = "node-controller"
EVICTOR = "taint-eviction-controller"
_LEASES = "kube-node-lease"
_MONITOR_SECONDS = 5.0
_GRACE_SECONDS = 40.0
_GC_SECONDS = 60.0
_SILENT = "Kubelet stopped posting node status."
_PREFIX = "node.kubernetes.io/"
_BY_CONDITION = (
    ("MemoryPressure", "memory-pressure"),
    ("DiskPressure", "disk-pressure"),
    ("PIDPressure", "pid-pressure"),
    ("NetworkUnavailable", "network-unavailable"),
)
_OURS = frozenset(
    _PREFIX + name
    for name in (
        "not-ready",
        "unreachable",
        "unschedulable",
        *(taint for _, taint in _BY_CONDITION),
    )
)


class NodeLifecycle:
    """Watches the nodes' signs of life. Its keys are nodes."""

    watches = ("Node", "Pod")

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen: dict[str, tuple[Json, datetime]] = {}
        self._evictions: dict[str, Timer] = {}
        self._monitoring = False

    def affected(self, change: Change) -> Iterable[Key]:
        """A node that changed by more than a heartbeat; the node of a pod that was bound to it."""
        if not self._monitoring:
            self._monitoring = True
            self._world.clock.call_later(_MONITOR_SECONDS, self._monitor)
        old, new = change.old, change.new
        if change.kind == "Pod":
            node = change.last["spec"].get("nodeName")
            if not node or (old is not None and new is not None and old["spec"] is new["spec"]):
                return ()
            found = self._world.store.get("Node", "", node)
            if found is None or found["spec"].get("taints"):
                return (("", node),)
            return ()
        if old is not None and new is not None and _view(old) == _view(new):
            return ()
        return (key_of(change.last),)

    def reconcile(self, key: Key) -> None:
        """Taint the node as its conditions demand, and evict who does not tolerate that."""
        node = self._world.store.get("Node", *key)
        if node is None:
            self._seen.pop(key[1], None)
            self._world.manager.at(_GC_SECONDS, lambda: self._collect(key[1]))
            return
        if key[1] not in self._seen:
            self._seen[key[1]] = ({}, self._world.clock.now())
            text = f"Node {key[1]} event: Registered Node {key[1]} in Controller"
            self._say(node, "Normal", "RegisteredNode", text)
        node = self._taint(node)
        taints = [t for t in node["spec"].get("taints") or () if t.get("effect") == "NoExecute"]
        for pod in self._world.index.on_node(key[1]):
            self._consider(pod, taints)

    def _monitor(self) -> None:
        world = self._world
        world.clock.call_later(_MONITOR_SECONDS, self._monitor)
        now = world.clock.now()
        for node in world.store.all("Node"):
            name = node["metadata"]["name"]
            lease = world.store.get("Lease", _LEASES, name) or {}
            known = self._seen.get(name)
            if known is None or known[0] is not lease:
                self._seen[name] = (lease, now)
            elif (now - known[1]).total_seconds() > _GRACE_SECONDS:
                self._silent(node)
        world.manager.settle()

    def _silent(self, node: Json) -> None:
        """Nothing was heard of a node for too long: nothing is known of it any more."""
        ready = condition(node, "Ready")
        if ready is not None and ready["status"] == "Unknown":
            return
        now = rfc3339(self._world.clock.now())
        conditions = [
            {
                **item,
                "status": "Unknown",
                "reason": "NodeStatusUnknown",
                "message": _SILENT,
                "lastTransitionTime": now,
            }
            for item in node["status"].get("conditions") or ()
        ]
        name = node["metadata"]["name"]
        self._world.store.set_status(node, {**node["status"], "conditions": conditions})
        self._say(node, "Normal", "NodeNotReady", f"Node {name} status is now: NodeNotReady")
        for pod in self._world.index.on_node(name):
            self._unready(pod)

    def _unready(self, pod: Json) -> None:
        if finished(pod) or not is_true(pod, "Ready"):
            return
        conditions = [
            {
                **item,
                "status": "False",
                "lastTransitionTime": rfc3339(self._world.clock.now()),
            }
            if item["type"] == "Ready"
            else item
            for item in pod["status"].get("conditions") or ()
        ]
        self._world.store.set_status(pod, {**pod["status"], "conditions": conditions})
        self._world.events.record(
            pod, "Warning", "NodeNotReady", "Node is not ready", source=SOURCE
        )

    def _taint(self, node: Json) -> Json:
        wanted: list[tuple[str, str]] = []
        ready = condition(node, "Ready")
        status = "Unknown" if ready is None else ready["status"]
        if status != "True":
            name = "unreachable" if status == "Unknown" else "not-ready"
            wanted += [(name, "NoSchedule"), (name, "NoExecute")]
        wanted += [(taint, "NoSchedule") for kind, taint in _BY_CONDITION if is_true(node, kind)]
        if node["spec"].get("unschedulable"):
            wanted.append(("unschedulable", "NoSchedule"))
        marks = [(_PREFIX + name, effect) for name, effect in wanted]
        present = list(node["spec"].get("taints") or ())
        kept = [
            taint
            for taint in present
            if taint["key"] not in _OURS or (taint["key"], taint["effect"]) in marks
        ]
        have = {(taint["key"], taint["effect"]) for taint in kept}
        now = rfc3339(self._world.clock.now())
        for mark, effect in marks:
            if (mark, effect) not in have:
                kept.append({"key": mark, "effect": effect, "timeAdded": now})
        if kept == present:
            return node
        spec = {key: value for key, value in node["spec"].items() if key != "taints"}
        if kept:
            spec["taints"] = kept
        return self._world.store.put({**node, "metadata": dict(node["metadata"]), "spec": spec})

    def _consider(self, pod: Json, taints: list[Json]) -> None:
        """Plan, keep or cancel a pod's eviction by NoExecute taints."""
        uid, planned = pod["metadata"]["uid"], self._evictions.get(pod["metadata"]["uid"])
        if finished(pod) or terminating(pod):
            return
        wait: float | None = None
        for taint in taints:
            found = toleration(pod["spec"].get("tolerations") or (), taint)
            seconds = 0.0 if found is None else found.get("tolerationSeconds")
            if seconds is not None:
                wait = float(seconds) if wait is None else min(wait, float(seconds))
        if wait is None:
            if planned is not None:
                planned.cancel()
                del self._evictions[uid]
                text = f"Cancelling deletion of Pod {'/'.join(key_of(pod))}"
                self._world.events.record(
                    pod, "Normal", "TaintManagerEviction", text, source=EVICTOR
                )
            return
        if planned is None:
            key = key_of(pod)
            self._evictions[uid] = self._world.manager.at(wait, lambda: self._evict(key, uid))

    def _evict(self, key: Key, uid: str) -> None:
        self._evictions.pop(uid, None)
        pod = self._world.store.get("Pod", *key)
        if pod is None or pod["metadata"]["uid"] != uid or terminating(pod):
            return
        text = f"Marking for deletion Pod {'/'.join(key)}"
        self._world.events.record(pod, "Normal", "TaintManagerEviction", text, source=EVICTOR)
        self._target(
            pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"
        )
        self._world.registry.delete(BY_KIND["Pod"], *key)

    def _collect(self, node: str) -> None:
        """Remove the pods of a node that is no more."""
        if self._world.store.get("Node", "", node) is not None:
            return
        for pod in self._world.index.on_node(node):
            if not finished(pod):
                text = "PodGC: node no longer exists"
                self._target(pod, "DeletionByPodGC", text)
            self._world.registry.delete(BY_KIND["Pod"], *key_of(pod), grace=0)

    def _target(self, pod: Json, reason: str, message: str) -> None:
        conditions = set_condition(
            pod["status"].get("conditions") or (),
            "DisruptionTarget",
            True,
            self._world.clock.now(),
            reason=reason,
            message=message,
            probed=True,
        )
        self._world.store.set_status(pod, {**pod["status"], "conditions": conditions})

    def _say(self, node: Json, type_: EventType, reason: str, message: str) -> None:
        self._world.events.record(node, type_, reason, message, source=SOURCE)


def _view(node: Json) -> object:
    """Return what the controller depends on: the spec, and the conditions without heartbeats."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return node["spec"], [(item["type"], item["status"]) for item in conditions]
