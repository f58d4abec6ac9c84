"""DaemonSets: one pod on every node that fits."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.controllers.pods import (
    claim_pods,
    create_pod,
    delete_pod,
    ready,
)
from eval.environments.emulator.cluster.controllers.revisions import revision_of
from eval.environments.emulator.cluster.objects import (
    Key,
    clone,
    controller_of,
    finished,
    key_of,
    labels_of,
    terminating,
)
from eval.environments.emulator.cluster.scheduling.nodes import matters
from eval.environments.emulator.cluster.scheduling.taints import node_matches, tolerated
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

_HASH = "controller-revision-hash"
_RETRY_SECONDS = 10.0
_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)


class DaemonSets:
    """Keeps one pod per fitting node."""

    watches = ("DaemonSet", "Pod", "Node")

    def __init__(self, world: World) -> None:
        self._world = world

    def affected(self, change: Change) -> Iterable[Key]:
        """The set itself, the one that controls a changed pod, or all when nodes change."""
        if change.kind == "DaemonSet":
            return (key_of(change.last),)
        if change.kind == "Node":
            old, new = change.old, change.new
            if old is not None and new is not None and not matters(old, new):
                return ()
            return [key_of(item) for item in self._world.store.all("DaemonSet")]
        owner = controller_of(change.last)
        if owner is not None and owner["kind"] == "DaemonSet":
            return ((change.last["metadata"]["namespace"], owner["name"]),)
        return ()

    def reconcile(self, key: Key) -> None:
        """Create and delete pods, roll one over, and write the status."""
        world = self._world
        owner = world.store.get("DaemonSet", *key)
        if owner is None:
            return
        update, _ = revision_of(world, owner, owner["spec"]["template"])
        if not terminating(owner):
            self._step(owner, update)
        current = world.store.get("DaemonSet", *key)
        if current is not None:
            self._status(current, update)

    def _step(self, owner: Json, update: str) -> None:
        wanted = {node["metadata"]["name"] for node in self._nodes(owner)}
        staying = {node["metadata"]["name"] for node in self._nodes(owner, ("NoExecute",))}
        by_node: dict[str, list[Json]] = {}
        for pod in claim_pods(self._world, owner):
            by_node.setdefault(_node_of(pod), []).append(pod)
        for node, pods in by_node.items():
            for index, pod in enumerate(pods):
                if not terminating(pod) and (node not in staying or index or finished(pod)):
                    delete_pod(self._world, owner, pod)
        for node in sorted(wanted - set(by_node)):
            if not self._create(owner, node, update):
                self._world.manager.later(_RETRY_SECONDS, self, key_of(owner))
                return
        self._roll(owner, by_node, wanted, update)

    def _roll(
        self, owner: Json, by_node: dict[str, list[Json]], wanted: set[str], update: str
    ) -> None:
        strategy = owner["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        limit = (strategy.get("rollingUpdate") or {}).get("maxUnavailable", 1)
        if isinstance(limit, str):
            limit = max(1, -(-len(wanted) * int(limit.rstrip("%")) // 100))
        pods = [pods[0] for node, pods in sorted(by_node.items()) if node in wanted]
        down = len(wanted) - sum(ready(pod) and not terminating(pod) for pod in pods)
        for pod in pods:
            if labels_of(pod).get(_HASH) == update.rsplit("-", 1)[1] or terminating(pod):
                continue
            if not ready(pod):
                delete_pod(self._world, owner, pod)
            elif down < limit:
                down += 1
                delete_pod(self._world, owner, pod)

    def _nodes(
        self, owner: Json, effects: tuple[str, ...] = ("NoSchedule", "NoExecute")
    ) -> list[Json]:
        """Return the nodes that fit: for new pods, or (NoExecute alone) for those that are there."""
        shadow = {"spec": self._spec(owner, "")}
        return [
            node
            for node in self._world.store.all("Node")
            if node_matches({"spec": owner["spec"]["template"]["spec"]}, node)
            and tolerated(shadow, node, effects)
        ]

    def _spec(self, owner: Json, node: str) -> Json:
        spec: Json = clone(owner["spec"]["template"]["spec"])
        tolerations = spec.setdefault("tolerations", [])
        for key, effect in _TOLERATED:
            tolerations.append({"key": key, "operator": "Exists", "effect": effect})
        field = {"key": "metadata.name", "operator": "In", "values": [node]}
        affinity = spec.setdefault("affinity", {}).setdefault("nodeAffinity", {})
        affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {
            "nodeSelectorTerms": [{"matchFields": [field]}]
        }
        return spec

    def _create(self, owner: Json, node: str, update: str) -> bool:
        labels = {_HASH: update.rsplit("-", 1)[1], "pod-template-generation": "1"}
        template = owner["spec"]["template"]
        error = create_pod(
            self._world, owner, template, labels=labels, spec=self._spec(owner, node)
        )
        return error is None

    def _status(self, owner: Json, update: str) -> None:
        pods = [pod for pod in claim_pods(self._world, owner) if not terminating(pod)]
        wanted = len(self._nodes(owner))
        available = sum(map(ready, pods))
        marked = update.rsplit("-", 1)[1]
        status: Json = {
            "currentNumberScheduled": len(pods),
            "numberMisscheduled": 0,
            "desiredNumberScheduled": wanted,
            "numberReady": available,
            "observedGeneration": owner["metadata"].get("generation", 1),
        }
        counts = {
            "updatedNumberScheduled": sum(labels_of(p).get(_HASH) == marked for p in pods),
            "numberAvailable": available,
            "numberUnavailable": max(0, wanted - available),
        }
        status.update({name: count for name, count in counts.items() if count})
        self._world.store.set_status(owner, status)


def _node_of(pod: Json) -> str:
    """Return the node a DaemonSet's pod is meant for."""
    required = pod["spec"]["affinity"]["nodeAffinity"][
        "requiredDuringSchedulingIgnoredDuringExecution"
    ]
    return str(required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0])
