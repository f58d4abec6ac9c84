"""Columns of rarer kinds, of custom resources, and of 1.20 where they differ."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.pod_printer import pod_cells
from eval.environments.emulator.cluster.api.tables import Printer, age, since
from eval.environments.emulator.cluster.api.workload_printers import (
    autoscaler_cells,
    cron_job_cells,
    job_cells,
)
from eval.environments.emulator.cluster.resources import Resource

_PATH = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\['([^']+)'\]")


def custom_printer(resource: Resource) -> Printer:
    """Return the printer of a custom resource: its own columns, or its age."""
    columns = resource.columns or (("Age", "date", ".metadata.creationTimestamp", 0),)

    def cells(obj: Json, now: datetime) -> list[Any]:
        found = []
        for _, kind, path, _ in columns:
            value = _read(obj, path)
            if kind == "date":
                value = since(value, now) if value else None
            found.append("" if value is None else value)
        return found

    return Printer(tuple((name, kind, priority) for name, kind, _, priority in columns), cells)


def _read(value: Any, path: str) -> Any:
    for match in _PATH.finditer(path.strip("{}")):
        name = match[1] or match[3]
        if name is not None:
            value = value.get(name) if isinstance(value, dict) else None
        else:
            index = int(match[2])
            value = value[index] if isinstance(value, list) and index < len(value) else None
    return value


def _without(cells: list[Any], *places: int) -> list[Any]:
    return [cell for index, cell in enumerate(cells) if index not in places]


def _old_pod(obj: Json, now: datetime) -> list[Any]:
    cells = pod_cells(obj, now)
    cells[2] = int(str(cells[2]).split(" ")[0])
    return cells


def _old_job(obj: Json, now: datetime) -> list[Any]:
    return job_cells(obj, now)[1:]


def _old_cron_job(obj: Json, now: datetime) -> list[Any]:
    return _without(cron_job_cells(obj, now), 1)


def _old_autoscaler(obj: Json, now: datetime) -> list[Any]:
    cells = autoscaler_cells(obj, now)
    cells[1] = re.sub(r"[a-z]+: ", "", str(cells[1]))
    return cells


def _old_claim(obj: Json, now: datetime) -> list[Any]:
    from eval.environments.emulator.cluster.api.printers import claim_cells

    return _without(claim_cells(obj, now), 5)


def _old_volume(obj: Json, now: datetime) -> list[Any]:
    from eval.environments.emulator.cluster.api.printers import volume_cells

    return _without(volume_cells(obj, now), 6)


def _old_quota(obj: Json, now: datetime) -> list[Any]:
    from eval.environments.emulator.cluster.api.printers import quota_cells

    cells = quota_cells(obj, now)
    return [cells[2], cells[0], cells[1]]


def _binding(obj: Json, now: datetime) -> list[Any]:
    reference = obj.get("roleRef") or {}
    subjects: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in obj.get("subjects") or ():
        name = subject.get("name", "")
        if subject.get("kind") == "ServiceAccount":
            name = f"{subject.get('namespace', '')}/{name}"
        subjects.setdefault(subject.get("kind", ""), []).append(name)
    return [
        f"{reference.get('kind', '')}/{reference.get('name', '')}",
        age(obj, now),
        *(", ".join(names) for names in list(subjects.values())[:3]),
    ]


def _created(obj: Json, now: datetime) -> list[Any]:
    return [obj["metadata"].get("creationTimestamp", "")]


def _priority(obj: Json, now: datetime) -> list[Any]:
    cells = [obj.get("value", 0), bool(obj.get("globalDefault")), age(obj, now)]
    return [*cells, obj.get("preemptionPolicy", "PreemptLowerPriority")]


def _ingress_class(obj: Json, now: datetime) -> list[Any]:
    spec = obj.get("spec") or {}
    parameters = spec.get("parameters")
    shown = "<none>"
    if parameters:
        group = f".{parameters['apiGroup']}" if parameters.get("apiGroup") else ""
        shown = f"{parameters['kind']}{group}/{parameters['name']}"
    return [spec.get("controller", ""), shown, age(obj, now)]


def _webhooks(obj: Json, now: datetime) -> list[Any]:
    return [len(obj.get("webhooks") or ()), age(obj, now)]


def _runtime_class(obj: Json, now: datetime) -> list[Any]:
    return [obj.get("handler", ""), age(obj, now)]


def _api_service(obj: Json, now: datetime) -> list[Any]:
    service = (obj.get("spec") or {}).get("service")
    shown = f"{service['namespace']}/{service['name']}" if service else "Local"
    return [shown, "True", age(obj, now)]


def _component(obj: Json, now: datetime) -> list[Any]:
    found: Json = next(iter(obj.get("conditions") or ()), {})
    status = "Healthy" if found.get("status") == "True" else "Unhealthy"
    return [status, found.get("message", ""), found.get("error", "")]


_NOW = (("Created At", "date", 0),)
_AGE = ("Age", "string", 0)
_SUBJECTS = tuple((name, "string", 1) for name in ("Users", "Groups", "ServiceAccounts"))


def _text(*names: str) -> tuple[tuple[str, str, int], ...]:
    return tuple(
        (name.lstrip("*"), "integer" if name == "Webhooks" else "string", int(name[0] == "*"))
        for name in names
    )


MORE_PRINTERS: dict[str, Printer] = {
    "RoleBinding": Printer((*_text("Role"), _AGE, *_SUBJECTS), _binding),
    "ClusterRoleBinding": Printer((*_text("Role"), _AGE, *_SUBJECTS), _binding),
    "Role": Printer(_NOW, _created),
    "ClusterRole": Printer(_NOW, _created),
    "PriorityClass": Printer(
        _text("Value", "Global-Default", "Age", "PreemptionPolicy"), _priority
    ),
    "IngressClass": Printer(_text("Controller", "Parameters", "Age"), _ingress_class),
    "MutatingWebhookConfiguration": Printer(_text("Webhooks", "Age"), _webhooks),
    "ValidatingWebhookConfiguration": Printer(_text("Webhooks", "Age"), _webhooks),
    "RuntimeClass": Printer(_text("Handler", "Age"), _runtime_class),
    "APIService": Printer(_text("Service", "Available", "Age"), _api_service),
    "ComponentStatus": Printer(_text("Status", "Message", "Error"), _component),
}
"""Kinds that the everyday printers do not have."""

_PRIORITY_OLD = _text("Value", "Global-Default", "Age")
OLD_PRINTERS: dict[str, Printer] = {
    "Pod": Printer(
        _text(
            "Ready",
            "Status",
            "Restarts",
            "Age",
            "*IP",
            "*Node",
            "*Nominated Node",
            "*Readiness Gates",
        ),
        _old_pod,
    ),
    "Job": Printer(
        _text("Completions", "Duration", "Age", "*Containers", "*Images", "*Selector"), _old_job
    ),
    "CronJob": Printer(
        _text(
            "Schedule",
            "Suspend",
            "Active",
            "Last Schedule",
            "Age",
            "*Containers",
            "*Images",
            "*Selector",
        ),
        _old_cron_job,
    ),
    "HorizontalPodAutoscaler": Printer(
        _text("Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"), _old_autoscaler
    ),
    "PersistentVolumeClaim": Printer(
        _text("Status", "Volume", "Capacity", "Access Modes", "StorageClass", "Age", "*VolumeMode"),
        _old_claim,
    ),
    "PersistentVolume": Printer(
        _text(
            "Capacity",
            "Access Modes",
            "Reclaim Policy",
            "Status",
            "Claim",
            "StorageClass",
            "Reason",
            "Age",
            "*VolumeMode",
        ),
        _old_volume,
    ),
    "ResourceQuota": Printer(_text("Age", "Request", "Limit"), _old_quota),
    "PriorityClass": Printer(_PRIORITY_OLD, lambda obj, now: _priority(obj, now)[:3]),
}
"""Where 1.20 showed other columns."""
