"""PersistentVolumes and claims: binding, and provisioning by storage class."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.events import EventType
from eval.environments.emulator.cluster.objects import Key, clone, key_of, terminating, uid_of
from eval.environments.emulator.cluster.quantity import quantity
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

SOURCE = "persistentvolume-controller"
_DEFAULT = "storageclass.kubernetes.io/is-default-class"
_RETRY_SECONDS = 15.0
_PROVISION_SECONDS = 2.0


class Volumes:
    """Binds claims. Its keys are claims."""

    watches = ("PersistentVolumeClaim", "PersistentVolume", "StorageClass", "Pod")

    def __init__(self, world: World) -> None:
        self._world = world
        self._planned: set[str] = set()

    def affected(self, change: Change) -> Iterable[Key]:
        """A claim itself, the claims of a scheduled or new pod, or all open ones."""
        if change.kind == "PersistentVolumeClaim":
            self._released(change)
            return (key_of(change.last),)
        if change.kind == "Pod":
            if change.new is None or (
                change.old is not None and change.old["spec"] == change.new["spec"]
            ):
                return ()
            namespace = change.new["metadata"]["namespace"]
            return [(namespace, name) for name in _claims(change.new)]
        claims = self._world.store.all("PersistentVolumeClaim")
        return [key_of(claim) for claim in claims if not claim["spec"].get("volumeName")]

    def reconcile(self, key: Key) -> None:
        """Bind the claim, provision for it, or say what it waits for."""
        world = self._world
        claim = world.store.get("PersistentVolumeClaim", *key)
        if claim is None or terminating(claim):
            return
        if (claim.get("status") or {}).get("phase") == "Bound":
            return
        claim = self._default_class(claim)
        name = claim["spec"].get("storageClassName")
        volume = self._match(claim)
        if volume is not None:
            self._bind(claim, volume)
            return
        if not name:
            text = "no persistent volumes available for this claim and no storage class is set"
            self._say(claim, "Normal", "FailedBinding", text)
            return
        storage = world.store.get("StorageClass", "", name)
        if storage is None:
            text = f'storageclass.storage.k8s.io "{name}" not found'
            self._say(claim, "Warning", "ProvisioningFailed", text)
            return
        if storage.get("provisioner") == "kubernetes.io/no-provisioner":
            if storage.get("volumeBindingMode") == "Immediate":
                text = 'no volume plugin matched name: "kubernetes.io/no-provisioner"'
                self._say(claim, "Warning", "ProvisioningFailed", text)
            return
        if storage.get("volumeBindingMode") == "WaitForFirstConsumer" and not self._used(key):
            text = "waiting for first consumer to be created before binding"
            self._say(claim, "Normal", "WaitForFirstConsumer", text)
            return
        self._provision(claim, storage)

    def _say(self, claim: Json, type_: EventType, reason: str, text: str) -> None:
        """Record why a claim is not bound, again and again until it is."""
        uid = uid_of(claim)
        if uid in self._planned:
            return
        self._planned.add(uid)
        self._world.events.record(claim, type_, reason, text, source=SOURCE)
        key = key_of(claim)

        def again() -> None:
            self._planned.discard(uid)
            self._world.manager.enqueue(self, key)

        self._world.manager.at(_RETRY_SECONDS, again)

    def _default_class(self, claim: Json) -> Json:
        """Give a claim without a class the default one."""
        if "storageClassName" in claim["spec"]:
            return claim
        for storage in self._world.store.all("StorageClass"):
            if (storage["metadata"].get("annotations") or {}).get(_DEFAULT) == "true":
                spec = {**claim["spec"], "storageClassName": storage["metadata"]["name"]}
                return self._world.store.put(
                    {**claim, "metadata": dict(claim["metadata"]), "spec": spec}
                )
        return claim

    def _used(self, key: Key) -> bool:
        pods = self._world.store.all("Pod", key[0])
        return any(pod["spec"].get("nodeName") and key[1] in _claims(pod) for pod in pods)

    def _match(self, claim: Json) -> Json | None:
        """Return the smallest free volume that fits the claim."""
        spec = claim["spec"]
        wanted = quantity(((spec.get("resources") or {}).get("requests") or {}).get("storage", 0))
        asked = spec.get("volumeName")
        fitting = []
        for volume in self._world.store.all("PersistentVolume"):
            its = volume["spec"]
            reference = its.get("claimRef")
            if reference is not None and (
                (reference.get("namespace"), reference.get("name")) != key_of(claim)
                or reference.get("uid", uid_of(claim)) != uid_of(claim)
            ):
                continue
            if (volume.get("status") or {}).get("phase") == "Released" or terminating(volume):
                continue
            if asked and volume["metadata"]["name"] != asked:
                continue
            if its.get("storageClassName", "") != (spec.get("storageClassName") or ""):
                continue
            if not set(spec.get("accessModes") or ()) <= set(its.get("accessModes") or ()):
                continue
            size = quantity((its.get("capacity") or {}).get("storage", 0))
            if size >= wanted:
                fitting.append((size, volume["metadata"]["name"], volume))
        return min(fitting, key=lambda item: item[:2])[2] if fitting else None

    def _bind(self, claim: Json, volume: Json) -> None:
        store, key = self._world.store, key_of(claim)
        reference = {
            "kind": "PersistentVolumeClaim",
            "namespace": key[0],
            "name": key[1],
            "uid": uid_of(claim),
            "apiVersion": "v1",
            "resourceVersion": claim["metadata"]["resourceVersion"],
        }

        def take(new: Json) -> None:
            new["spec"]["claimRef"] = reference
            new["status"] = {"phase": "Bound"}

        def bound(new: Json) -> None:
            new["spec"]["volumeName"] = volume["metadata"]["name"]
            new["metadata"].setdefault("annotations", {})["pv.kubernetes.io/bind-completed"] = "yes"
            new["status"] = {
                "phase": "Bound",
                "accessModes": volume["spec"].get("accessModes", []),
                "capacity": clone(volume["spec"].get("capacity", {})),
            }

        store.edit("PersistentVolume", key_of(volume), take)
        store.edit("PersistentVolumeClaim", key, bound)

    def _provision(self, claim: Json, storage: Json) -> None:
        uid = uid_of(claim)
        if uid in self._planned:
            self._planned.discard(uid)
        mark = f"provision/{uid}"
        if mark in self._planned:
            return
        self._planned.add(mark)
        text = (
            f"Waiting for a volume to be created either by the external provisioner"
            f" '{storage['provisioner']}' or manually by the system administrator. If volume"
            " creation is delayed, please verify that the provisioner is running and correctly"
            " registered."
        )
        self._world.events.record(claim, "Normal", "ExternalProvisioning", text, source=SOURCE)

        def provide() -> None:
            self._planned.discard(mark)
            current = self._world.store.by_uid("PersistentVolumeClaim", uid)
            if current is None or (current.get("status") or {}).get("phase") == "Bound":
                return
            volume = self._world.registry.create(_volume(current, storage))
            self._bind(current, volume)
            name = volume["metadata"]["name"]
            self._world.events.record(
                current,
                "Normal",
                "ProvisioningSucceeded",
                f"Successfully provisioned volume {name}",
                source=storage["provisioner"],
            )

        self._world.manager.at(_PROVISION_SECONDS, provide)

    def _released(self, change: Change) -> None:
        """Free or delete the volume of a claim that went."""
        if change.new is not None:
            return
        store = self._world.store
        volume = store.get("PersistentVolume", "", change.last["spec"].get("volumeName", ""))
        if volume is None:
            return
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            store.remove("PersistentVolume", key_of(volume))
        else:
            store.set_status(volume, {"phase": "Released"})


def _claims(pod: Json) -> list[str]:
    return [
        volume["persistentVolumeClaim"]["claimName"]
        for volume in pod["spec"].get("volumes") or ()
        if volume.get("persistentVolumeClaim")
    ]


def _volume(claim: Json, storage: Json) -> Json:
    spec = claim["spec"]
    requests = (spec.get("resources") or {}).get("requests") or {}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": f"pvc-{uid_of(claim)}",
            "annotations": {"pv.kubernetes.io/provisioned-by": storage["provisioner"]},
        },
        "spec": {
            "capacity": {"storage": requests.get("storage", "1Gi")},
            "accessModes": list(spec.get("accessModes") or ["ReadWriteOnce"]),
            "persistentVolumeReclaimPolicy": storage.get("reclaimPolicy", "Delete"),
            "storageClassName": storage["metadata"]["name"],
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "hostPath": {"path": f"/opt/local-path-provisioner/pvc-{uid_of(claim)}"},
        },
    }
