"""The kubelets' loop over pods: volumes, sandbox, containers in order, termination."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from connectors.api.values import Json
from eval.environments.emulator.cluster.hosts import Hosts
from eval.environments.emulator.cluster.kubelet.containers import Containers
from eval.environments.emulator.cluster.kubelet.ending import Ending
from eval.environments.emulator.cluster.kubelet.mounting import Mounting
from eval.environments.emulator.cluster.kubelet.runtime import (
    ContainerState,
    Phase,
    PodState,
    is_sidecar,
)
from eval.environments.emulator.cluster.kubelet.status import pod_status
from eval.environments.emulator.cluster.objects import Key, finished, key_of, rfc3339, terminating
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World
from eval.environments.emulator.seams import Run

_SANDBOX_SECONDS = 0.6
_ADDRESSES = 250


class Kubelets:
    """The kubelets of all nodes."""

    watches = ("Pod", "ConfigMap", "Secret")

    def __init__(self, world: World, hosts: Hosts) -> None:
        self._world = world
        self._hosts = hosts
        self._pods: dict[str, PodState] = {}
        self._by_key: dict[Key, PodState] = {}
        self._addresses: dict[str, int] = {}
        self._networks: dict[str, int] = {}
        self._containers = Containers(world, self._sync, self.publish)
        self._mounting = Mounting(world, self._sync_later)
        self._ending = Ending(world, self._containers, self.publish)

    def pod(self, uid: str) -> PodState | None:
        """Return what is known about a pod that is on a node."""
        return self._pods.get(uid)

    def on_node(self, node: str) -> Iterator[PodState]:
        """Return what is known about the pods of a node."""
        for pod in self._world.index.on_node(node):
            state = self._pods.get(pod["metadata"]["uid"])
            if state is not None:
                yield state

    def images(self, node: str) -> list[str]:
        """Return the images that were pulled to a node."""
        return self._containers.pulling.on_node(node)

    def affected(self, change: Change) -> Iterable[Key]:
        """Pods that were bound, changed, marked for deletion, or removed."""
        if change.kind != "Pod":
            self._mounting.changed(change, self._by_key)
            return ()
        old, new = change.old, change.new
        if new is None:
            return (key_of(change.last),)
        if not new["spec"].get("nodeName"):
            return ()
        if old is None or (old["spec"] is not new["spec"] and old["spec"] != new["spec"]):
            return (key_of(new),)
        before, after = old["metadata"], new["metadata"]
        if before is not after and any(
            before.get(field) != after.get(field)
            for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "finalizers")
        ):
            return (key_of(new),)
        return ()

    def reconcile(self, key: Key) -> None:
        """Take a pod over, stop it, or forget it."""
        pod = self._world.store.get("Pod", *key)
        state = self._by_key.get(key)
        if state is not None and (pod is None or pod["metadata"]["uid"] != state.uid):
            self._forget(state)
            state = None
        if pod is None or not pod["spec"].get("nodeName"):
            return
        if not self._hosts.reports(pod["spec"]["nodeName"]):
            return
        if state is None:
            if finished(pod) and not terminating(pod):
                return
            state = self._adopt(pod)
        if terminating(pod):
            self._ending.stop(pod, state)
        else:
            self._containers.spec_changed(pod, state)

    def end_run(self, uid: str, container: str, code: int, oom: bool) -> bool:
        """Let the program in a container end now; False when none runs there."""
        state = self._pods.get(uid)
        item = state.container(container) if state else None
        if state is None or item is None or not item.running:
            return False
        self._containers.exited(state, item, code, oom)
        return True

    def go_on(self, uid: str, container: str, run: Run) -> None:
        """Let a running program do what `run` says from now on."""
        state = self._pods.get(uid)
        item = state.container(container) if state else None
        if state is not None and item is not None and item.running and not item.killing:
            self._containers.go_on(state, item, run)

    def fail(self, state: PodState, reason: str, message: str) -> None:
        """Stop a pod for good: it stays as Failed, with the reason."""
        self._ending.fail(state, reason, message)

    def freeze(self, node: str, *, power: bool) -> None:
        """The kubelet of a node stops; without `power` its programs stop as well."""
        for state in self.on_node(node):
            state.frozen = True
            if not power:
                for item in state.containers:
                    if item.running:
                        self._containers.finish(item, 255, oom=False)
                        item.terminated = {**(item.terminated or {}), "reason": "Unknown"}
                state.refresh_listening()

    def thaw(self, node: str) -> None:
        """The kubelet of a node runs again and looks at all its pods."""
        for state in list(self.on_node(node)):
            state.frozen = False
            for item in state.containers:
                if item.phase in (Phase.PULLING, Phase.STARTING):
                    item.phase = Phase.WAITING
        for pod in self._world.index.on_node(node):
            known = self._pods.get(pod["metadata"]["uid"])
            self.reconcile(key_of(pod))
            if known is not None and not terminating(pod):
                self.publish(known)
                self._sync_later(known, 0.5)

    def publish(self, state: PodState) -> None:
        """Write the pod's status if it changed."""
        state.refresh_listening()
        pod = self._world.store.get("Pod", *state.key)
        if pod is None or pod["metadata"]["uid"] != state.uid or state.frozen:
            return
        status = pod_status(pod, state, self._world.clock.now())
        self._world.store.set_status(pod, status)

    def _adopt(self, pod: Json) -> PodState:
        spec = pod["spec"]
        node = self._world.store.get("Node", "", spec["nodeName"])
        addresses = (node or {}).get("status", {}).get("addresses") or [{"address": ""}]
        containers = [ContainerState(item, init=True) for item in spec.get("initContainers") or ()]
        waiting = "PodInitializing" if containers else "ContainerCreating"
        containers += [
            ContainerState(item, init=False, reason=waiting) for item in spec["containers"]
        ]
        containers += self._containers.added(pod, ())
        state = PodState(
            key=key_of(pod),
            uid=pod["metadata"]["uid"],
            node=spec["nodeName"],
            containers=containers,
            host_ip=addresses[0]["address"],
            start_time=rfc3339(self._world.clock.now()),
        )
        if spec.get("hostNetwork"):
            state.ip = state.host_ip
        self._pods[state.uid] = state
        self._by_key[state.key] = state
        self._mounting.adopted(pod)
        self.publish(state)
        if not terminating(pod):
            self._sync_later(state, 0.05)
            self._ending.limit(pod, state)
        return state

    def _sync_later(self, state: PodState, seconds: float) -> None:
        """Look at the pod again after `seconds`, unless that happens sooner anyway."""
        clock = self._world.clock
        if state.sync is not None and not state.sync.cancelled:
            due = (state.sync.when - clock.now()).total_seconds()
            if 0 < due <= seconds:
                return
            state.sync.cancel()
        state.sync = self._world.manager.at(seconds, lambda: self._run(state))

    def _run(self, state: PodState) -> None:
        state.sync = None
        self._sync(state)

    def _sync(self, state: PodState) -> None:
        pod = self._world.store.get("Pod", *state.key)
        if pod is None or pod["metadata"]["uid"] != state.uid or not state.active:
            return
        if not state.mounted and not self._mounting.mount(pod, state):
            return
        if not state.ip:
            if state.sync is None:
                self._world.manager.at(_SANDBOX_SECONDS, lambda: self._sandbox(state))
            return
        again: float | None = None
        for item in self._due(state):
            wait = self._containers.sync(pod, state, item)
            if wait is not None:
                again = wait if again is None else min(again, wait)
        self.publish(state)
        if again is not None:
            self._sync_later(state, again)

    def _due(self, state: PodState) -> list[ContainerState]:
        due = list(state.ephemerals)
        for item in state.inits:
            if is_sidecar(item):
                due.append(item)
                if not item.started:
                    return due
            elif not item.succeeded:
                due.append(item)
                return due
        due.extend(state.apps)
        return due

    def _sandbox(self, state: PodState) -> None:
        if state.ip or not state.active:
            return
        state.ip = self._address(state.node)
        self._mounting.fill(state)
        self._sync(state)

    def _address(self, node: str) -> str:
        index = self._networks.setdefault(node, len(self._networks))
        number = self._addresses.get(node, 1) + 1
        # an address is free again long before the numbers come round
        self._addresses[node] = number if number < _ADDRESSES * 4 else 1
        block, last = divmod(number, _ADDRESSES)
        return f"10.{244 + index // 64}.{index % 64 * 4 + block % 4}.{last + 2}"

    def _forget(self, state: PodState) -> None:
        state.dead = True
        state.listening = frozenset()
        for item in state.containers:
            item.cancel()
        if state.sync is not None:
            state.sync.cancel()
        self._pods.pop(state.uid, None)
        self._mounting.gone(state)
        if self._by_key.get(state.key) is state:
            del self._by_key[state.key]
