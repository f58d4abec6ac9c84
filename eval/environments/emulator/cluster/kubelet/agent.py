"""The kubelets' loop over pods: volumes, sandbox, containers in order, termination."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.kubelet.config import volume_errors
from eval.environments.emulator.cluster.kubelet.containers import SOURCE, Containers
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
from eval.environments.emulator.seams import Programs

_SANDBOX_SECONDS = 0.6
_STOP_SECONDS = 1.5
_MOUNT_RETRY_LIMIT = 122.0


class Kubelets:
    """The kubelets of all nodes."""

    watches = ("Pod",)

    def __init__(self, world: World, programs: Programs) -> None:
        self._world = world
        self._pods: dict[str, PodState] = {}
        self._by_key: dict[Key, PodState] = {}
        self._addresses: dict[str, int] = {}
        self._containers = Containers(world, programs, self._sync, self._publish)

    def pod(self, uid: str) -> PodState | None:
        """Return what is known about a pod that is on a node."""
        return self._pods.get(uid)

    def affected(self, change: Change) -> Iterable[Key]:
        """Pods that were bound, changed, marked for deletion, or removed."""
        if change.new is None:
            return (key_of(change.last),)
        if not change.new["spec"].get("nodeName"):
            return ()
        if (
            change.old is None
            or change.old["spec"] != change.new["spec"]
            or terminating(change.old) != terminating(change.new)
            or change.old["metadata"].get("deletionGracePeriodSeconds")
            != change.new["metadata"].get("deletionGracePeriodSeconds")
        ):
            return (key_of(change.new),)
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
        if state is None:
            if finished(pod) and not terminating(pod):
                return
            state = self._adopt(pod)
        if terminating(pod):
            self._stop(pod, state)
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

    def _adopt(self, pod: Json) -> PodState:
        spec = pod["spec"]
        node = self._world.store.get("Node", "", spec["nodeName"])
        addresses = (node or {}).get("status", {}).get("addresses") or [{"address": ""}]
        containers = [ContainerState(item, init=True) for item in spec.get("initContainers") or ()]
        waiting = "PodInitializing" if containers else "ContainerCreating"
        containers += [
            ContainerState(item, init=False, reason=waiting) for item in spec["containers"]
        ]
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
        self._publish(state)
        if not terminating(pod):
            self._sync_later(state, 0.05)
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
        if pod is None or pod["metadata"]["uid"] != state.uid or state.stopping or state.dead:
            return
        if not state.mounted and not self._mount(pod, state):
            return
        if not state.ip:
            if state.sync is None:
                self._world.manager.at(_SANDBOX_SECONDS, lambda: self._sandbox(state))
            return
        again: float | None = None
        for item in self._due(pod, state):
            wait = self._containers.sync(pod, state, item)
            if wait is not None:
                again = wait if again is None else min(again, wait)
        self._publish(state)
        if again is not None:
            self._sync_later(state, again)

    def _due(self, pod: Json, state: PodState) -> list[ContainerState]:
        due: list[ContainerState] = []
        for item in state.inits:
            if is_sidecar(item):
                due.append(item)
                if not item.started:
                    return due
            elif not item.succeeded:
                due.append(item)
                return due
        for item in state.apps:
            if item.reason == "PodInitializing" and item.phase is Phase.WAITING:
                item.reason = "PodInitializing"
            due.append(item)
        return due

    def _mount(self, pod: Json, state: PodState) -> bool:
        errors = volume_errors(self._world.store, pod)
        if not errors:
            state.mounted = True
            return True
        for error in errors:
            self._world.events.record(
                pod, "Warning", "FailedMount", error, source=SOURCE, host=state.node
            )
        wait = min(0.5 * 2**state.mount_failures, _MOUNT_RETRY_LIMIT)
        state.mount_failures += 1
        self._sync_later(state, wait)
        return False

    def _sandbox(self, state: PodState) -> None:
        if state.ip or state.stopping:
            return
        state.ip = self._address(state.node)
        self._sync(state)

    def _address(self, node: str) -> str:
        names = [item["metadata"]["name"] for item in self._world.store.all("Node")]
        index = names.index(node) if node in names else len(names)
        self._addresses[node] = number = self._addresses.get(node, 1) + 1
        return f"10.244.{index + number // 250 * 16}.{number % 250 + 2}"

    def _stop(self, pod: Json, state: PodState) -> None:
        grace = int(pod["metadata"].get("deletionGracePeriodSeconds", 30))
        if state.stopping:
            if grace == 0:
                self._remove(state)
            return
        state.stopping = True
        state.refresh_listening()
        running = [item for item in state.containers if item.running]
        for item in running:
            self._containers.event(
                pod, state, item, "Normal", "Killing", f"Stopping container {item.name}"
            )
        wait = min(float(grace), _STOP_SECONDS) if running else 0.3
        self._world.manager.at(wait, lambda: self._remove(state))

    def _remove(self, state: PodState) -> None:
        pod = self._world.store.get("Pod", *state.key)
        if pod is None or pod["metadata"]["uid"] != state.uid or state.dead:
            return
        state.dead = True
        for item in state.containers:
            if item.running:
                self._containers.finish(item, 0, oom=False)
        if pod["metadata"].get("finalizers"):
            self._publish(state)
            return
        self._world.store.remove("Pod", state.key)

    def _forget(self, state: PodState) -> None:
        state.dead = True
        state.listening = frozenset()
        for item in state.containers:
            item.cancel()
        if state.sync is not None:
            state.sync.cancel()
        self._pods.pop(state.uid, None)
        if self._by_key.get(state.key) is state:
            del self._by_key[state.key]

    def _publish(self, state: PodState) -> None:
        """Write the pod's status if it changed."""
        state.refresh_listening()
        pod = self._world.store.get("Pod", *state.key)
        if pod is None or pod["metadata"]["uid"] != state.uid:
            return
        status = pod_status(pod, state, self._world.clock.now())
        self._world.store.set_status(pod, status)
