"""What an administrator can do to the machines of a cluster."""

from __future__ import annotations

from eval.environments.emulator.cluster.hosts import Hosts
from eval.environments.emulator.cluster.kubelet.agent import Kubelets
from eval.environments.emulator.cluster.kubelet.heartbeat import renew_lease, report_ready, say
from eval.environments.emulator.cluster.objects import is_true, rfc3339_micro
from eval.environments.emulator.cluster.world import World


class Machines:
    """Commands on hosts, by node name. All raise KeyError for a node that does not exist."""

    def __init__(self, world: World, hosts: Hosts, kubelets: Kubelets) -> None:
        self._world = world
        self._hosts = hosts
        self._kubelets = kubelets

    def stop_kubelet(self, node: str) -> None:
        """`systemctl stop kubelet`: its containers go on, nobody reports about them."""
        self._known(node)
        self._hosts[node].kubelet = False
        self._kubelets.freeze(node, power=True)

    def start_kubelet(self, node: str) -> None:
        """`systemctl start kubelet`."""
        self._known(node)
        self._hosts[node].kubelet = True
        if self._hosts[node].reports:
            self._back(node, rebooted=False)

    def power_off(self, node: str) -> None:
        """Pull the plug: everything on the machine ends at once."""
        self._known(node)
        self._hosts[node].powered = False
        self._kubelets.freeze(node, power=False)

    def power_on(self, node: str) -> None:
        """Boot the machine; its kubelet starts with it."""
        self._known(node)
        host = self._hosts[node]
        host.powered = host.kubelet = True
        host.boots += 1
        self._back(node, rebooted=True)

    def take(self, node: str, *, memory: float | None = None, disk: float | None = None) -> None:
        """Let something that is no pod take that many bytes of a machine's memory or disk."""
        self._known(node)
        host = self._hosts[node]
        if memory is not None:
            host.memory = memory
        if disk is not None:
            host.disk = disk

    def _known(self, node: str) -> None:
        if self._world.store.get("Node", "", node) is None:
            raise KeyError(f"no node {node!r}")

    def _back(self, name: str, *, rebooted: bool) -> None:
        world = self._world
        node = world.store.get("Node", "", name)
        if node is None:
            return
        renew_lease(world, node, rfc3339_micro(world.clock.now()))
        say(world, node, "Normal", "Starting", "Starting kubelet.")
        if rebooted:
            boot = world.names.uid()
            info = {**node["status"]["nodeInfo"], "bootID": boot}
            world.store.set_status(node, {**node["status"], "nodeInfo": info})
            text = f"Node {name} has been rebooted, boot id: {boot}"
            say(world, node, "Warning", "Rebooted", text)
        if not is_true(node, "Ready"):
            report_ready(world, name)
        self._kubelets.thaw(name)
        world.manager.settle()
