"""Small things that the faults do to objects."""

from __future__ import annotations

import asyncio
import re
from copy import deepcopy

from connectors.api.errors import SourceMissing
from connectors.api.values import Json
from eval.protocols import Environment

_LIMIT_SECONDS = 120.0
_SERVER_FIELDS = (
    "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink",
    "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences",
)  # fmt: skip
_REVISION = "deployment.kubernetes.io/revision"


def as_deployed(environment: Environment, kind: str, name: str) -> Json:
    """Return an object as it was deployed. Raises `ValueError` for one that was not."""
    for item in environment.deployed:
        if item["kind"] == kind and item["metadata"]["name"] == name:
            return deepcopy(item)
    raise ValueError(f"the app was deployed without {kind} {name}")


def plain(live: Json) -> Json:
    """Return what one would write to create a live object anew."""
    body = {key: value for key, value in deepcopy(live).items() if key != "status"}
    metadata = {k: v for k, v in body["metadata"].items() if k not in _SERVER_FIELDS}
    annotations = dict((metadata.pop("annotations", None) or {}).items())
    annotations.pop(_REVISION, None)
    body["metadata"] = {**metadata, "annotations": annotations} if annotations else metadata
    return body


async def workload(environment: Environment, name: str, kind: str = "Deployment") -> Json | None:
    """Return the workload, None when somebody deleted it."""
    try:
        return await environment.reader.get(kind, environment.namespace, name)
    except SourceMissing:
        return None


def available(item: Json | None) -> bool:
    """Whether a workload has all it wants, at its newest revision, and wants at least one."""
    if item is None or item["metadata"].get("deletionTimestamp"):
        return False
    status = item.get("status") or {}
    if item["kind"] == "Pod":
        ready = {c["type"]: c["status"] for c in status.get("conditions") or ()}
        return ready.get("Ready") == "True"
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return False
    if item["kind"] == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        return bool(
            wanted >= 1
            and status.get("updatedNumberScheduled", 0) >= wanted
            and status.get("numberReady", 0) >= wanted
        )
    wanted = item["spec"].get("replicas", 1)
    ready_now = status.get("availableReplicas", status.get("readyReplicas", 0)) or 0
    return bool(
        wanted >= 1
        and status.get("updatedReplicas", 0) >= wanted
        and ready_now >= wanted
        and not status.get("unavailableReplicas", 0)
    )


def pod_name(service: str) -> re.Pattern[str]:
    """What the pods of a workload are called, whichever kind it has."""
    return re.compile(rf"{re.escape(service)}(-[a-z0-9]+-[a-z0-9]{{5}}|-[a-z0-9]{{5}}|-\d+)?")


async def pods_of(environment: Environment, service: str) -> list[Json]:
    """Return the pods of a workload by their names."""
    pattern = pod_name(service)
    found = await environment.reader.list("Pod", environment.namespace)
    return [pod for pod in found if pattern.fullmatch(pod["metadata"]["name"])]


async def delete(environment: Environment, kind: str, namespace: str, name: str) -> None:
    """Delete an object that may not be there."""
    try:
        await environment.writer.delete(kind, namespace, name)
    except SourceMissing:
        return


async def until_gone(environment: Environment, kind: str, namespace: str, name: str) -> None:
    """Wait until a deleted object is gone. Raises `TimeoutError` after two minutes."""
    passed = 0.0
    while passed < _LIMIT_SECONDS:
        try:
            await environment.reader.get(kind, namespace, name)
        except SourceMissing:
            return
        await environment.clock.sleep(1.0)
        passed += 1.0
    raise TimeoutError(f"{kind} {name} is still there {_LIMIT_SECONDS:.0f} s after its deletion")


async def delete_pods(environment: Environment, name: str, kind: str = "Deployment") -> None:
    """Delete a workload's pods, so that new ones start."""
    item = await workload(environment, name, kind)
    if item is None:
        return
    labels = item["spec"]["selector"].get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    pods = await environment.reader.list("Pod", environment.namespace, labels=selector)
    namespace = environment.namespace
    names = [pod["metadata"]["name"] for pod in pods]
    await asyncio.gather(*(delete(environment, "Pod", namespace, each) for each in names))
