"""Rows of workloads and autoscalers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.tables import age, human_duration, since
from eval.environments.emulator.cluster.objects import is_true, parse_time


def labels(found: Json | None) -> str:
    """Return labels as `a=b,c=d`, `<none>` without any."""
    return ",".join(f"{name}={value}" for name, value in sorted((found or {}).items())) or "<none>"


def deployment_cells(obj: Json, now: datetime) -> list[Any]:
    """Return a Deployment's cells."""
    spec, status = obj["spec"], obj.get("status") or {}
    return [
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(obj, now),
        *_containers(spec["template"]),
        _selector(spec.get("selector")),
    ]


def replica_set_cells(obj: Json, now: datetime) -> list[Any]:
    """Return a ReplicaSet's cells."""
    return [*_replicas(obj, now), _selector(obj["spec"].get("selector"))]


def replication_controller_cells(obj: Json, now: datetime) -> list[Any]:
    """Return a ReplicationController's cells."""
    return [*_replicas(obj, now), labels(obj["spec"].get("selector"))]


def stateful_set_cells(obj: Json, now: datetime) -> list[Any]:
    """Return a StatefulSet's cells."""
    spec, status = obj["spec"], obj.get("status") or {}
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [ready, age(obj, now), *_containers(spec["template"])]


def daemon_set_cells(obj: Json, now: datetime) -> list[Any]:
    """Return a DaemonSet's cells."""
    spec, status = obj["spec"], obj.get("status") or {}
    return [
        status.get("desiredNumberScheduled", 0),
        status.get("currentNumberScheduled", 0),
        status.get("numberReady", 0),
        status.get("updatedNumberScheduled", 0),
        status.get("numberAvailable", 0),
        labels(spec["template"]["spec"].get("nodeSelector")),
        age(obj, now),
        *_containers(spec["template"]),
        _selector(spec.get("selector")),
    ]


def job_cells(obj: Json, now: datetime) -> list[Any]:
    """Return a Job's cells."""
    spec, status = obj["spec"], obj.get("status") or {}
    word = "Running"
    if is_true(obj, "Complete"):
        word = "Complete"
    elif is_true(obj, "Failed"):
        word = "Failed"
    elif spec.get("suspend"):
        word = "Suspended"
    lasted = ""
    if status.get("startTime"):
        end = parse_time(status["completionTime"]) if status.get("completionTime") else now
        lasted = human_duration((end - parse_time(status["startTime"])).total_seconds())
    return [
        word,
        f"{status.get('succeeded', 0)}/{spec.get('completions', 1)}",
        lasted,
        age(obj, now),
        *_containers(spec["template"]),
        _selector(spec.get("selector")),
    ]


def cron_job_cells(obj: Json, now: datetime) -> list[Any]:
    """Return a CronJob's cells."""
    spec, status = obj["spec"], obj.get("status") or {}
    last = status.get("lastScheduleTime")
    return [
        spec.get("schedule", ""),
        spec.get("timeZone") or "<none>",
        "True" if spec.get("suspend") else "False",
        len(status.get("active") or ()),
        since(last, now) if last else "<none>",
        age(obj, now),
        *_containers(spec["jobTemplate"]["spec"]["template"]),
        "<none>",
    ]


def autoscaler_cells(obj: Json, now: datetime) -> list[Any]:
    """Return a HorizontalPodAutoscaler's cells."""
    spec, status = obj["spec"], obj.get("status") or {}
    reference = spec.get("scaleTargetRef") or {}
    current = {
        (item.get("resource") or {}).get("name"): (item.get("resource") or {}).get("current") or {}
        for item in status.get("currentMetrics") or ()
    }
    targets = []
    for metric in spec.get("metrics") or ():
        source = metric.get("resource") or {}
        wanted = (source.get("target") or {}).get("averageUtilization")
        seen = current.get(source.get("name"), {}).get("averageUtilization")
        shown = "<unknown>" if seen is None else f"{seen}%"
        targets.append(f"{source.get('name', '')}: {shown}/{wanted}%")
    return [
        f"{reference.get('kind', '')}/{reference.get('name', '')}",
        ", ".join(targets) or "<none>",
        str(spec.get("minReplicas", "<unset>")),
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        age(obj, now),
    ]


def _replicas(obj: Json, now: datetime) -> list[Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    return [
        spec.get("replicas", 0),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        age(obj, now),
        *_containers(spec["template"]),
    ]


def _containers(template: Json) -> tuple[str, str]:
    found = template["spec"].get("containers") or ()
    return ",".join(item["name"] for item in found), ",".join(item["image"] for item in found)


def _selector(selector: Json | None) -> str:
    if not selector:
        return "<none>"
    parts = [f"{k}={v}" for k, v in sorted((selector.get("matchLabels") or {}).items())]
    for item in selector.get("matchExpressions") or ():
        values = ",".join(item.get("values") or ())
        word = {"In": "in", "NotIn": "notin"}.get(item["operator"])
        bare = item["key"] if item["operator"] == "Exists" else f"!{item['key']}"
        parts.append(f"{item['key']} {word} ({values})" if word else bare)
    return ",".join(parts) or "<none>"
