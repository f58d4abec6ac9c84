"""Kubernetes objects in words: states, ages, and what is wrong, in one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.api.values import Json
from copilot.model.scope import ObjectRef

# Exit codes whose meaning does not depend on the program.
_EXIT = {
    126: "the command is not executable",
    127: "the command does not exist",
    134: "aborted",
    137: "killed (SIGKILL: out of memory, or a failed liveness probe)",
    139: "segmentation fault",
    143: "terminated (SIGTERM)",
}
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


def name_of(item: Json) -> str:
    """Return an object's name."""
    return str((item.get("metadata") or {}).get("name", ""))


def ref_of(item: Json) -> ObjectRef:
    """Return the reference of an object."""
    metadata = item.get("metadata") or {}
    return ObjectRef(item.get("kind", ""), metadata.get("namespace", ""), metadata.get("name", ""))


def instant(text: str | None) -> datetime | None:
    """Read a Kubernetes timestamp, None when there is none."""
    if not text:
        return None
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def created(item: Json) -> datetime | None:
    """Return when an object was created."""
    return instant((item.get("metadata") or {}).get("creationTimestamp"))


def ago(then: datetime | None, now: datetime) -> str:
    """Return an age as kubectl writes it: "42s", "7m", "3h", "5d"."""
    if then is None:
        return "?"
    seconds = max(int((now - then).total_seconds()), 0)
    for size, unit, limit in ((1, "s", 120), (60, "m", 7200), (3600, "h", 172800)):
        if seconds < limit:
            return f"{seconds // size}{unit}"
    return f"{seconds // 86400}d"


def counted(count: int, noun: str, plural: str = "") -> str:
    """Write a count with its noun: "1 pod", "3 pods"."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def selector_text(labels: Mapping[str, str]) -> str:
    """Return labels as a selector: "app=cart,tier=web"."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def matches(selector: Mapping[str, str], labels: Mapping[str, str] | None) -> bool:
    """Say whether `labels` satisfy an equality `selector`; an empty selector matches nothing."""
    given = labels or {}
    return bool(selector) and all(given.get(key) == value for key, value in selector.items())


def containers(pod: Json) -> Iterator[tuple[Json, Json, bool]]:
    """Yield each container of a pod with its status ({} when unknown) and whether it is an init one."""
    for spec_key, status_key, init in (
        ("initContainers", "initContainerStatuses", True),
        ("containers", "containerStatuses", False),
    ):
        status: dict[str, Any] = pod.get("status") or {}
        statuses = {item["name"]: item for item in status.get(status_key) or []}
        for spec in (pod.get("spec") or {}).get(spec_key) or []:
            yield spec, statuses.get(spec["name"], {}), init


def ready(pod: Json) -> bool:
    """Say whether a pod's Ready condition holds."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def restarts(pod: Json) -> int:
    """Return the restarts of all of a pod's containers together."""
    return sum(int(status.get("restartCount", 0)) for _, status, _ in containers(pod))


def pod_state(pod: Json) -> str:
    """Return a pod's state as kubectl's STATUS column gives it."""
    metadata, status = pod.get("metadata") or {}, pod.get("status") or {}
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    if status.get("reason"):
        return str(status["reason"])
    for _, state, init in containers(pod):
        waiting = (state.get("state") or {}).get("waiting") or {}
        terminated = (state.get("state") or {}).get("terminated") or {}
        reason = waiting.get("reason") or (
            terminated.get("reason") if terminated.get("exitCode") else ""
        )
        if reason and reason not in ("PodInitializing", "ContainerCreating"):
            return f"Init:{reason}" if init else str(reason)
    return str(status.get("phase", "Unknown"))


def pod_problems(pod: Json, now: datetime) -> list[str]:
    """Return what is wrong with a pod, one line each, the most telling first."""
    status = pod.get("status") or {}
    phase = status.get("phase")
    if phase == "Succeeded":
        return []
    found: list[str] = []
    if status.get("reason") == "Evicted" or phase == "Failed":
        found.append(
            f"{status.get('reason') or 'Failed'}: {status.get('message', '')}".rstrip(": ")
        )
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            found.append(f"not scheduled: {condition.get('message') or condition.get('reason')}")
    for spec, state, init in containers(pod):
        label = f"{'init container' if init else 'container'} {spec['name']}"
        found += [f"{label} {problem}" for problem in container_problems(state, init, now)]
    if not found and phase == "Running" and not ready(pod):
        found.append("running but not ready")
    if (pod.get("metadata") or {}).get("deletionTimestamp"):
        found.append("being deleted")
    return found


def container_problems(status: Json, init: bool, now: datetime) -> list[str]:
    """Return what a container's status says is wrong."""
    found: list[str] = []
    state, last = status.get("state") or {}, status.get("lastState") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    before = last.get("terminated") or {}
    if waiting.get("reason") and waiting["reason"] not in ("PodInitializing", "ContainerCreating"):
        message = f": {waiting['message']}" if waiting.get("message") else ""
        found.append(f"waits: {waiting['reason']}{message}")
    elif waiting.get("reason") == "ContainerCreating":
        found.append("is still being created")
    if ended and ended.get("exitCode"):
        found.append(f"ended: {_ended(ended, now)}")
    count = int(status.get("restartCount", 0))
    if count and before:
        found.append(f"restarted {count}×, last ended: {_ended(before, now)}")
    elif count:
        found.append(f"restarted {count}×")
    if "running" in state and not init and not status.get("ready"):
        found.append("runs but is not ready")
    return found


def _ended(state: Json, now: datetime) -> str:
    code = int(state.get("exitCode", 0))
    meaning = f", {_EXIT[code]}" if code in _EXIT and state.get("reason") != "OOMKilled" else ""
    message = " ".join(str(state.get("message", "")).split())
    tail = f": {message[:200]}" if message else ""
    when = ago(instant(state.get("finishedAt")), now)
    return f"{state.get('reason', 'Error')}, exit code {code}{meaning}, {when} ago{tail}"


def workload_numbers(item: Json) -> tuple[int, int]:
    """Return (ready, desired) replicas of a workload."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    if item.get("kind") == "DaemonSet":
        return int(status.get("numberReady", 0)), int(status.get("desiredNumberScheduled", 0))
    desired = spec.get("replicas")
    return int(status.get("readyReplicas", 0)), 1 if desired is None else int(desired)


def workload_problems(item: Json) -> list[str]:
    """Return what a workload's own status says is wrong."""
    up, desired = workload_numbers(item)
    found: list[str] = []
    if desired == 0 and item.get("kind") != "DaemonSet":
        found.append("scaled to 0 replicas")
    elif up < desired:
        found.append(f"{up} of {desired} replicas ready")
    status = item.get("status") or {}
    updated = status.get("updatedReplicas", status.get("updatedNumberScheduled", desired))
    if desired and up >= desired and (updated < desired or status.get("unavailableReplicas")):
        found.append(f"unfinished rollout: {updated} of {desired} replicas are of the new revision")
    for condition in status.get("conditions") or []:
        failing = condition["type"] == "Progressing" and condition["status"] == "False"
        if failing or (condition["type"] == "ReplicaFailure" and condition["status"] == "True"):
            text = condition.get("message") or condition.get("reason", "")
            found.append(f"{condition['type']}={condition['status']}: {text}")
    return found


def template(item: Json) -> Json:
    """Return a workload's pod template spec, {} when it has none."""
    spec = item.get("spec") or {}
    if item.get("kind") == "CronJob":
        spec = ((spec.get("jobTemplate") or {}).get("spec")) or {}
    return (spec.get("template") or {}).get("spec") or {}
