"""Signs of life of the nodes: a lease every ten seconds, conditions every five minutes."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import rfc3339, rfc3339_micro
from eval.environments.emulator.cluster.world import World

_NAMESPACE = "kube-node-lease"
_LEASE_SECONDS = 10.0
_STATUS_EVERY = 30


class Heartbeats:
    """Renews node leases and heartbeat times."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._beats = 0
        self._beat()

    def _beat(self) -> None:
        world = self._world
        for node in world.store.all("Node"):
            self._renew(node)
            if self._beats and self._beats % _STATUS_EVERY == 0:
                self._report(node)
        self._beats += 1
        world.clock.call_later(_LEASE_SECONDS, self._beat)

    def _renew(self, node: Json) -> None:
        store, name = self._world.store, node["metadata"]["name"]
        spec = {
            "holderIdentity": name,
            "leaseDurationSeconds": 40,
            "renewTime": rfc3339_micro(self._world.clock.now()),
        }
        lease = store.get("Lease", _NAMESPACE, name)
        if lease is not None:
            store.put({**lease, "metadata": dict(lease["metadata"]), "spec": spec})
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

    def _report(self, node: Json) -> None:
        present = rfc3339(self._world.clock.now())
        conditions = [
            {**item, "lastHeartbeatTime": present} for item in node["status"]["conditions"]
        ]
        self._world.store.set_status(node, {**node["status"], "conditions": conditions})
