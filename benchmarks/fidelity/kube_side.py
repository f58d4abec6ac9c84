"""What kubectl shows of an app: the states of pods and workloads, endpoints, and events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from benchmarks.fidelity.templates import base_name
from connectors.api.protocols import ClusterReader
from connectors.api.values import Json

Symptom = tuple[str, str, str]
"""The kind of symptom, its place, and what is seen there."""

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_PLACES = {"Pod", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "PersistentVolumeClaim", "Service", "Endpoints"}  # fmt: skip


async def states(reader: ClusterReader, namespace: str, label: str) -> set[Symptom]:
    """The states at this instant."""
    found: set[Symptom] = set()
    for pod in await reader.list("Pod", namespace):
        name = pod["metadata"].get("labels", {}).get(label) or base_name(pod["metadata"]["name"])
        found |= {("pod", name, what) for what in _pod(pod)}
    for kind in _WORKLOADS:
        for item in await reader.list(kind, namespace):
            place = f"{kind}/{item['metadata']['name']}"
            found |= {("workload", place, what) for what in _conditions(item)}
            found.add(("workload", place, "there"))
    for item in await reader.list("Endpoints", namespace):
        ready = any(subset.get("addresses") for subset in item.get("subsets") or ())
        found.add(("endpoints", item["metadata"]["name"], "some" if ready else "none"))
    for item in await reader.list("PersistentVolumeClaim", namespace):
        phase = item.get("status", {}).get("phase", "")
        found.add(("claim", item["metadata"]["name"], phase))
    return found


def _pod(pod: Json) -> Iterable[str]:
    status = pod.get("status") or {}
    if pod["metadata"].get("deletionTimestamp"):
        return
    yield status.get("phase", "")
    for condition in status.get("conditions") or ():
        if condition["status"] != "True":
            yield f"{condition['type']}=False {condition.get('reason', '')}"
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(field) or ():
            for when in ("state", "lastState"):
                for state, detail in (container.get(when) or {}).items():
                    if state != "running":
                        code = f" {detail['exitCode']}" if "exitCode" in (detail or {}) else ""
                        yield f"{state} {(detail or {}).get('reason', '')}{code}"


def _conditions(item: Json) -> Iterable[str]:
    status = item.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition["status"] != "True" or condition["type"] == "ReplicaFailure":
            yield f"{condition['type']}={condition['status']} {condition.get('reason', '')}"
    if status.get("unavailableReplicas"):
        yield "unavailable replicas"


async def events(reader: ClusterReader, namespace: str, since: datetime) -> set[Symptom]:
    """The events that happened (again) after an instant."""
    found: set[Symptom] = set()
    for item in await reader.list("Event", namespace):
        last = (
            item.get("lastTimestamp")
            or item.get("eventTime")
            or item["metadata"].get("creationTimestamp")
        )
        if not last or datetime.fromisoformat(str(last).replace("Z", "+00:00")) < since:
            continue
        about = item.get("involvedObject") or item.get("regarding") or {}
        if about.get("kind") in _PLACES:
            place = f"{about['kind']}/{base_name(about['name'])}"
            found.add(("event", place, f"{item.get('type', '')} {item.get('reason', '')}"))
    return found
