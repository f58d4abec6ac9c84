"""ReplicaSets and ReplicationControllers: keep a number of pods."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from connectors.api.values import Json
from eval.environments.emulator.cluster.conditions import set_condition, without
from eval.environments.emulator.cluster.controllers.pods import (
    available_in,
    claim_pods,
    create_pod,
    delete_pod,
    deletion_rank,
    ready,
)
from eval.environments.emulator.cluster.errors import ApiError
from eval.environments.emulator.cluster.objects import (
    Key,
    active,
    controller_of,
    key_of,
    labels_of,
    terminating,
    uid_of,
)
from eval.environments.emulator.cluster.selectors import selector_matches
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

_RETRY_SECONDS = 0.005
_RETRY_LIMIT = 1000.0


class ReplicaSets:
    """Creates and deletes pods until their number is right. One instance per kind."""

    def __init__(self, world: World, kind: str = "ReplicaSet") -> None:
        self._world = world
        self._kind = kind
        self._failures: dict[str, tuple[int, datetime, ApiError | None]] = {}
        self.watches = (kind, "Pod")

    def affected(self, change: Change) -> Iterable[Key]:
        """The set itself, or the set that controls (or could adopt) a changed pod."""
        if change.kind == self._kind:
            return (key_of(change.last),)
        keys: list[Key] = []
        for pod in (change.old, change.new):
            if pod is None:
                continue
            owner = controller_of(pod)
            namespace = pod["metadata"]["namespace"]
            if owner is None:
                keys.extend(self._adopters(pod, namespace))
            elif owner["kind"] == self._kind:
                keys.append((namespace, owner["name"]))
        return dict.fromkeys(keys)

    def reconcile(self, key: Key) -> None:
        """Create what is missing, delete what is too much, and write the status."""
        world = self._world
        owner = world.store.get(self._kind, *key)
        if owner is None:
            return
        pods = active(claim_pods(world, owner))
        error: ApiError | None = None
        if not terminating(owner):
            error = self._scale(owner, pods)
        current = world.store.get(self._kind, *key)
        if current is not None:
            self._status(current, error)

    def _adopters(self, pod: Json, namespace: str) -> Iterable[Key]:
        for owner in self._world.store.all(self._kind, namespace):
            selector = owner["spec"].get("selector")
            if self._kind == "ReplicationController":
                selector = {"matchLabels": selector or {}}
            if selector_matches(selector, labels_of(pod)):
                yield key_of(owner)

    def _scale(self, owner: Json, pods: list[Json]) -> ApiError | None:
        wanted = int(owner["spec"].get("replicas", 1))
        uid, now = uid_of(owner), self._world.clock.now()
        failures, retry, refused = self._failures.get(uid, (0, now, None))
        if len(pods) < wanted and refused is not None and now < retry:
            return refused
        for _ in range(wanted - len(pods)):
            error = create_pod(self._world, owner, owner["spec"]["template"])
            if error is not None:
                pause = min(_RETRY_SECONDS * 2 ** min(failures, 20), _RETRY_LIMIT)
                self._failures[uid] = (failures + 1, now + timedelta(seconds=pause), error)
                self._world.manager.later(pause, self, key_of(owner))
                return error
        self._failures.pop(uid, None)
        if len(pods) > wanted:
            for pod in sorted(pods, key=deletion_rank)[: len(pods) - wanted]:
                delete_pod(self._world, owner, pod)
        return None

    def _status(self, owner: Json, error: ApiError | None) -> None:
        world, spec = self._world, owner["spec"]
        pods = active(claim_pods(world, owner))
        minimum = float(spec.get("minReadySeconds", 0))
        waits = [available_in(world, pod, minimum) for pod in pods]
        labels = (spec["template"].get("metadata") or {}).get("labels") or {}
        counts = {
            "replicas": len(pods),
            "fullyLabeledReplicas": sum(
                all(labels_of(pod).get(k) == v for k, v in labels.items()) for pod in pods
            ),
            "readyReplicas": sum(map(ready, pods)),
            "availableReplicas": sum(wait == 0 for wait in waits),
        }
        status: Json = {"replicas": counts.pop("replicas")}
        status.update({name: count for name, count in counts.items() if count})
        status["observedGeneration"] = owner["metadata"].get("generation", 1)
        conditions = list((owner.get("status") or {}).get("conditions") or ())
        if error is not None:
            conditions = set_condition(
                conditions,
                "ReplicaFailure",
                True,
                world.clock.now(),
                reason="FailedCreate",
                message=error.message,
            )
        else:
            conditions = without(conditions, "ReplicaFailure")
        if conditions:
            status["conditions"] = conditions
        world.store.set_status(owner, status)
        soon = [wait for wait in waits if wait]
        if soon:
            world.manager.later(min(soon), self, key_of(owner))
