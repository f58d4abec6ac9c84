"""Volumes: whether they can be set up, and the files that containers see in them."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.kubelet.config import contents, pod_field
from eval.environments.emulator.cluster.kubelet.runtime import ContainerState, PodState
from eval.environments.emulator.cluster.store import Store

Reference = tuple[str, str, str]
"""Kind, namespace and name of an object whose content a pod mounts."""

_NO_KEY = {
    "ConfigMap": "configmap references non-existent config",
    "Secret": "references non-existent secret",
}
_ATTACHED = ("csi", "awsElasticBlockStore", "gcePersistentDisk", "azureDisk", "iscsi", "fc", "rbd")


def volume_errors(store: Store, pod: Json) -> list[str]:
    """Return the FailedMount messages for volumes that cannot be set up now."""
    namespace = pod["metadata"]["namespace"]
    errors: list[str] = []
    for volume in pod["spec"].get("volumes") or ():
        why = _missing(store, namespace, volume)
        if why:
            errors.append(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {why}')
            continue
        source = volume.get("persistentVolumeClaim")
        mounted = source and _claimed(store, namespace, source["claimName"])
        driver = ((mounted or {}).get("spec") or {}).get("csi", {}).get("driver", "")
        if mounted and driver and store.get("CSIDriver", "", driver) is None:
            errors.append(
                f'MountVolume.MountDevice failed for volume "{mounted["metadata"]["name"]}" :'
                " kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient:"
                f" driver name {driver} not found in the list of registered CSI drivers"
            )
    return errors


def exclusive_volumes(store: Store, pod: Json) -> list[tuple[str, Json]]:
    """Return (claim, volume) of what only one node can attach at a time."""
    found = []
    for volume in pod["spec"].get("volumes") or ():
        source = volume.get("persistentVolumeClaim")
        persistent = source and _claimed(store, pod["metadata"]["namespace"], source["claimName"])
        if not persistent:
            continue
        spec = persistent["spec"]
        modes = set(spec.get("accessModes") or ())
        if any(kind in spec for kind in _ATTACHED) and modes <= {
            "ReadWriteOnce",
            "ReadWriteOncePod",
        }:
            found.append((source["claimName"], persistent))
    return found


def references(pod: Json) -> set[Reference]:
    """Return the ConfigMaps and Secrets whose content the pod mounts."""
    namespace = pod["metadata"]["namespace"]
    found: set[Reference] = set()
    for volume in pod["spec"].get("volumes") or ():
        for kind, source in _sources(volume):
            found.add((kind, namespace, str(source.get("name") or source.get("secretName") or "")))
    return found


def snapshot(store: Store, pod: Json, ip: str) -> dict[str, dict[str, str]]:
    """Return the files of each mounted volume as they are now, by path inside the volume."""
    found: dict[str, dict[str, str]] = {}
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes") or ():
        files: dict[str, str] = {}
        known = False
        for kind, source in _sources(volume):
            known = True
            name = str(source.get("name") or source.get("secretName") or "")
            files.update(_chosen(contents(store.get(kind, namespace, name)), source))
        projected = (volume.get("projected") or {}).get("sources") or ()
        for part in (volume, *projected):
            downward = part.get("downwardAPI")
            for item in (downward or {}).get("items") or ():
                known = True
                path = (item.get("fieldRef") or {}).get("fieldPath", "")
                files[item["path"]] = pod_field(pod, path, ip)
            token = part.get("serviceAccountToken")
            if token is not None:
                known = True
                account = pod["spec"].get("serviceAccountName", "default")
                files[token["path"]] = f"{namespace}/{account}/{pod['metadata']['uid']}"
        if known:
            found[volume["name"]] = files
    return found


def container_files(state: PodState, item: ContainerState) -> dict[str, str]:
    """Return the files that a container sees, by absolute path."""
    found: dict[str, str] = {}
    for mount in item.spec.get("volumeMounts") or ():
        if _part(mount):
            continue
        for path, text in state.volumes.get(mount["name"], {}).items():
            found[f"{mount['mountPath'].rstrip('/')}/{path}"] = text
    return {**found, **item.fixed_files}


def fixed_files(state: PodState, item: ContainerState) -> dict[str, str]:
    """Return the files mounted by subPath: a running container never sees them change."""
    found: dict[str, str] = {}
    for mount in item.spec.get("volumeMounts") or ():
        part = _part(mount)
        if not part:
            continue
        for path, text in state.volumes.get(mount["name"], {}).items():
            if path == part:
                found[mount["mountPath"]] = text
            elif path.startswith(part.rstrip("/") + "/"):
                found[mount["mountPath"].rstrip("/") + path[len(part.rstrip("/")) :]] = text
    return found


def _part(mount: Json) -> str:
    return str(mount.get("subPath") or mount.get("subPathExpr") or "")


def _sources(volume: Json) -> Iterable[tuple[str, Json]]:
    if isinstance(volume.get("configMap"), dict):
        yield "ConfigMap", volume["configMap"]
    if isinstance(volume.get("secret"), dict):
        yield "Secret", {**volume["secret"], "name": volume["secret"].get("secretName", "")}
    for item in (volume.get("projected") or {}).get("sources") or ():
        if item.get("configMap") is not None:
            yield "ConfigMap", item["configMap"]
        if item.get("secret") is not None:
            yield "Secret", item["secret"]


def _chosen(values: dict[str, str], source: Json) -> dict[str, str]:
    items = source.get("items")
    if not items:
        return values
    return {item["path"]: values[item["key"]] for item in items if item["key"] in values}


def _claimed(store: Store, namespace: str, claim: str) -> Json | None:
    found = store.get("PersistentVolumeClaim", namespace, claim)
    name = "" if found is None else found["spec"].get("volumeName", "")
    return store.get("PersistentVolume", "", name) if name else None


def _missing(store: Store, namespace: str, volume: Json) -> str:
    for kind, source in _sources(volume):
        if source.get("optional"):
            continue
        word = kind.lower()
        name = str(source.get("name", ""))
        found = store.get(kind, namespace, name)
        if found is None:
            return f'{word} "{name}" not found'
        data = {**(found.get("data") or {}), **(found.get("binaryData") or {})}
        for wanted in source.get("items") or ():
            if wanted.get("key") not in data:
                return f"{_NO_KEY[kind]} key: {wanted.get('key')}"
    return ""
