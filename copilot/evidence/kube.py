"""Small readings of Kubernetes objects as the API server sends them (plain dicts)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.api.values import Json
from copilot.model.scope import ObjectRef

CLUSTER_KINDS = frozenset(
    {"Node", "PersistentVolume", "StorageClass", "Namespace", "ClusterRole", "ClusterRoleBinding"}
)
"""Kinds without a namespace."""

WORKLOAD_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet")
"""Kinds that make pods, preferred owner first."""


def dig(obj: Any, path: str, default: Any = None) -> Any:
    """Return the value at a dotted path of mappings, or `default` where a step is absent or null."""
    for step in path.split("."):
        if not isinstance(obj, dict):
            return default
        obj = obj.get(step)
        if obj is None:
            return default
    return obj


def name_of(obj: Json) -> str:
    """Return metadata.name."""
    return str(dig(obj, "metadata.name", ""))


def namespace_of(obj: Json) -> str:
    """Return metadata.namespace, "" for cluster-wide objects."""
    return str(dig(obj, "metadata.namespace", ""))


def uid_of(obj: Json) -> str:
    """Return metadata.uid, "" where the source gives none."""
    return str(dig(obj, "metadata.uid", ""))


def labels_of(obj: Json) -> dict[str, str]:
    """Return metadata.labels."""
    return dig(obj, "metadata.labels", {}) or {}


def ref_of(obj: Json) -> ObjectRef:
    """Return the reference of an object."""
    return ObjectRef(str(obj.get("kind", "")), namespace_of(obj), name_of(obj))


def parse_time(text: object) -> datetime | None:
    """Parse an RFC 3339 time of any precision; None for anything else."""
    if not isinstance(text, str) or len(text) < 19:
        return None
    head, tail = text[:19], text[19:]
    fraction, zone = "", tail
    if tail.startswith("."):
        digits = len(tail[1:]) - len(tail[1:].lstrip("0123456789"))
        fraction, zone = tail[: 1 + min(digits, 6)], tail[1 + digits :]
    try:
        moment = datetime.fromisoformat(head + fraction + (zone.replace("Z", "+00:00") or "+00:00"))
    except ValueError:
        return None
    return moment.astimezone(UTC)


def created(obj: Json) -> datetime | None:
    """Return the creation time."""
    return parse_time(dig(obj, "metadata.creationTimestamp"))


def condition(obj: Json, kind: str) -> Json | None:
    """Return the status condition of a type."""
    for item in dig(obj, "status.conditions", []) or []:
        if item.get("type") == kind:
            return dict(item)
    return None


def is_true(obj: Json, kind: str) -> bool:
    """Whether a status condition is True."""
    found = condition(obj, kind)
    return bool(found and found.get("status") == "True")


def pod_spec(obj: Json) -> Json:
    """Return the pod spec of a pod, a workload or a CronJob."""
    kind = obj.get("kind")
    if kind == "Pod":
        return dict(dig(obj, "spec", {}))
    if kind == "CronJob":
        return dict(dig(obj, "spec.jobTemplate.spec.template.spec", {}))
    return dict(dig(obj, "spec.template.spec", {}))


def template_labels(obj: Json) -> dict[str, str]:
    """Return the labels that the workload gives its pods."""
    if obj.get("kind") == "CronJob":
        return dig(obj, "spec.jobTemplate.spec.template.metadata.labels", {}) or {}
    return dig(obj, "spec.template.metadata.labels", {}) or {}


def containers(spec: Json, *, init: bool = False) -> list[Json]:
    """Return the (init) containers of a pod spec."""
    return list(spec.get("initContainers" if init else "containers") or [])


def statuses(pod: Json, *, init: bool = False) -> list[Json]:
    """Return the (init) container statuses of a pod."""
    key = "initContainerStatuses" if init else "containerStatuses"
    return list(dig(pod, f"status.{key}", []) or [])


def declared_ports(spec: Json) -> dict[int, str]:
    """Return the container ports that a pod spec declares, with their names ("" without one)."""
    found: dict[int, str] = {}
    for container in containers(spec):
        for port in container.get("ports") or []:
            number = port.get("containerPort")
            if isinstance(number, int):
                found[number] = str(port.get("name", ""))
    return found


def matches(selector: Mapping[str, str] | None, labels: Mapping[str, str]) -> bool:
    """Whether a plain selector selects these labels; an empty selector selects nothing."""
    return bool(selector) and all(labels.get(k) == v for k, v in (selector or {}).items())


def matches_label_selector(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector (matchLabels, matchExpressions) selects; an empty one selects all."""
    selector = selector or {}
    if any(labels.get(k) != v for k, v in (selector.get("matchLabels") or {}).items()):
        return False
    return all(expression(e, labels) for e in selector.get("matchExpressions") or [])


def expression(item: Json, labels: Mapping[str, str]) -> bool:
    """Evaluate one label (or node selector) expression."""
    key, operator, values = item.get("key", ""), item.get("operator"), item.get("values") or []
    have = labels.get(key)
    if operator == "In":
        return have in values
    if operator == "NotIn":
        return have not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    if operator in ("Gt", "Lt") and have and values:
        try:
            left, right = int(have), int(values[0])
        except ValueError:
            return False
        return left > right if operator == "Gt" else left < right
    return False


_UNITS = {
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
}  # fmt: skip


def quantity(text: object) -> float | None:
    """Read a resource quantity ("250m", "1Gi", 2) in its base unit; None when it is none."""
    value = str(text).strip()
    suffix = next((unit for unit in _UNITS if value.endswith(unit)), "")
    try:
        return float(value.removesuffix(suffix)) * _UNITS.get(suffix, 1.0)
    except ValueError:
        return None


def edit_time(obj: Json, under: Iterable[str] = ("f:spec", "f:data")) -> datetime | None:
    """Return when somebody last wrote to the given field sets, after the creation.

    The server records it per writer in managedFields (Kubernetes 1.18 and later); controllers
    that write only status do not count. None where it was never edited, or not recorded.
    """
    start = created(obj)
    latest: datetime | None = None
    wanted = set(under)
    for entry in dig(obj, "metadata.managedFields", []) or []:
        if entry.get("subresource") or not wanted & set(entry.get("fieldsV1") or {}):
            continue
        moment = parse_time(entry.get("time"))
        if moment and (latest is None or moment > latest):
            latest = moment
    if latest and start and (latest - start).total_seconds() < 2:
        return None
    return latest


def brief(moment: datetime | None) -> str:
    """Write a time as people read it in an incident: "14:03:27 UTC"."""
    return moment.strftime("%H:%M:%S UTC") if moment else "an unknown time"
