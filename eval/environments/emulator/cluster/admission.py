"""What the API server adds to or refuses of an object: service accounts, limits, quotas."""

from __future__ import annotations

from decimal import Decimal

from connectors.api.values import Json
from eval.environments.emulator.cluster.errors import forbidden, not_found
from eval.environments.emulator.cluster.names import Names
from eval.environments.emulator.cluster.objects import finished
from eval.environments.emulator.cluster.quantity import format_quantity, pod_requests, quantity
from eval.environments.emulator.cluster.resources import BY_KIND, Resource
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
_COMPUTE = {
    "cpu": ("requests", "cpu"),
    "memory": ("requests", "memory"),
    "requests.cpu": ("requests", "cpu"),
    "requests.memory": ("requests", "memory"),
    "limits.cpu": ("limits", "cpu"),
    "limits.memory": ("limits", "memory"),
}


class Admission:
    """The admission plug-ins, in the order in which the real ones run."""

    def __init__(self, store: Store, names: Names) -> None:
        self._store = store
        self._names = names

    def create(self, resource: Resource, obj: Json) -> None:
        """Complete a new object or refuse it with `ApiError`. Changes `obj`."""
        namespace = obj["metadata"].get("namespace", "")
        if resource.namespaced:
            self._namespace(resource, obj, namespace)
        if resource.kind == "Pod":
            self._limits(obj, namespace)
            self._service_account(obj, namespace)
            _pod_basics(obj)
        if resource.namespaced and resource.kind != "Event":
            self._quota(resource, obj, namespace)

    def _namespace(self, resource: Resource, obj: Json, namespace: str) -> None:
        found = self._store.get("Namespace", "", namespace)
        if found is None:
            raise not_found("", "namespaces", namespace)
        if "deletionTimestamp" in found["metadata"] and resource.kind != "Event":
            raise forbidden(
                resource.group,
                resource.plural,
                obj["metadata"]["name"],
                f"unable to create new content in namespace {namespace}"
                " because it is being terminated",
            )

    def _service_account(self, pod: Json, namespace: str) -> None:
        spec = pod["spec"]
        name = spec.get("serviceAccountName") or "default"
        account = self._store.get("ServiceAccount", namespace, name)
        if account is None:
            raise forbidden(
                "",
                "pods",
                pod["metadata"]["name"],
                f"error looking up service account {namespace}/{name}:"
                f' serviceaccount "{name}" not found',
            )
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        mount = spec.get(
            "automountServiceAccountToken", account.get("automountServiceAccountToken", True)
        )
        if not mount:
            return
        volume = f"kube-api-access-{self._names.suffix()}"
        path = "/var/run/secrets/kubernetes.io/serviceaccount"
        for container in (*spec.get("initContainers", ()), *spec["containers"]):
            mounts = container.setdefault("volumeMounts", [])
            if all(item.get("mountPath") != path for item in mounts):
                mounts.append({"name": volume, "readOnly": True, "mountPath": path})
        spec.setdefault("volumes", []).append({"name": volume, "projected": _token_sources()})

    def _limits(self, pod: Json, namespace: str) -> None:
        for limit_range in self._store.all("LimitRange", namespace):
            for item in limit_range["spec"].get("limits") or ():
                if item.get("type") == "Container":
                    for container in pod["spec"]["containers"]:
                        self._limit(pod, container, item)

    def _limit(self, pod: Json, container: Json, item: Json) -> None:
        resources = container.setdefault("resources", {})
        defaults = item.get("default") or item.get("max") or {}
        asked = item.get("defaultRequest") or item.get("default") or item.get("min") or {}
        for name, amount in defaults.items():
            resources.setdefault("limits", {}).setdefault(name, amount)
        for name, amount in asked.items():
            resources.setdefault("requests", {}).setdefault(name, amount)
        for name, highest in (item.get("max") or {}).items():
            limit = resources.get("limits", {}).get(name)
            if limit is not None and quantity(limit) > quantity(highest):
                self._refuse(
                    pod, f"maximum {name} usage per Container is {highest}, but limit is {limit}"
                )
        for name, lowest in (item.get("min") or {}).items():
            request = resources.get("requests", {}).get(name)
            if request is not None and quantity(request) < quantity(lowest):
                self._refuse(
                    pod, f"minimum {name} usage per Container is {lowest}, but request is {request}"
                )

    def _refuse(self, pod: Json, why: str) -> None:
        raise forbidden("", "pods", pod["metadata"]["name"], why)

    def _quota(self, resource: Resource, obj: Json, namespace: str) -> None:
        for quota in self._store.all("ResourceQuota", namespace):
            hard = quota["spec"].get("hard") or {}
            if quota["spec"].get("scopes") or quota["spec"].get("scopeSelector"):
                continue
            self._must_specify(resource, obj, quota, hard)
            over: list[tuple[str, Decimal, Decimal]] = []
            for name in sorted(hard):
                asked = _amount(name, resource.kind, obj)
                if asked <= 0:
                    continue
                used = self.used(name, namespace)
                if used + asked > quantity(hard[name]):
                    over.append((name, asked, used))
            if over:
                texts = [
                    ",".join(f"{name}={format_quantity(value, 'i')}" for name, value in column)
                    for column in (
                        [(name, asked) for name, asked, _ in over],
                        [(name, used) for name, _, used in over],
                    )
                ]
                limited = ",".join(f"{name}={hard[name]}" for name, _, _ in over)
                raise forbidden(
                    resource.group,
                    resource.plural,
                    obj["metadata"]["name"],
                    f"exceeded quota: {quota['metadata']['name']}, requested: {texts[0]},"
                    f" used: {texts[1]}, limited: {limited}",
                )

    def _must_specify(self, resource: Resource, obj: Json, quota: Json, hard: Json) -> None:
        if resource.kind != "Pod":
            return
        missing = []
        for name in sorted(set(hard) & set(_COMPUTE)):
            section, what = _COMPUTE[name]
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

    def used(self, name: str, namespace: str) -> Decimal:
        """Return how much of a quota's resource the namespace uses now."""
        kind = _counted_kind(name) or ("Pod" if name in _COMPUTE else "")
        if not kind:
            return Decimal(0)
        objects = self._store.all(kind, namespace)
        return sum((_amount(name, kind, obj) for obj in objects), Decimal(0))


