"""Who owns what on the cluster, and how it is all removed, whoever made it and however that ended.

Each namespace of a twin, and each of its objects outside, carries the same two labels; a Lease in the
app's namespace says who holds it and until when. A holder that was killed stops renewing: then anybody
may sweep.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.api.errors import ConnectorError, SourceMissing, SourceRejected
from connectors.api.protocols import ClusterReader, ClusterWriter
from connectors.api.values import Json

MANAGER_LABEL, PART_LABEL = "app.kubernetes.io/managed-by", "app.kubernetes.io/part-of"
MANAGER = "deployer"
LEASE = "deployer"
LEASE_SECONDS = 60
_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
_KINDS = ("Deployment", "ConfigMap")
_WORKLOADS = ("CronJob", "Job", "Deployment", "StatefulSet", "DaemonSet")
_GONE_SECONDS = 120.0
_EMPTY_SECONDS = 45.0
_ACCOUNT_SECONDS = 15.0
_POLL_SECONDS = 1.0


class StillThere(TimeoutError):
    """Something of a twin could not be removed; the text names it."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A twin on the cluster: its namespace, who holds it, and whether that one is still alive."""

    namespace: str
    holder: str
    alive: bool


def labels(namespace: str) -> dict[str, str]:
    """The labels by which a twin's namespaces, and its objects outside them, are found again."""
    return {MANAGER_LABEL: MANAGER, PART_LABEL: namespace}


def lease(namespace: str, *, lasting: bool) -> Json:
    """The Lease that this process holds; a `lasting` one needs nobody to renew it."""
    spec: dict[str, Any] = {"holderIdentity": "" if lasting else holder(), "renewTime": _now()}
    spec["leaseDurationSeconds"] = LEASE_SECONDS
    return {"metadata": {"name": LEASE, "namespace": namespace}, "spec": spec}


def holder() -> str:
    """This process, as the Lease names it."""
    return f"{socket.gethostname()}_{os.getpid()}"


async def renew(writer: ClusterWriter, namespace: str) -> None:
    """Renew this process's Lease, for ever."""
    while True:
        await asyncio.sleep(LEASE_SECONDS / 3)
        await writer.patch("Lease", namespace, LEASE, {"spec": {"renewTime": _now()}})


async def holdings(reader: ClusterReader) -> list[Holding]:
    """The twins on the cluster, those among them of which only parts are left."""
    names: dict[str, None] = {}
    for kind in ("Namespace", "PersistentVolume", *_KINDS):
        for item in await reader.list(kind, labels=f"{MANAGER_LABEL}={MANAGER}"):
            names[str(item["metadata"]["labels"].get(PART_LABEL, ""))] = None
    found = []
    for name in sorted(filter(None, names)):
        try:
            held = (await reader.get("Lease", name, LEASE))["spec"]
        except SourceMissing:
            held = {}
        identity = str(held.get("holderIdentity") or "")
        found.append(Holding(name, identity, bool(held) and _alive(identity, held)))
    return found


def _alive(identity: str, held: Json) -> bool:
    if not identity:
        return True
    host, _, process = identity.rpartition("_")
    if host == socket.gethostname() and not Path("/proc", process).exists():
        return False
    renewed = datetime.strptime(str(held["renewTime"]), _FORMAT).replace(tzinfo=UTC)
    return datetime.now(UTC) < renewed + timedelta(seconds=held["leaseDurationSeconds"])


async def remove(reader: ClusterReader, writer: ClusterWriter, namespace: str, image: str) -> None:
    """Remove all of a twin and wait until it is gone. Raises `StillThere`."""
    selector = f"{MANAGER_LABEL}={MANAGER},{PART_LABEL}={namespace}"
    for kind in _KINDS:
        for item in await reader.list(kind, labels=selector):
            await _delete(writer, kind, item["metadata"]["namespace"], item["metadata"]["name"])
    volumes = await reader.list("PersistentVolume", labels=selector)
    spaces = [str(i["metadata"]["name"]) for i in await reader.list("Namespace", labels=selector)]
    await asyncio.gather(*(_empty(reader, writer, name) for name in spaces))
    await asyncio.gather(*(_delete(writer, "Namespace", "", name) for name in spaces))
    await _until_gone(reader, "Namespace", spaces)
    names = [str(volume["metadata"]["name"]) for volume in volumes]
    if names:
        await _clean_disks(reader, writer, namespace, image, volumes)
    await asyncio.gather(*(_delete(writer, "PersistentVolume", "", name) for name in names))
    await _until_gone(reader, "PersistentVolume", names)


