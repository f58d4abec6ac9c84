"""StatefulSets: numbered pods with claims of their own, one after another."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.controllers.pods import (
    available_in,
    claim_pods,
    create_pod,
    delete_pod,
    ready,
)
from eval.environments.emulator.cluster.controllers.revisions import revision_of
from eval.environments.emulator.cluster.errors import ApiError
from eval.environments.emulator.cluster.objects import (
    Key,
    clone,
    controller_of,
    finished,
    key_of,
    labels_of,
    terminating,
)
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

SOURCE = "statefulset-controller"
_HASH = "controller-revision-hash"
_RETRY_SECONDS = 10.0


class StatefulSets:
    """Keeps each ordinal's claim and pod."""

    watches = ("StatefulSet", "Pod")

    def __init__(self, world: World) -> None:
        self._world = world

    def affected(self, change: Change) -> Iterable[Key]:
        """The set itself, or the one that controls a changed pod."""
        if change.kind == "StatefulSet":
            return (key_of(change.last),)
        owner = controller_of(change.last)
        if owner is not None and owner["kind"] == "StatefulSet":
            return ((change.last["metadata"]["namespace"], owner["name"]),)
        return ()

    def reconcile(self, key: Key) -> None:
        """Take the next step and write the status."""
        world = self._world
        owner = world.store.get("StatefulSet", *key)
        if owner is None:
            return
        update, _ = revision_of(world, owner, owner["spec"]["template"])
        if not terminating(owner):
            self._step(owner, update)
        current = world.store.get("StatefulSet", *key)
        if current is not None:
            self._status(current, update)

    def _step(self, owner: Json, update: str) -> None:
        spec = owner["spec"]
        name, wanted = owner["metadata"]["name"], int(spec.get("replicas", 1))
        pods = {pod["metadata"]["name"]: pod for pod in claim_pods(self._world, owner)}
        parallel = spec.get("podManagementPolicy") == "Parallel"
        settled = True
        for ordinal in range(wanted):
            pod = pods.get(f"{name}-{ordinal}")
            if pod is None:
                if self._create(owner, ordinal, update) is not None:
                    self._world.manager.later(_RETRY_SECONDS, self, key_of(owner))
                    return
                settled = False
            elif terminating(pod):
                settled = False
            elif finished(pod):
                delete_pod(self._world, owner, pod)
                settled = False
            elif not self._available(owner, pod):
                settled = False
            if not settled and not parallel:
                return
        extra = [pod for pod in pods.values() if _ordinal(pod) >= wanted]
        for pod in sorted(extra, key=_ordinal, reverse=True):
            if not terminating(pod):
                delete_pod(self._world, owner, pod)
            if not parallel:
                return
        if settled and not extra:
            self._roll(owner, pods, update)

    def _roll(self, owner: Json, pods: dict[str, Json], update: str) -> None:
        """Replace the highest pod that has an old template."""
        strategy = owner["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        partition = int((strategy.get("rollingUpdate") or {}).get("partition", 0))
        for pod in sorted(pods.values(), key=_ordinal, reverse=True):
            if _ordinal(pod) < partition:
                return
            if labels_of(pod).get(_HASH) != update:
                delete_pod(self._world, owner, pod)
                return

    def _create(self, owner: Json, ordinal: int, update: str) -> ApiError | None:
        meta, spec = owner["metadata"], owner["spec"]
        name = f"{meta['name']}-{ordinal}"
        template = spec["template"]
        labels = {
            "apps.kubernetes.io/pod-index": str(ordinal),
            _HASH: update,
            "statefulset.kubernetes.io/pod-name": name,
        }
        pod_spec: Json = clone(template["spec"])
        pod_spec["hostname"] = name
        if spec.get("serviceName"):
            pod_spec["subdomain"] = spec["serviceName"]
        volumes = pod_spec.setdefault("volumes", [])
        for claim in spec.get("volumeClaimTemplates") or ():
            claim_name = f"{claim['metadata']['name']}-{name}"
            self._claim(owner, claim, claim_name)
            volumes[:] = [item for item in volumes if item["name"] != claim["metadata"]["name"]]
            volumes.append(
                {
                    "name": claim["metadata"]["name"],
                    "persistentVolumeClaim": {"claimName": claim_name},
                }
            )
        if not volumes:
            del pod_spec["volumes"]
        return create_pod(self._world, owner, template, name=name, labels=labels, spec=pod_spec)

    def _claim(self, owner: Json, template: Json, name: str) -> None:
        world, namespace = self._world, owner["metadata"]["namespace"]
        if world.store.get("PersistentVolumeClaim", namespace, name) is not None:
            return
        labels = (owner["spec"].get("selector") or {}).get("matchLabels") or {}
        body: Json = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
            "spec": clone(template["spec"]),
        }
        world.registry.create(body)
        pod = name.removeprefix(f"{template['metadata']['name']}-")
        text = f"create Claim {name} Pod {pod} in StatefulSet {owner['metadata']['name']} success"
        world.events.record(owner, "Normal", "SuccessfulCreate", text, source=SOURCE)

    def _available(self, owner: Json, pod: Json) -> bool:
        wait = available_in(self._world, pod, float(owner["spec"].get("minReadySeconds", 0)))
        if wait:
            self._world.manager.later(wait, self, key_of(owner))
        return wait == 0

    def _status(self, owner: Json, update: str) -> None:
        pods = [pod for pod in claim_pods(self._world, owner) if not terminating(pod)]
        old = owner.get("status") or {}
        updated = [pod for pod in pods if labels_of(pod).get(_HASH) == update]
        present = old.get("currentRevision") or update
        wanted = int(owner["spec"].get("replicas", 1))
        if len(updated) == wanted == len(pods) and all(map(ready, pods)):
            present = update
        counts = {
            "availableReplicas": sum(self._available(owner, pod) for pod in pods),
            "readyReplicas": sum(map(ready, pods)),
            "currentReplicas": sum(labels_of(pod).get(_HASH) == present for pod in pods),
            "updatedReplicas": len(updated),
        }
        status: Json = {
            "observedGeneration": owner["metadata"].get("generation", 1),
            "replicas": len(pods),
            "currentRevision": present,
            "updateRevision": update,
            "collisionCount": 0,
            "availableReplicas": counts.pop("availableReplicas"),
        }
        status.update({name: count for name, count in counts.items() if count})
        self._world.store.set_status(owner, status)


def _ordinal(pod: Json) -> int:
    return int(pod["metadata"]["name"].rsplit("-", 1)[1])
