"""How pods end on their node: deletion with its grace period, deadlines, evictions."""

from __future__ import annotations

from collections.abc import Callable

from connectors.api.values import Json
from eval.environments.emulator.cluster.conditions import set_condition
from eval.environments.emulator.cluster.kubelet import hooks
from eval.environments.emulator.cluster.kubelet.containers import SOURCE, Containers
from eval.environments.emulator.cluster.kubelet.runtime import PodState
from eval.environments.emulator.cluster.objects import finished
from eval.environments.emulator.cluster.world import World

_EMPTY_SECONDS = 0.3
_KILLED = 137


class Ending:
    """Stops pods."""

    def __init__(
        self, world: World, containers: Containers, publish: Callable[[PodState], None]
    ) -> None:
        self._world = world
        self._containers = containers
        self._publish = publish

    def stop(self, pod: Json, state: PodState) -> None:
        """Let the pod's programs end within their grace period, then remove it."""
        grace = float(pod["metadata"].get("deletionGracePeriodSeconds", 30))
        if state.stopping or state.dead:
            if grace == 0 or state.dead:
                self._remove(state)
            return
        state.stopping = True
        running = [item for item in state.containers if item.running]
        longest = 0.0
        after = _EMPTY_SECONDS
        codes: dict[str, int] = {}
        for item in running:
            seconds, fails = hooks.pre_stop(self._world, pod, item)
            if fails:
                self._containers.event(pod, state, item, "Warning", "FailedPreStopHook", fails)
            self._containers.event(
                pod, state, item, "Normal", "Killing", f"Stopping container {item.name}"
            )
            needs = seconds + (item.run.stops_after if item.run is not None else 0.0)
            longest = max(longest, min(seconds, grace))
            after = max(after, min(grace, needs))
            code = 0 if item.run is None else item.run.stop_code
            codes[item.name] = _KILLED if needs > grace else code
        state.draining = longest > 0
        state.refresh_listening()
        if state.draining:
            self._world.manager.at(longest, lambda: self._drained(state))
        self._world.manager.at(after, lambda: self._remove(state, codes))

    def fail(self, state: PodState, reason: str, message: str) -> None:
        """Stop a pod for good: it stays as Failed, with the reason."""
        if state.dead or state.stopping:
            return
        pod = self._world.store.get("Pod", *state.key)
        for item in state.containers:
            if item.running:
                if pod is not None:
                    text = f"Stopping container {item.name}"
                    self._containers.event(pod, state, item, "Normal", "Killing", text)
                self._containers.finish(item, _KILLED, oom=False)
            item.cancel()
        if reason == "Evicted":
            self._target(state, message)
        state.failed = (reason, message)
        state.dead = True
        self._publish(state)

    def _target(self, state: PodState, message: str) -> None:
        pod = self._world.store.get("Pod", *state.key)
        if pod is None:
            return
        conditions = set_condition(
            pod["status"].get("conditions") or (),
            "DisruptionTarget",
            True,
            self._world.clock.now(),
            reason="TerminationByKubelet",
            message=message,
            probed=True,
        )
        self._world.store.set_status(pod, {**pod["status"], "conditions": conditions})

    def limit(self, pod: Json, state: PodState) -> None:
        """Mind the pod's activeDeadlineSeconds."""
        seconds = pod["spec"].get("activeDeadlineSeconds")
        if seconds is None:
            return

        def expire() -> None:
            current = self._world.store.get("Pod", *state.key)
            if current is None or finished(current) or not state.active:
                return
            text = "Pod was active on the node longer than the specified deadline"
            self._world.events.record(
                current, "Normal", "DeadlineExceeded", text, source=SOURCE, host=state.node
            )
            self.fail(state, "DeadlineExceeded", text)

        self._world.manager.at(float(seconds), expire)

    def _drained(self, state: PodState) -> None:
        state.draining = False
        state.refresh_listening()

    def _remove(self, state: PodState, codes: dict[str, int] | None = None) -> None:
        store = self._world.store
        pod = store.get("Pod", *state.key)
        if pod is None or pod["metadata"]["uid"] != state.uid or state.frozen:
            return
        state.draining = False
        for item in state.containers:
            if item.running:
                self._containers.finish(item, (codes or {}).get(item.name, _KILLED), oom=False)
            item.cancel()
        state.dead = True
        if pod["metadata"].get("finalizers"):
            self._publish(state)
            return
        store.remove("Pod", state.key)
