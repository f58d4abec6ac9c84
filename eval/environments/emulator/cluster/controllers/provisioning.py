"""Volumes made on demand by the provisioner of a storage class."""

from __future__ import annotations

from collections.abc import Callable

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import uid_of
from eval.environments.emulator.cluster.world import World

SOURCE = "persistentvolume-controller"
LOCAL_PATH = "rancher.io/local-path"
_SECONDS = 2.0
_REMINDER_SECONDS = 15.0


class Provisioning:
    """Asks provisioners for volumes. One that does not run leaves the claim pending."""

    def __init__(self, world: World, bind: Callable[[Json, Json], None]) -> None:
        self._world = world
        self._bind = bind
        self._pending: set[str] = set()

    def begin(self, claim: Json, storage: Json, node: str) -> None:
        """Have a volume made for the claim, reachable from `node` ("" for any)."""
        uid = uid_of(claim)
        if uid in self._pending:
            return
        self._pending.add(uid)
        self._wait(claim, storage)
        if not self._runs(storage):
            self._remind(uid, storage)
            return
        where = f"{claim['metadata']['namespace']}/{claim['metadata']['name']}"
        text = f'External provisioner is provisioning volume for claim "{where}"'
        source = self._source(storage)
        self._world.events.record(claim, "Normal", "Provisioning", text, source=source)
        self._world.manager.at(_SECONDS, lambda: self._provide(uid, storage, node))

    def _runs(self, storage: Json) -> bool:
        driver = str(storage["provisioner"])
        return driver == LOCAL_PATH or self._world.store.get("CSIDriver", "", driver) is not None

    def _wait(self, claim: Json, storage: Json) -> None:
        text = (
            "Waiting for a volume to be created either by the external provisioner"
            f" '{storage['provisioner']}' or manually by the system administrator. If volume"
            " creation is delayed, please verify that the provisioner is running and correctly"
            " registered."
        )
        self._world.events.record(claim, "Normal", "ExternalProvisioning", text, source=SOURCE)

    def _remind(self, uid: str, storage: Json) -> None:
        def again() -> None:
            claim = self._world.store.by_uid("PersistentVolumeClaim", uid)
            if claim is None or (claim.get("status") or {}).get("phase") == "Bound":
                self._pending.discard(uid)
                return
            current = self._world.store.get("StorageClass", "", storage["metadata"]["name"])
            if current is not None and self._runs(current):
                self._pending.discard(uid)
                self.begin(claim, current, "")
                return
            self._wait(claim, storage)
            self._remind(uid, storage)

        self._world.manager.at(_REMINDER_SECONDS, again)

    def _provide(self, uid: str, storage: Json, node: str) -> None:
        self._pending.discard(uid)
        claim = self._world.store.by_uid("PersistentVolumeClaim", uid)
        if claim is None or (claim.get("status") or {}).get("phase") == "Bound":
            return
        volume = self._world.registry.create(_volume(claim, storage, node))
        self._bind(claim, volume)
        text = f"Successfully provisioned volume {volume['metadata']['name']}"
        source = self._source(storage)
        self._world.events.record(claim, "Normal", "ProvisioningSucceeded", text, source=source)

    def _source(self, storage: Json) -> str:
        driver = str(storage["provisioner"])
        if driver != LOCAL_PATH:
            return driver
        return f"{driver}_local-path-provisioner-7dc846544d-q7v4k_{uid_of(storage)}"


def _volume(claim: Json, storage: Json, node: str) -> Json:
    spec, driver, name = claim["spec"], str(storage["provisioner"]), f"pvc-{uid_of(claim)}"
    requests = (spec.get("resources") or {}).get("requests") or {}
    body: Json = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": driver}},
        "spec": {
            "capacity": {"storage": requests.get("storage", "1Gi")},
            "accessModes": list(spec.get("accessModes") or ["ReadWriteOnce"]),
            "persistentVolumeReclaimPolicy": storage.get("reclaimPolicy", "Delete"),
            "storageClassName": storage["metadata"]["name"],
            "volumeMode": spec.get("volumeMode", "Filesystem"),
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": claim["metadata"]["namespace"],
                "name": claim["metadata"]["name"],
                "uid": uid_of(claim),
            },
        },
    }
    if driver != LOCAL_PATH:
        body["spec"]["csi"] = {"driver": driver, "volumeHandle": name}
        return body
    folder = f"{name}_{claim['metadata']['namespace']}_{claim['metadata']['name']}"
    body["spec"]["hostPath"] = {
        "path": f"/var/local-path-provisioner/{folder}",
        "type": "DirectoryOrCreate",
    }
    if node:
        field = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
        body["spec"]["nodeAffinity"] = {
            "required": {"nodeSelectorTerms": [{"matchExpressions": [field]}]}
        }
    return body
