"""Signs of life of the nodes: a lease every ten seconds, conditions every five minutes."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.conditions import set_condition
from eval.environments.emulator.cluster.events import EventType
from eval.environments.emulator.cluster.hosts import Hosts
from eval.environments.emulator.cluster.objects import rfc3339, rfc3339_micro
from eval.environments.emulator.cluster.world import World

SOURCE = "kubelet"
_NAMESPACE = "kube-node-lease"
_LEASE_SECONDS = 10.0
_STATUS_EVERY = 30
_GOOD = (
    (
        "MemoryPressure",
        False,
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
        "NodeHasSufficientMemory",
    ),
    (
        "DiskPressure",
        False,
        "KubeletHasNoDiskPressure",
        "kubelet has no disk pressure",
        "NodeHasNoDiskPressure",
    ),
    (
        "PIDPressure",
        False,
        "KubeletHasSufficientPID",
        "kubelet has sufficient PID available",
        "NodeHasSufficientPID",
    ),
    ("Ready", True, "KubeletReady", "kubelet is posting ready status", "NodeReady"),
)


class Heartbeats:
    """Renews node leases and heartbeat times of the nodes whose kubelet runs."""

    def __init__(self, world: World, hosts: Hosts) -> None:
        self._world = world
        self._hosts = hosts
        self._beats = 0
        self._beat()

    def _beat(self) -> None:
        world = self._world
        stamp = rfc3339_micro(world.clock.now())
        for node in world.store.all("Node"):
            if self._hosts.reports(node["metadata"]["name"]):
                renew_lease(world, node, stamp)
                if self._beats and self._beats % _STATUS_EVERY == 0:
                    self._report(node)
        self._beats += 1
        world.clock.call_later(_LEASE_SECONDS, self._beat)

    def _report(self, node: Json) -> None:
        present = rfc3339(self._world.clock.now())
        conditions = [
            {**item, "lastHeartbeatTime": present} for item in node["status"]["conditions"]
        ]
        self._world.store.set_status(node, {**node["status"], "conditions": conditions})


def renew_lease(world: World, node: Json, stamp: str) -> None:
    """Renew a node's lease, made if needed; `stamp` is the present time with microseconds."""
    store, name = world.store, node["metadata"]["name"]
    spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": stamp}
    lease = store.get("Lease", _NAMESPACE, name)
    if lease is not None:
        store.put({**lease, "metadata": dict(lease["metadata"]), "spec": spec})
        return
    if store.get("Namespace", "", _NAMESPACE) is None:
        return
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node["metadata"]["uid"]}
    store.create(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": _NAMESPACE, "ownerReferences": [owner]},
            "spec": spec,
        }
    )


def report_ready(world: World, name: str) -> None:
    """Post a node's good conditions, as its kubelet does when it starts again."""
    node = world.store.get("Node", "", name)
    if node is None:
        return
    for kind, status, reason, message, event in _GOOD:
        old = next((c for c in node["status"]["conditions"] if c["type"] == kind), None)
        if old is not None and old["status"] == ("True" if status else "False"):
            continue
        node = set_node_condition(world, name, kind, status, reason, message) or node
        say(world, node, "Normal", event, f"Node {name} status is now: {event}")


def set_node_condition(
    world: World, name: str, kind: str, status: bool, reason: str, message: str
) -> Json | None:
    """Set a condition of a node now; returns the node."""
    node = world.store.get("Node", "", name)
    if node is None:
        return None
    now = world.clock.now()
    conditions = set_condition(
        node["status"].get("conditions") or (),
        kind,
        status,
        now,
        reason=reason,
        message=message,
        extra={"lastHeartbeatTime": rfc3339(now)},
    )
    world.store.set_status(node, {**node["status"], "conditions": conditions})
    return world.store.get("Node", "", name)


def say(world: World, node: Json, type_: EventType, reason: str, message: str) -> None:
    """Record an Event of a node's kubelet about its node."""
    name = node["metadata"]["name"]
    world.events.record(node, type_, reason, message, source=SOURCE, host=name)