async def _empty(reader: ClusterReader, writer: ClusterWriter, namespace: str) -> None:
    """Let the pods go first: a namespace that is deleted with pods in it looks again ever more rarely."""
    for kind in _WORKLOADS:
        for item in await reader.list(kind, namespace):
            await _delete(writer, kind, namespace, str(item["metadata"]["name"]))
    for _ in range(int(_EMPTY_SECONDS / _POLL_SECONDS)):
        if not await reader.list("Pod", namespace):
            return
        await asyncio.sleep(_POLL_SECONDS)


async def _clean_disks(
    reader: ClusterReader, writer: ClusterWriter, namespace: str, image: str, volumes: Sequence[Json]
) -> None:  # fmt: skip
    """Remove what the volumes left on the nodes' disks, by one pod a node."""
    place = f"{namespace}-volumes"
    paths = [str(volume["spec"]["hostPath"]["path"]) for volume in volumes]
    parent = str(Path(paths[0]).parent)
    script = f"import shutil\nfor name in {[Path(p).name for p in paths]!r}: shutil.rmtree('/disk/' + name, True)"
    body: Json = {"metadata": {"name": place, "labels": labels(namespace)}}
    try:
        await writer.create("Namespace", "", body)
    except SourceRejected:  # somebody else is about it
        await _until_gone(reader, "Namespace", [place])
        return
    try:
        nodes = [str(node["metadata"]["name"]) for node in await reader.list("Node")]
        for node in nodes:
            spec = {
                "nodeName": node,
                "restartPolicy": "Never",
                "tolerations": [{"operator": "Exists"}],
                "terminationGracePeriodSeconds": 0,
                "volumes": [{"name": "disk", "hostPath": {"path": parent, "type": "DirectoryOrCreate"}}],
                "containers": [
                    {
                        "name": "remove",
                        "image": image,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["python3", "-c", script],
                        "volumeMounts": [{"name": "disk", "mountPath": "/disk"}],
                    }
                ],
            }  # fmt: skip
            await _create_pod(writer, place, {"metadata": {"name": node}, "spec": spec})
        await _until_ended(reader, place, nodes)
    finally:
        await _delete(writer, "Namespace", "", place)
        await _until_gone(reader, "Namespace", [place])


async def _create_pod(writer: ClusterWriter, namespace: str, body: Json) -> None:
    for _ in range(int(_ACCOUNT_SECONDS / _POLL_SECONDS)):
        try:
            await writer.create("Pod", namespace, body)
            return
        except ConnectorError:
            # the namespace's service account is made a moment after it
            await asyncio.sleep(_POLL_SECONDS)
    await writer.create("Pod", namespace, body)


async def _until_ended(reader: ClusterReader, namespace: str, pods: Sequence[str]) -> None:
    for _ in range(int(_GONE_SECONDS / 2 / _POLL_SECONDS)):
        found = await reader.list("Pod", namespace)
        phases = [pod.get("status", {}).get("phase") for pod in found]
        if len(phases) == len(pods) and all(p in ("Succeeded", "Failed") for p in phases):
            return
        await asyncio.sleep(_POLL_SECONDS)


async def _until_gone(reader: ClusterReader, kind: str, names: Sequence[str]) -> None:
    waiting = list(names)
    for _ in range(int(_GONE_SECONDS / _POLL_SECONDS)):
        waiting = [name for name in waiting if await _exists(reader, kind, name)]
        if not waiting:
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise StillThere(f"{kind} {', '.join(waiting)}: still there after {_GONE_SECONDS:.0f} s")


async def _exists(reader: ClusterReader, kind: str, name: str) -> bool:
    try:
        await reader.get(kind, "", name)
    except SourceMissing:
        return False
    return True


async def _delete(writer: ClusterWriter, kind: str, namespace: str, name: str) -> None:
    try:
        await writer.delete(kind, namespace, name)
    except (SourceMissing, SourceRejected):
        return


def _now() -> str:
    return datetime.now(UTC).strftime(_FORMAT)