def _amount(name: str, kind: str, obj: Json) -> Decimal:
    """Return how much of a quota's resource one object uses."""
    if kind == "Pod" and finished(obj):
        return Decimal(0)
    if kind == "Pod" and name in _COMPUTE:
        section, what = _COMPUTE[name]
        return pod_requests(obj, section).get(what, Decimal(0))
    return Decimal(1) if _counted_kind(name) == kind else Decimal(0)


def _counted_kind(name: str) -> str:
    if name in _COUNTED:
        return _COUNTED[name]
    if name.startswith("count/"):
        plural, _, group = name.removeprefix("count/").partition(".")
        for resource in BY_KIND.values():
            if resource.plural == plural and resource.group == group:
                return resource.kind
    return ""


def _pod_basics(pod: Json) -> None:
    spec = pod["spec"]
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    tolerations = spec.setdefault("tolerations", [])
    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"):
        if not any(
            item.get("key", key) == key and item.get("effect", "NoExecute") == "NoExecute"
            for item in tolerations
        ):
            tolerations.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                }
            )
    pod["status"] = {"phase": "Pending", "qosClass": _qos(spec)}


def _qos(spec: Json) -> str:
    containers = [*spec.get("containers", ()), *spec.get("initContainers", ())]
    sections = [container.get("resources") or {} for container in containers]
    if not any(section.get("requests") or section.get("limits") for section in sections):
        return "BestEffort"
    for section in sections:
        limits, requests = section.get("limits") or {}, section.get("requests") or {}
        if not {"cpu", "memory"} <= set(limits):
            return "Burstable"
        if any(quantity(requests.get(n, limits[n])) != quantity(limits[n]) for n in limits):
            return "Burstable"
    return "Guaranteed"


def _token_sources() -> Json:
    return {
        "defaultMode": 420,
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {
                "configMap": {
                    "name": "kube-root-ca.crt",
                    "items": [{"key": "ca.crt", "path": "ca.crt"}],
                }
            },
            {
                "downwardAPI": {
                    "items": [
                        {
                            "path": "namespace",
                            "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
                        }
                    ]
                }
            },
        ],
    }
