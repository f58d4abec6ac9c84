"""A pod's status, as its kubelet reports it."""

from __future__ import annotations

from datetime import datetime

from connectors.api.values import Json
from eval.environments.emulator.cluster.conditions import set_condition
from eval.environments.emulator.cluster.kubelet.images import full_name, image_id
from eval.environments.emulator.cluster.kubelet.runtime import (
    ContainerState,
    Phase,
    PodState,
    is_sidecar,
)
from eval.environments.emulator.cluster.objects import rfc3339


def pod_status(pod: Json, state: PodState, now: datetime) -> Json:
    """Return the pod's whole status."""
    old = pod["status"]
    phase = _phase(pod, state)
    status: Json = {
        "phase": phase,
        "conditions": _conditions(pod, state, phase, now),
        "hostIP": state.host_ip,
        "hostIPs": [{"ip": state.host_ip}],
    }
    if state.ip:
        status["podIP"] = state.ip
        status["podIPs"] = [{"ip": state.ip}]
    status["startTime"] = state.start_time
    inits = [_container(state, item) for item in state.inits]
    if inits:
        status["initContainerStatuses"] = inits
    status["containerStatuses"] = sorted(
        (_container(state, item) for item in state.apps), key=lambda item: str(item["name"])
    )
    extra = [_container(state, item) for item in state.ephemerals]
    if extra:
        status["ephemeralContainerStatuses"] = [
            {name: value for name, value in item.items() if name != "started"} | {"ready": False}
            for item in extra
        ]
    status["qosClass"] = old.get("qosClass", "BestEffort")
    if state.failed is not None:
        status["reason"], status["message"] = state.failed
    return status


def state_of(item: ContainerState) -> Json:
    """Return the `state` of a container status."""
    if item.phase is Phase.RUNNING and item.started_at is not None:
        return {"running": {"startedAt": rfc3339(item.started_at)}}
    if item.terminated is not None:
        return {"terminated": item.terminated}
    waiting: Json = {"reason": item.reason}
    if item.message:
        waiting["message"] = item.message
    return {"waiting": waiting}


def terminated(item: ContainerState, code: int, oom: bool, now: datetime) -> Json:
    """Return the `terminated` state of the run that ends now."""
    reason = "OOMKilled" if oom else ("Completed" if code == 0 else "Error")
    return {
        "exitCode": code,
        "reason": reason,
        "startedAt": rfc3339(item.started_at or now),
        "finishedAt": rfc3339(now),
        "containerID": item.container_id,
    }


def _container(state: PodState, item: ContainerState) -> Json:
    shown = item
    status: Json = {
        "name": shown.name,
        "state": state_of(shown),
        "lastState": {"terminated": shown.last_terminated} if shown.last_terminated else {},
        "ready": (shown.succeeded if shown.init and not is_sidecar(shown) else shown.ready)
        and not state.dead,
        "restartCount": shown.restarts,
        "image": shown.spec["image"],
        "imageID": "",
        "started": shown.started,
    }
    if shown.container_id:
        status["image"] = full_name(shown.spec["image"])
        status["imageID"] = image_id(shown.spec["image"])
        status["containerID"] = shown.container_id
    return status


def _set(
    conditions: list[Json],
    kind: str,
    status: bool,
    now: datetime,
    *,
    reason: str = "",
    message: str = "",
) -> list[Json]:
    return set_condition(conditions, kind, status, now, reason=reason, message=message, probed=True)


def _phase(pod: Json, state: PodState) -> str:
    if state.failed is not None:
        return "Failed"
    policy = pod["spec"].get("restartPolicy", "Always")
    for item in state.inits:
        if is_sidecar(item):
            continue
        if item.phase is Phase.TERMINATED and not item.succeeded and policy == "Never":
            return "Failed"
        if not item.succeeded:
            return "Pending"
    running = waiting = stopped = succeeded = 0
    for item in state.apps:
        if item.running:
            running += 1
        elif item.terminated is not None:
            stopped += 1
            succeeded += item.terminated["exitCode"] == 0
        elif item.last_terminated is not None:
            stopped += 1
            succeeded += item.last_terminated["exitCode"] == 0
        else:
            waiting += 1
    if waiting:
        return "Pending"
    if running:
        return "Running"
    if stopped and policy == "Always":
        return "Running"
    if stopped and stopped == succeeded:
        return "Succeeded"
    if stopped and policy == "Never":
        return "Failed"
    return "Running" if stopped else "Pending"


def _conditions(pod: Json, state: PodState, phase: str, now: datetime) -> list[Json]:
    unready = sorted(item.name for item in state.apps if not item.ready or state.dead)
    uninitialized = [
        item.name
        for item in state.inits
        if not (item.succeeded or (is_sidecar(item) and item.started))
    ]
    conditions: list[Json] = list(pod["status"].get("conditions") or ())
    conditions = _set(conditions, "PodReadyToStartContainers", bool(state.ip), now)
    if uninitialized and phase not in ("Succeeded",):
        conditions = _set(
            conditions,
            "Initialized",
            False,
            now,
            reason="ContainersNotInitialized",
            message=f"containers with incomplete status: [{' '.join(uninitialized)}]",
        )
    else:
        conditions = _set(conditions, "Initialized", True, now)
    for kind in ("Ready", "ContainersReady"):
        if phase in ("Succeeded", "Failed"):
            reason = "PodCompleted" if phase == "Succeeded" else "PodFailed"
            conditions = _set(conditions, kind, False, now, reason=reason)
        elif unready:
            conditions = _set(
                conditions,
                kind,
                False,
                now,
                reason="ContainersNotReady",
                message=f"containers with unready status: [{' '.join(unready)}]",
            )
        else:
            conditions = _set(conditions, kind, True, now)
    # the kubelet puts its own conditions before the scheduler's
    return sorted(conditions, key=lambda item: item["type"] == "PodScheduled")
