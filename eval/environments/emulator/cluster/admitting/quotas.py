"""ResourceQuota: what a namespace may use in all, by scope."""

from __future__ import annotations

from decimal import Decimal

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import forbidden
from eval.environments.emulator.cluster.objects import finished
from eval.environments.emulator.cluster.quantity import format_quantity, pod_requests, quantity
from eval.environments.emulator.cluster.resources import BY_KIND, Resource
from eval.environments.emulator.cluster.selectors import requirement
from eval.environments.emulator.cluster.store import Store

_COUNTED = {
    "pods": "Pod",
    "services": "Service",
    "secrets": "Secret",
    "configmaps": "ConfigMap",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "replicationcontrollers": "ReplicationController",
    "resourcequotas": "ResourceQuota",
}
_SHORT = ("cpu", "memory", "ephemeral-storage")
_MUST_SPECIFY = frozenset(
    (*_SHORT, *(f"{section}.{name}" for section in ("requests", "limits") for name in _SHORT[:2]))
)
_STORAGE = ".storageclass.storage.k8s.io/"


def check(store: Store, resource: Resource, obj: Json, namespace: str) -> None:
    """Refuse what would exceed a quota. Raises `ApiError` 403."""
    for quota in store.all("ResourceQuota", namespace):
        hard = quota["spec"].get("hard") or {}
        if not in_scope(quota, resource.kind, obj):
            continue
        _must_specify(resource, obj, quota, hard)
        over: list[tuple[str, Decimal, Decimal]] = []
        for name in sorted(hard):
            asked = amount(name, resource.kind, obj)
            if asked <= 0:
                continue
            present = used(store, quota, name, namespace)
            if present + asked > quantity(hard[name]):
                over.append((name, asked, present))
        if over:
            asked_text = ",".join(f"{name}={_text(name, value)}" for name, value, _ in over)
            used_text = ",".join(f"{name}={_text(name, value)}" for name, _, value in over)
            limited = ",".join(f"{name}={hard[name]}" for name, _, _ in over)
            raise forbidden(
                resource.group,
                resource.plural,
                obj["metadata"]["name"],
                f"exceeded quota: {quota['metadata']['name']}, requested: {asked_text},"
                f" used: {used_text}, limited: {limited}",
            )


def used(store: Store, quota: Json, name: str, namespace: str) -> Decimal:
    """Return how much of a quota's resource the namespace uses now."""
    kind = _counted_kind(name)
    if not kind:
        return Decimal(0)
    objects = store.all(kind, namespace)
    return sum(
        (amount(name, kind, obj) for obj in objects if in_scope(quota, kind, obj)), Decimal(0)
    )


def amount(name: str, kind: str, obj: Json) -> Decimal:
    """Return how much of a quota's resource one object uses."""
    if kind == "Pod":
        if finished(obj):
            return Decimal(0)
        section, what = _compute(name)
        if what:
            return pod_requests(obj, section).get(what, Decimal(0))
    if kind == "PersistentVolumeClaim":
        requests = (obj["spec"].get("resources") or {}).get("requests") or {}
        size = quantity(requests.get("storage", 0))
        if name == "requests.storage":
            return size
        if _STORAGE in name:
            storage, _, what = name.partition(_STORAGE)
            if obj["spec"].get("storageClassName") != storage:
                return Decimal(0)
            return size if what == "requests.storage" else Decimal(1)
    if kind == "Service" and name in ("services.nodeports", "services.loadbalancers"):
        type_ = obj["spec"].get("type")
        if name == "services.loadbalancers":
            return Decimal(type_ == "LoadBalancer")
        ports = len(obj["spec"].get("ports") or ())
        return Decimal(ports if type_ in ("NodePort", "LoadBalancer") else 0)
    return Decimal(1) if _counted_kind(name) == kind else Decimal(0)


def in_scope(quota: Json, kind: str, obj: Json) -> bool:
    """Whether the quota is about this object."""
    spec = quota["spec"]
    scopes = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    scopes += (spec.get("scopeSelector") or {}).get("matchExpressions") or []
    if not scopes:
        return True
    return kind == "Pod" and all(_matches(scope, obj) for scope in scopes)


def _matches(scope: Json, pod: Json) -> bool:
    name, spec = scope["scopeName"], pod["spec"]
    if name == "Terminating":
        return spec.get("activeDeadlineSeconds") is not None
    if name == "NotTerminating":
        return spec.get("activeDeadlineSeconds") is None
    best_effort = not any(
        (container.get("resources") or {}).get(section)
        for container in spec["containers"]
        for section in ("requests", "limits")
    )
    if name == "BestEffort":
        return best_effort
    if name == "NotBestEffort":
        return not best_effort
    if name == "PriorityClass":
        own = spec.get("priorityClassName")
        labels = {"class": own} if own else {}
        return requirement({**scope, "key": "class"}, labels)
    return False


def _must_specify(resource: Resource, obj: Json, quota: Json, hard: Json) -> None:
    if resource.kind != "Pod":
        return
    missing = []
    for name in sorted(set(hard) & _MUST_SPECIFY):
        section, what = _compute(name)
        without = [
            container["name"]
            for container in obj["spec"]["containers"]
            if what not in ((container.get("resources") or {}).get(section) or {})
        ]
        if without:
            missing.append(f"{name} for: {','.join(without)}")
    if missing:
        raise forbidden(
            "",
            "pods",
            obj["metadata"]["name"],
            f"failed quota: {quota['metadata']['name']}: must specify {'; '.join(missing)}",
        )


def _compute(name: str) -> tuple[str, str]:
    """Return (section, resource) of a compute quota's name, or ("", "")."""
    if name in _SHORT:
        return "requests", name
    section, dot, what = name.partition(".")
    if dot and section in ("requests", "limits") and what != "storage":
        return section, what
    return "", ""


def _counted_kind(name: str) -> str:
    if name in _COUNTED:
        return _COUNTED[name]
    if name.startswith("services."):
        return "Service"
    if name == "requests.storage" or _STORAGE in name:
        return "PersistentVolumeClaim"
    if name.startswith("count/"):
        plural, _, group = name.removeprefix("count/").partition(".")
        for resource in BY_KIND.values():
            if resource.plural == plural and resource.group == group:
                return resource.kind
        return ""
    return "Pod" if _compute(name)[1] else ""


def _text(name: str, value: Decimal) -> str:
    return format_quantity(value, "i" if "memory" in name or "storage" in name else "")
