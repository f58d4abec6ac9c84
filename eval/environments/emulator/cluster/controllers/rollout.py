"""The arithmetic of a rolling update."""

from __future__ import annotations

import math
from collections.abc import Sequence

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import finished, key_of, parse_time, uid_of
from eval.environments.emulator.cluster.world import World

SOURCE = "deployment-controller"
_DESIRED = "deployment.kubernetes.io/desired-replicas"


def fenceposts(deployment: Json) -> tuple[int, int]:
    """Return (maxSurge, maxUnavailable) in pods; both are 0 for Recreate."""
    strategy = deployment["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, 0
    rolling = strategy.get("rollingUpdate") or {}
    wanted = int(deployment["spec"].get("replicas", 1))
    surge = _pods(rolling.get("maxSurge", "25%"), wanted, up=True)
    unavailable = _pods(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    if not surge and not unavailable:
        unavailable = 1
    return surge, min(unavailable, wanted) if wanted else unavailable


class Rollout:
    """Scales a Deployment's ReplicaSets one step."""

    def __init__(self, world: World) -> None:
        self._world = world

    def initial_replicas(self, deployment: Json, old: Sequence[Json]) -> int:
        """Return the size with which a new ReplicaSet starts."""
        wanted = int(deployment["spec"].get("replicas", 1))
        present = sum(_size(item) for item in old)
        if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            return 0 if present or self._busy(old) else wanted
        surge, _ = fenceposts(deployment)
        return max(0, min(wanted, wanted + surge - present))

    def resize(self, deployment: Json, sets: Sequence[Json]) -> bool:
        """Give the one ReplicaSet with pods a new size before a new template is looked at, whichever it has
        (`isScalingEvent` and `scale` of Kubernetes' deployment controller)."""
        busy = [item for item in sets if _size(item)]
        if len(busy) != 1 or not _outdated(deployment, busy):
            return False
        self._scale(deployment, busy[0], int(deployment["spec"].get("replicas", 1)))
        self._mark(deployment, busy)
        return True

    def step(self, deployment: Json, new: Json | None, old: Sequence[Json]) -> None:
        """Scale up the new and down the old ReplicaSets as far as allowed now."""
        if deployment["spec"].get("paused") or self._resized(deployment, new, old):
            self._proportional(deployment, new, old)
            return
        if new is None:
            return
        if (deployment["spec"].get("strategy") or {}).get("type") == "Recreate":
            for item in old:
                self._scale(deployment, item, 0)
            if not self._busy(old):
                self._scale(deployment, new, int(deployment["spec"].get("replicas", 1)))
            return
        new = self._up(deployment, new, old)
        self._down(deployment, new, old)

    def _busy(self, old: Sequence[Json]) -> bool:
        """Whether pods of old ReplicaSets still exist, terminating ones included."""
        return any(
            not finished(pod)
            for item in old
            for pod in self._world.store.owned(uid_of(item), "Pod")
        )

    def say(self, deployment: Json, direction: str, name: str, before: int, after: int) -> None:
        """Record that a ReplicaSet was scaled."""
        self._world.events.record(
            deployment,
            "Normal",
            "ScalingReplicaSet",
            f"Scaled {direction} replica set {name} from {before} to {after}",
            source=SOURCE,
        )

    def _up(self, deployment: Json, new: Json, old: Sequence[Json]) -> Json:
        wanted = int(deployment["spec"].get("replicas", 1))
        if _size(new) > wanted:
            return self._scale(deployment, new, wanted)
        surge, _ = fenceposts(deployment)
        total = _size(new) + sum(_size(item) for item in old)
        room = max(0, wanted + surge - total)
        return self._scale(deployment, new, min(wanted, _size(new) + room))

    def _down(self, deployment: Json, new: Json, old: Sequence[Json]) -> None:
        wanted = int(deployment["spec"].get("replicas", 1))
        _, unavailable = fenceposts(deployment)
        minimum = wanted - unavailable
        total = _size(new) + sum(_size(item) for item in old)
        unready = _size(new) - min(_size(new), _available(new))
        spare = total - minimum - unready
        if spare <= 0:
            return
        ordered = sorted(
            (item for item in old if _size(item)),
            key=lambda item: parse_time(item["metadata"]["creationTimestamp"]),
        )
        current = {id(item): item for item in ordered}
        for item in ordered:
            if spare <= 0:
                break
            sick = min(spare, _size(item) - min(_size(item), _available(item)))
            if sick > 0:
                current[id(item)] = self._scale(deployment, item, _size(item) - sick)
                spare -= sick
        healthy = _available(new) + sum(_available(item) for item in ordered)
        spare = healthy - minimum
        for item in ordered:
            latest = current[id(item)]
            if spare <= 0:
                break
            cut = min(spare, _size(latest))
            if cut > 0:
                self._scale(deployment, latest, _size(latest) - cut)
                spare -= cut

    def _resized(self, deployment: Json, new: Json | None, old: Sequence[Json]) -> bool:
        """Whether the Deployment was resized while several ReplicaSets have pods."""
        busy = [item for item in (*old, *([new] if new else [])) if _size(item)]
        return len(busy) > 1 and _outdated(deployment, busy)

    def _proportional(self, deployment: Json, new: Json | None, old: Sequence[Json]) -> None:
        """Share a change of size among the ReplicaSets that have pods."""
        sets = [item for item in (*([new] if new else []), *old) if _size(item)]
        if not sets and new is not None:
            sets = [new]
        wanted = int(deployment["spec"].get("replicas", 1))
        if not sets:
            return
        if len(sets) == 1:
            self._scale(deployment, sets[0], wanted)
            self._mark(deployment, sets)
            return
        surge, _ = fenceposts(deployment)
        total = sum(_size(item) for item in sets)
        missing = (wanted + surge if wanted else 0) - total
        left = missing
        for item in sorted(sets, key=_size, reverse=True):
            share = round(missing * _size(item) / total) if total else 0
            share = max(min(share, left), 0) if missing >= 0 else min(max(share, left), 0)
            self._scale(deployment, item, max(0, _size(item) + share))
            left -= share
        self._mark(deployment, sets)

    def _mark(self, deployment: Json, sets: Sequence[Json]) -> None:
        wanted = str(deployment["spec"].get("replicas", 1))

        def change(new: Json) -> None:
            annotations = new["metadata"].setdefault("annotations", {})
            annotations[_DESIRED] = wanted

        for item in sets:
            self._world.store.edit("ReplicaSet", key_of(item), change)

    def _scale(self, deployment: Json, replica_set: Json, size: int) -> Json:
        before = _size(replica_set)
        if size == before:
            return replica_set

        def change(new: Json) -> None:
            new["spec"]["replicas"] = size

        stored = self._world.store.edit("ReplicaSet", key_of(replica_set), change)
        direction = "up" if size > before else "down"
        self.say(deployment, direction, replica_set["metadata"]["name"], before, size)
        return stored or replica_set


def _pods(value: object, wanted: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        share = wanted * int(value[:-1]) / 100
        return math.ceil(share) if up else math.floor(share)
    return int(str(value))


def _outdated(deployment: Json, sets: Sequence[Json]) -> bool:
    """Whether a ReplicaSet was scaled for another size of the Deployment."""
    wanted = str(deployment["spec"].get("replicas", 1))
    notes = (item["metadata"].get("annotations") or {} for item in sets)
    return any(note.get(_DESIRED, wanted) != wanted for note in notes)


def _size(replica_set: Json) -> int:
    return int(replica_set["spec"].get("replicas", 0))


def _available(replica_set: Json) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))
