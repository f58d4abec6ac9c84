"""Deployments: one ReplicaSet per template, rolled over within maxUnavailable and maxSurge."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.controllers.deployment_status import (
    PROGRESS_POLL_SECONDS,
    deployment_status,
    is_complete,
    progress_left,
)
from eval.environments.emulator.cluster.controllers.rollout import Rollout, fenceposts
from eval.environments.emulator.cluster.names import template_hash
from eval.environments.emulator.cluster.objects import (
    Key,
    clone,
    controller_of,
    key_of,
    labels_of,
    owner_reference,
    terminating,
    uid_of,
)
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.cluster.selectors import selector_matches
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

SOURCE = "deployment-controller"
REVISION = "deployment.kubernetes.io/revision"
_DESIRED = "deployment.kubernetes.io/desired-replicas"
_MAXIMUM = "deployment.kubernetes.io/max-replicas"
_HASH = "pod-template-hash"
_NOT_COPIED = (
    REVISION,
    _DESIRED,
    _MAXIMUM,
    "deployment.kubernetes.io/revision-history",
    "kubectl.kubernetes.io/last-applied-configuration",
)


class Deployments:
    """Brings Deployments to their newest template."""

    watches = ("Deployment", "ReplicaSet", "Pod")

    def __init__(self, world: World) -> None:
        self._world = world
        self._rollout = Rollout(world)

    def affected(self, change: Change) -> Iterable[Key]:
        """The Deployment itself, or the one that controls a changed ReplicaSet or a gone pod."""
        if change.kind == "Deployment":
            return (key_of(change.last),)
        if change.kind == "Pod":
            return self._of_gone_pod(change)
        owner = controller_of(change.last)
        if owner is not None and owner["kind"] == "Deployment":
            return ((change.last["metadata"]["namespace"], owner["name"]),)
        return ()

    def _of_gone_pod(self, change: Change) -> Iterable[Key]:
        """Recreate waits for pods to be gone, so their end matters."""
        owner = controller_of(change.last)
        if change.new is not None or owner is None or owner["kind"] != "ReplicaSet":
            return ()
        replica_set = self._world.store.by_uid("ReplicaSet", owner["uid"])
        above = replica_set and controller_of(replica_set)
        return ((change.last["metadata"]["namespace"], above["name"]),) if above else ()

    def reconcile(self, key: Key) -> None:
        """Take the next step of the rollout and write the status."""
        world = self._world
        deployment = world.store.get("Deployment", *key)
        if deployment is None:
            return
        sets = self._sets(deployment)
        if terminating(deployment):
            self._status(deployment, None, sets)
            return
        if self._rollout.resize(deployment, sets):
            sets = self._sets(deployment)
        new, old, created = self._newest(deployment, sets)
        deployment = world.store.get("Deployment", *key) or deployment
        self._rollout.step(deployment, new, old)
        sets = self._sets(deployment)
        if new is not None:
            new = next((item for item in sets if uid_of(item) == uid_of(new)), None)
        self._status(deployment, new, sets, created=created)
        current = world.store.get("Deployment", *key)
        if current is not None and is_complete(current):
            self._cleanup(current, [item for item in sets if item is not new])

    def _sets(self, deployment: Json) -> list[Json]:
        """Return the Deployment's ReplicaSets, after adopting matching orphans."""
        uid, store = uid_of(deployment), self._world.store
        owned = store.owned(uid, "ReplicaSet")
        sets = [item for item in owned if (controller_of(item) or {}).get("uid") == uid]
        if terminating(deployment):
            return sets
        selector = deployment["spec"].get("selector")
        for item in store.orphans("ReplicaSet", deployment["metadata"]["namespace"]):
            if selector_matches(selector, labels_of(item)):
                references = [*(item["metadata"].get("ownerReferences") or ())]
                meta = {
                    **item["metadata"],
                    "ownerReferences": [*references, owner_reference(deployment)],
                }
                sets.append(store.put({**item, "metadata": meta}))
        return sets

    def _newest(self, deployment: Json, sets: list[Json]) -> tuple[Json | None, list[Json], bool]:
        """Find or create the ReplicaSet of the present template; return it and the others."""
        template = _plain(deployment["spec"]["template"])
        new = next((item for item in sets if _plain(item["spec"]["template"]) == template), None)
        paused = bool(deployment["spec"].get("paused"))
        old = [item for item in sets if item is not new]
        highest = max((revision(item) for item in old), default=0)
        created = False
        if new is None:
            if paused:
                return None, old, False
            new = self._create(deployment, old, highest + 1)
            created = True
        elif revision(new) <= highest:
            new = self._annotate(deployment, new, highest + 1)
        else:
            new = self._annotate(deployment, new, revision(new))
        self._stamp(deployment, revision(new))
        return new, old, created

    def _create(self, deployment: Json, old: list[Json], number: int) -> Json:
        world, meta, spec = self._world, deployment["metadata"], deployment["spec"]
        hashed = template_hash(spec["template"], 0)
        template = clone(spec["template"])
        labels = {**(template["metadata"].get("labels") or {}), _HASH: hashed}
        template["metadata"]["labels"] = labels
        selector = clone(spec["selector"])
        selector.setdefault("matchLabels", {})[_HASH] = hashed
        replicas = self._rollout.initial_replicas(deployment, old)
        body: Json = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{meta['name']}-{hashed}",
                "namespace": meta["namespace"],
                "labels": dict(labels),
                "annotations": self._annotations(deployment, number),
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {"replicas": replicas, "selector": selector, "template": template},
        }
        if spec.get("minReadySeconds"):
            body["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        created = world.registry.create(body)
        if replicas:
            self._rollout.say(deployment, "up", created["metadata"]["name"], 0, replicas)
        return created

    def _annotations(self, deployment: Json, number: int) -> dict[str, str]:
        surge, _ = fenceposts(deployment)
        wanted = int(deployment["spec"].get("replicas", 1))
        copied = {
            name: value
            for name, value in (deployment["metadata"].get("annotations") or {}).items()
            if name not in _NOT_COPIED
        }
        return {
            **copied,
            _DESIRED: str(wanted),
            _MAXIMUM: str(wanted + surge),
            REVISION: str(number),
        }

    def _annotate(self, deployment: Json, replica_set: Json, number: int) -> Json:
        wanted = self._annotations(deployment, number)
        present = replica_set["metadata"].get("annotations") or {}
        history = present.get("deployment.kubernetes.io/revision-history", "")
        if revision(replica_set) != number and revision(replica_set):
            earlier = [part for part in history.split(",") if part]
            history = ",".join([*earlier, str(revision(replica_set))])
        if history:
            wanted["deployment.kubernetes.io/revision-history"] = history
        if all(present.get(name) == value for name, value in wanted.items()):
            return replica_set

        def change(new: Json) -> None:
            new["metadata"]["annotations"] = {**present, **wanted}

        return self._world.store.edit("ReplicaSet", key_of(replica_set), change) or replica_set

    def _stamp(self, deployment: Json, number: int) -> None:
        present = deployment["metadata"].get("annotations") or {}
        if present.get(REVISION) == str(number):
            return

        def change(new: Json) -> None:
            new["metadata"].setdefault("annotations", {})[REVISION] = str(number)

        self._world.store.edit("Deployment", key_of(deployment), change)

    def _status(
        self, deployment: Json, new: Json | None, sets: list[Json], *, created: bool = False
    ) -> None:
        world = self._world
        current = world.store.get("Deployment", *key_of(deployment))
        if current is None:
            return
        status = deployment_status(current, new, sets, world.clock.now(), created=created)
        world.store.set_status(current, status)
        left = progress_left(current, status, world.clock.now())
        if left is not None:
            world.manager.later(left + PROGRESS_POLL_SECONDS, self, key_of(deployment))

    def _cleanup(self, deployment: Json, old: list[Json]) -> None:
        """Forget the oldest revisions beyond the history limit."""
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        empty = [
            item
            for item in old
            if not item["spec"].get("replicas")
            and not (item.get("status") or {}).get("replicas")
            and not terminating(item)
        ]
        for item in sorted(empty, key=revision)[: max(0, len(empty) - limit)]:
            self._world.registry.delete(BY_KIND["ReplicaSet"], *key_of(item))


def revision(obj: Json) -> int:
    """Return the rollout revision that an object carries, 0 for none."""
    return int((obj["metadata"].get("annotations") or {}).get(REVISION, 0))


def _plain(template: Json) -> Json:
    """Return the template without the hash label that its ReplicaSet adds."""
    meta = dict(template.get("metadata") or {})
    labels = {k: v for k, v in labels_of({"metadata": meta}).items() if k != _HASH}
    meta["labels"] = labels
    meta.pop("creationTimestamp", None)
    return {**template, "metadata": meta}
