"""PersistentVolumes and claims: binding, and what happens when one of the two goes."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.controllers.provisioning import Provisioning
from eval.environments.emulator.cluster.events import EventType
from eval.environments.emulator.cluster.finalizers import FINALIZERS
from eval.environments.emulator.cluster.index import claims_of
from eval.environments.emulator.cluster.objects import Key, clone, key_of, terminating, uid_of
from eval.environments.emulator.cluster.quantity import quantity
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.cluster.scheduling.volumes import (
    NO_PROVISIONER,
    SELECTED_NODE,
    reaches,
    suits,
)
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

SOURCE = "persistentvolume-controller"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_RETRY_SECONDS = 15.0


class Volumes:
    """Binds claims. Its keys are claims, and volumes with an empty namespace."""

    watches = ("PersistentVolumeClaim", "PersistentVolume", "StorageClass", "Pod")

    def __init__(self, world: World) -> None:
        self._world = world
        self._planned: set[str] = set()
        self._provisioning = Provisioning(world, self._bind)

    def affected(self, change: Change) -> Iterable[Key]:
        """A claim itself, the claims of a scheduled or new pod, or all open ones."""
        if change.kind == "PersistentVolumeClaim":
            name = change.last["spec"].get("volumeName", "")
            return (key_of(change.last), ("", name)) if name else (key_of(change.last),)
        if change.kind == "Pod":
            new, old = change.new, change.old
            if new is None or not new["spec"].get("volumes"):
                return ()
            if old is not None and old["spec"] == new["spec"]:
                return ()
            return [(new["metadata"]["namespace"], name) for name in claims_of(new)]
        keys = [key_of(claim) for claim in self._world.store.all("PersistentVolumeClaim")]
        return [("", change.last["metadata"]["name"]), *keys]

    def reconcile(self, key: Key) -> None:
        """Bind a claim, provision for it, or say what it waits for; bring a volume up to date."""
        if not key[0]:
            self._volume(key[1])
            return
        claim = self._world.store.get("PersistentVolumeClaim", *key)
        if claim is None or terminating(claim):
            return
        phase = (claim.get("status") or {}).get("phase")
        name = claim["spec"].get("volumeName")
        if phase in ("Bound", "Lost"):
            if phase == "Bound" and self._world.store.get("PersistentVolume", "", name) is None:
                self._lose(claim)
            return
        self._find(key, self._default_class(claim))

    def _find(self, key: Key, claim: Json) -> None:
        store = self._world.store
        name = claim["spec"].get("storageClassName")
        storage = store.get("StorageClass", "", name) if name else None
        waits = storage is not None and (
            storage.get("volumeBindingMode") == "WaitForFirstConsumer"
            and not claim["spec"].get("volumeName")
        )
        chosen = (claim["metadata"].get("annotations") or {}).get(SELECTED_NODE, "")
        volume = self._match(claim, reserved=waits and not chosen, node=chosen)
        if volume is not None:
            self._bind(claim, volume)
        elif asked := claim["spec"].get("volumeName"):
            if store.get("PersistentVolume", "", asked) is not None:
                text = f'volume "{asked}" already bound to a different claim.'
                self._say(claim, "Warning", "FailedBinding", text)
        elif not name:
            text = "no persistent volumes available for this claim and no storage class is set"
            self._say(claim, "Normal", "FailedBinding", text)
        elif storage is None:
            text = f'storageclass.storage.k8s.io "{name}" not found'
            self._say(claim, "Warning", "ProvisioningFailed", text)
        elif waits and not chosen:
            self._await(key, claim)
        elif storage.get("provisioner") == NO_PROVISIONER:
            text = f'no volume plugin matched name: "{NO_PROVISIONER}"'
            self._say(claim, "Warning", "ProvisioningFailed", text)
        else:
            self._provisioning.begin(claim, storage, chosen)

    def _await(self, key: Key, claim: Json) -> None:
        users = self._world.index.using_claim(*key)
        waiting = sorted(p["metadata"]["name"] for p in users if not p["spec"].get("nodeName"))
        if waiting:
            text = f"waiting for pod {waiting[0]} to be scheduled"
            self._say(claim, "Normal", "WaitForPodScheduled", text)
        else:
            text = "waiting for first consumer to be created before binding"
            self._say(claim, "Normal", "WaitForFirstConsumer", text)

    def _say(self, claim: Json, type_: EventType, reason: str, text: str) -> None:
        """Record why a claim is not bound, again and again until it is."""
        mark = f"{uid_of(claim)}/{reason}"
        if mark in self._planned:
            return
        self._planned.add(mark)
        self._world.events.record(claim, type_, reason, text, source=SOURCE)
        key = key_of(claim)

        def again() -> None:
            self._planned.discard(mark)
            self._world.manager.enqueue(self, key)

        self._world.manager.at(_RETRY_SECONDS, again)

    def _default_class(self, claim: Json) -> Json:
        """Give a claim without a class the default one."""
        if "storageClassName" in claim["spec"]:
            return claim
        for storage in self._world.store.all("StorageClass"):
            if (storage["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true":
                spec = {**claim["spec"], "storageClassName": storage["metadata"]["name"]}
                return self._world.store.put(
                    {**claim, "metadata": dict(claim["metadata"]), "spec": spec}
                )
        return claim

    def _match(self, claim: Json, *, reserved: bool, node: str) -> Json | None:
        """Return the smallest free volume that fits the claim; only its own one if `reserved`."""
        where = self._world.store.get("Node", "", node) if node else None
        fitting = []
        for volume in self._world.store.all("PersistentVolume"):
            if not suits(volume, claim) or (reserved and "claimRef" not in volume["spec"]):
                continue
            if where is not None and not reaches(volume, where):
                continue
            size = quantity((volume["spec"].get("capacity") or {}).get("storage", 0))
            free = "claimRef" not in volume["spec"]
            fitting.append((free, size, volume["metadata"]["name"], volume))
        return min(fitting, key=lambda item: item[:3])[3] if fitting else None

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
            new["status"] = {**(new.get("status") or {}), "phase": "Bound"}

        def bound(new: Json) -> None:
            new["spec"]["volumeName"] = volume["metadata"]["name"]
            annotations = new["metadata"].setdefault("annotations", {})
            annotations["pv.kubernetes.io/bind-completed"] = "yes"
            annotations["pv.kubernetes.io/bound-by-controller"] = "yes"
            new["status"] = {
                "phase": "Bound",
                "accessModes": list(volume["spec"].get("accessModes") or ()),
                "capacity": clone(volume["spec"].get("capacity") or {}),
            }

        store.edit("PersistentVolume", key_of(volume), take)
        store.edit("PersistentVolumeClaim", key, bound)

    def _lose(self, claim: Json) -> None:
        status = {"phase": "Lost"}
        self._world.store.set_status(claim, status)
        text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
        self._world.events.record(claim, "Warning", "ClaimLost", text, source=SOURCE)

    def _volume(self, name: str) -> None:
        """A volume is available, or released by the end of its claim, and then perhaps deleted."""
        store = self._world.store
        volume = store.get("PersistentVolume", "", name)
        if volume is None:
            return
        status = volume.get("status") or {}
        reference = volume["spec"].get("claimRef")
        if reference is None or not reference.get("uid"):
            if status.get("phase") != "Available" and not terminating(volume):
                store.set_status(volume, {**status, "phase": "Available"})
            return
        claim = store.get("PersistentVolumeClaim", reference["namespace"], reference["name"])
        if claim is not None and uid_of(claim) == reference["uid"]:
            return
        if status.get("phase") == "Bound":
            store.set_status(volume, {**status, "phase": "Released"})
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete" and not terminating(
            volume
        ):
            self._world.registry.delete(BY_KIND["PersistentVolume"], "", name)


class Protection:
    """Keeps claims that pods use, and volumes that claims are bound to, from being removed."""

    watches = ("PersistentVolumeClaim", "PersistentVolume", "Pod")

    def __init__(self, world: World) -> None:
        self._world = world

    def affected(self, change: Change) -> Iterable[Key]:
        """What is being deleted, when something that uses it goes."""
        if change.kind == "Pod":
            if change.new is not None or not change.last["spec"].get("volumes"):
                return ()
            return [(change.last["metadata"]["namespace"], name) for name in claims_of(change.last)]
        keys = [key_of(change.last)] if terminating(change.last) else []
        if change.kind == "PersistentVolumeClaim" and change.new is None:
            keys.append(("", change.last["spec"].get("volumeName", "")))
        return keys

    def reconcile(self, key: Key) -> None:
        """Let go of what is being deleted and not used."""
        kind = "PersistentVolumeClaim" if key[0] else "PersistentVolume"
        obj = self._world.store.get(kind, *key)
        if obj is None or not terminating(obj):
            return
        finalizer = FINALIZERS[kind]
        if finalizer not in (obj["metadata"].get("finalizers") or ()):
            return
        if key[0]:
            # who is not on a node yet cannot start any more: the kubelet refuses a claim that is going
            # (podUsesPVC in Kubernetes' pvc_protection_controller.go)
            users = self._world.index.using_claim(*key)
            if any(pod["spec"].get("nodeName") for pod in users):
                return
        elif (obj.get("status") or {}).get("phase") == "Bound":
            reference = obj["spec"].get("claimRef") or {}
            claim = self._world.store.get(
                "PersistentVolumeClaim", reference.get("namespace", ""), reference.get("name", "")
            )
            if claim is not None and uid_of(claim) == reference.get("uid"):
                return
        new = clone(obj)
        new["metadata"]["finalizers"] = [
            item for item in obj["metadata"]["finalizers"] if item != finalizer
        ]
        self._world.registry.update(BY_KIND[kind], new)
