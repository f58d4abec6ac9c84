"""A pod's row: the STATUS word is worked out as kubectl's printer does it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.tables import age, since
from eval.environments.emulator.cluster.objects import condition


def pod_cells(pod: Json, now: datetime) -> list[Any]:
    """Return the cells behind the name."""
    spec, status = pod["spec"], pod.get("status") or {}
    reason, ready, restarts, last = _summary(pod)
    shown = str(restarts)
    if restarts and last:
        shown = f"{restarts} ({since(last, now)} ago)"
    return [
        f"{ready}/{len(spec['containers'])}",
        reason,
        shown,
        age(pod, now),
        status.get("podIP", "<none>"),
        spec.get("nodeName", "<none>"),
        status.get("nominatedNodeName", "<none>"),
        "<none>",
    ]


def _summary(pod: Json) -> tuple[str, int, int, str]:
    status = pod.get("status") or {}
    reason = status.get("reason") or status.get("phase", "Unknown")
    scheduled = condition(pod, "PodScheduled")
    if scheduled is not None and scheduled.get("reason") == "SchedulingGated":
        reason = "SchedulingGated"
    init_reason, restarts, last = _inits(pod)
    ready = 0
    if init_reason:
        reason = init_reason
    else:
        restarts, last = 0, ""
        running = False
        for item in reversed(status.get("containerStatuses") or []):
            restarts += item["restartCount"]
            last = max(last, _finished(item))
            state = item.get("state") or {}
            waiting, terminated = state.get("waiting"), state.get("terminated")
            if waiting is not None and waiting.get("reason"):
                reason = waiting["reason"]
            elif terminated is not None:
                reason = _terminated(terminated)
            elif item.get("ready") and "running" in state:
                running = True
                ready += 1
        if reason == "Completed" and running:
            found = condition(pod, "Ready")
            reason = "Running" if found and found["status"] == "True" else "NotReady"
    if "deletionTimestamp" in pod["metadata"]:
        reason = "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return reason, ready, restarts, last


def _inits(pod: Json) -> tuple[str, int, str]:
    """Return what a pod that still initialises shows, "" when it is past that."""
    statuses = (pod.get("status") or {}).get("initContainerStatuses") or []
    specs = {item["name"]: item for item in pod["spec"].get("initContainers") or ()}
    restarts, last = 0, ""
    for index, item in enumerate(statuses):
        restarts += item["restartCount"]
        last = max(last, _finished(item))
        state = item.get("state") or {}
        waiting, terminated = state.get("waiting"), state.get("terminated")
        if terminated is not None and terminated["exitCode"] == 0:
            continue
        sidecar = specs.get(item["name"], {}).get("restartPolicy") == "Always"
        if sidecar and item.get("started"):
            continue
        if terminated is not None:
            return f"Init:{_terminated(terminated)}", restarts, last
        if waiting is not None and waiting.get("reason") not in (None, "", "PodInitializing"):
            if waiting["reason"] == "ContainerCreating" and index == 0:
                return f"Init:{index}/{len(specs)}", restarts, last
            return f"Init:{waiting['reason']}", restarts, last
        return f"Init:{index}/{len(specs)}", restarts, last
    return "", restarts, last


def _terminated(state: Json) -> str:
    if state.get("reason"):
        return str(state["reason"])
    if state.get("signal"):
        return f"Signal:{state['signal']}"
    return f"ExitCode:{state.get('exitCode', 0)}"


def _finished(item: Json) -> str:
    terminated = (item.get("lastState") or {}).get("terminated") or {}
    return str(terminated.get("finishedAt", ""))
