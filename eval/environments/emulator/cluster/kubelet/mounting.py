"""Mounts: waiting for what is missing, attaching disks, and following ConfigMaps and Secrets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from connectors.api.values import Json
from eval.environments.emulator.cluster.kubelet.files import (
    Reference,
    exclusive_volumes,
    references,
    snapshot,
    volume_errors,
)
from eval.environments.emulator.cluster.kubelet.runtime import PodState
from eval.environments.emulator.cluster.objects import Key, finished, key_of
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

SOURCE = "kubelet"
_ATTACHER = "attachdetach-controller"
_ACCESS = "kube-api-access-"
_RETRY_LIMIT = 122.0
_PATIENCE_SECONDS = 123.0
_RESYNC = (60.0, 90.0)
"""A kubelet looks at each pod again after a minute to a minute and a half (`syncFrequency`, jittered)."""


class Mounting:
    """Sets up the volumes of pods. `later` makes the pod loop look at a pod again."""

    def __init__(self, world: World, later: Callable[[PodState, float], None]) -> None:
        self._world = world
        self._later = later
        self._users: dict[Reference, dict[Key, None]] = {}
        self._used: dict[str, set[Reference]] = {}

    def adopted(self, pod: Json) -> None:
        """Note what a new pod mounts."""
        found = references(pod)
        if found:
            self._used[pod["metadata"]["uid"]] = found
            for reference in sorted(found):
                self._users.setdefault(reference, {})[key_of(pod)] = None

    def gone(self, state: PodState) -> None:
        """Forget a pod."""
        for reference in self._used.pop(state.uid, ()):
            self._users.get(reference, {}).pop(state.key, None)

    def changed(self, change: Change, states: Mapping[Key, PodState]) -> None:
        """A ConfigMap or Secret changed: those who mount it see that at their next refresh."""
        if change.old is None and change.new is not None and not self._users:
            return
        for key in self._users.get((change.kind, *key_of(change.last)), ()):
            state = states.get(key)
            if state is not None and state.mounted:
                # a change meets long intervals more often than short ones, at any moment of them
                low, high = _RESYNC
                interval = math.sqrt(self._world.names.jitter(low * low, high * high))
                wait = self._world.names.jitter(0.0, interval)
                self._world.clock.call_later(wait, lambda state=state: self._renew(state))  # type: ignore[misc]

    def fill(self, state: PodState) -> None:
        """Write the files of the pod's volumes as their sources are now."""
        pod = self._world.store.get("Pod", *state.key)
        if pod is not None and pod["metadata"]["uid"] == state.uid and not state.frozen:
            state.volumes = snapshot(self._world.store, pod, state.ip)

    def _renew(self, state: PodState, failures: int = 0) -> None:
        """Write the files anew; what is missing now stays as it was, and is asked for again."""
        pod = self._world.store.get("Pod", *state.key)
        if pod is None or pod["metadata"]["uid"] != state.uid or not state.active:
            return
        errors = volume_errors(self._world.store, pod)
        if not errors:
            self.fill(state)
            return
        for error in errors:
            self._say(pod, state, error)
        wait = min(0.5 * 2**failures, _RETRY_LIMIT)
        self._world.clock.call_later(wait, lambda: self._renew(state, failures + 1))

    def mount(self, pod: Json, state: PodState) -> bool:
        """Set the volumes up; False when that must be tried again later."""
        if not pod["spec"].get("volumes"):
            state.mounted = True
            return True
        busy = self._busy(pod, state)
        errors = [] if busy else volume_errors(self._world.store, pod)
        if not busy and not errors:
            state.mounted = True
            if state.ip:
                self.fill(state)
            return True
        for error in errors:
            self._say(pod, state, error)
        self._lose_patience(pod, state, busy)
        wait = min(0.5 * 2**state.mount_failures, _RETRY_LIMIT)
        state.mount_failures += 1
        self._later(state, wait)
        return False

    def _busy(self, pod: Json, state: PodState) -> bool:
        """Whether a disk of the pod is still attached to another node; says so once."""
        for claim, volume in exclusive_volumes(self._world.store, pod):
            users = [
                other
                for other in self._world.index.using_claim(state.key[0], claim)
                if other["spec"].get("nodeName") not in (None, state.node) and not finished(other)
            ]
            if not users:
                continue
            name = volume["metadata"]["name"]
            text = f'Multi-Attach error for volume "{name}" Volume is already '
            if any("deletionTimestamp" not in user["metadata"] for user in users):
                names = ", ".join(sorted(user["metadata"]["name"] for user in users))
                text += f"used by pod(s) {names}"
            else:
                text += "exclusively attached to one node and can't be attached to another"
            if not state.mount_failures:
                self._world.events.record(
                    pod, "Warning", "FailedAttachVolume", text, source=_ATTACHER
                )
            return True
        return False

    def _lose_patience(self, pod: Json, state: PodState, busy: bool) -> None:
        """After two minutes, and as often again, the kubelet gives up waiting for a while.

        Only older ones write an Event about it.
        """
        if not state.mount_failures and self._world.registry.catalog.version.legacy:
            uid = state.uid

            def complain() -> None:
                current = self._world.store.get("Pod", *state.key)
                if current is None or current["metadata"]["uid"] != uid or not state.active:
                    return
                if state.mounted:
                    return
                names = self._unmounted(current, state)
                self._say(
                    current,
                    state,
                    f"Unable to attach or mount volumes: unmounted volumes=[{names}], unattached"
                    f" volumes=[{self._all(current)}]: timed out waiting for the condition",
                )
                self._world.manager.at(_PATIENCE_SECONDS, complain)

            self._world.manager.at(_PATIENCE_SECONDS, complain)

    def _unmounted(self, pod: Json, state: PodState) -> str:
        errors = volume_errors(self._world.store, pod)
        busy = {claim for claim, _ in exclusive_volumes(self._world.store, pod)}
        return " ".join(
            volume["name"]
            for volume in pod["spec"]["volumes"]
            if any(f'volume "{volume["name"]}"' in error for error in errors)
            or (volume.get("persistentVolumeClaim") or {}).get("claimName") in busy
        )

    def _all(self, pod: Json) -> str:
        """Return the names of the pod's volumes; the token's as 1.20 called it."""
        names = [volume["name"] for volume in pod["spec"]["volumes"]]
        meta, spec = pod["metadata"], pod["spec"]
        account = self._world.store.get(
            "ServiceAccount", meta["namespace"], spec.get("serviceAccountName", "default")
        )
        secrets = (account or {}).get("secrets") or [{}]
        token = secrets[0].get("name", "")
        return " ".join(token if token and name.startswith(_ACCESS) else name for name in names)

    def _say(self, pod: Json, state: PodState, text: str) -> None:
        self._world.events.record(
            pod, "Warning", "FailedMount", text, source=SOURCE, host=state.node
        )
