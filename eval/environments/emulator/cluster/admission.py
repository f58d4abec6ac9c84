"""What the API server adds to or refuses of an object, plug-in by plug-in."""

from __future__ import annotations

from decimal import Decimal

from connectors.api.values import Json
from eval.environments.emulator.cluster.admitting import limits, quotas, security
from eval.environments.emulator.cluster.admitting.webhooks import Webhooks
from eval.environments.emulator.cluster.errors import forbidden, not_found
from eval.environments.emulator.cluster.finalizers import FINALIZERS
from eval.environments.emulator.cluster.names import Names
from eval.environments.emulator.cluster.objects import clone
from eval.environments.emulator.cluster.quantity import quantity
from eval.environments.emulator.cluster.resources import Resource
from eval.environments.emulator.cluster.store import Store

_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_EVICTING = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_EVICTED_AFTER = 300


class Admission:
    """The admission plug-ins, in the order in which the real ones run.

    `webhooks` are called once they are set.
    """

    def __init__(self, store: Store, names: Names) -> None:
        self._store = store
        self._names = names
        self.webhooks: Webhooks | None = None

    def create(self, resource: Resource, obj: Json) -> None:
        """Complete a new object or refuse it with `ApiError`. Changes `obj`.

        The plug-ins that only look, in `check`, come after the object's own validation.
        """
        namespace = obj["metadata"].get("namespace", "")
        if resource.namespaced:
            self._namespace(resource, obj, namespace)
        if resource.kind == "Event":
            return
        if resource.kind == "Pod":
            limits.set_defaults(self._store, obj, namespace)
            self._service_account(obj, namespace)
            self._priority(obj)
            _tolerate(obj["spec"])
        if (finalizer := FINALIZERS.get(resource.kind)) is not None:
            kept = obj["metadata"].get("finalizers") or ()
            obj["metadata"]["finalizers"] = list(dict.fromkeys((*kept, finalizer)))
        self._mutate(resource, obj, "CREATE")
        if resource.kind == "Pod":
            obj["status"] = {"phase": "Pending", "qosClass": qos_class(obj["spec"])}

    def check(self, resource: Resource, obj: Json) -> None:
        """Refuse a new object that is complete and valid, with `ApiError`."""
        namespace = obj["metadata"].get("namespace", "")
        if resource.kind == "Event":
            return
        if resource.kind == "Pod":
            limits.check_pod(self._store, obj, namespace)
            security.check(obj, self._store.get("Namespace", "", namespace) or {"metadata": {}})
        elif resource.kind == "PersistentVolumeClaim":
            limits.check_claim(self._store, obj, namespace)
        if self.webhooks is not None:
            self.webhooks.validate(resource, obj, "CREATE")
        if resource.namespaced:
            quotas.check(self._store, resource, obj, namespace)

    def update(self, resource: Resource, new: Json) -> None:
        """Let the webhooks change an update or refuse it with `ApiError`. Changes `new`."""
        if resource.kind != "Event":
            self._mutate(resource, new, "UPDATE")

    def check_update(self, resource: Resource, new: Json) -> None:
        """Let the webhooks refuse a valid update with `ApiError`."""
        if resource.kind != "Event" and self.webhooks is not None:
            self.webhooks.validate(resource, new, "UPDATE")

    def delete(self, resource: Resource, obj: Json) -> None:
        """Let the webhooks refuse a deletion with `ApiError`."""
        if resource.kind != "Event" and self.webhooks is not None:
            self.webhooks.validate(resource, obj, "DELETE")

    def used(self, quota: Json, name: str) -> Decimal:
        """Return how much of a quota's resource its namespace uses now."""
        return quotas.used(self._store, quota, name, quota["metadata"]["namespace"])

    def _mutate(self, resource: Resource, obj: Json, operation: str) -> None:
        if self.webhooks is None:
            return
        changed = self.webhooks.admit(resource, obj, operation)
        if changed is not obj:
            fresh = clone(changed)
            meta = obj["metadata"]
            meta.clear()
            meta.update(fresh.pop("metadata"))
            obj.clear()
            obj.update({**fresh, "metadata": meta})

    def _namespace(self, resource: Resource, obj: Json, namespace: str) -> None:
        found = self._store.get("Namespace", "", namespace)
        if found is None:
            raise not_found("", "namespaces", namespace)
        if "deletionTimestamp" in found["metadata"] and resource.kind != "Event":
            raise forbidden(
                resource.group,
                resource.plural,
                _early_name(obj),
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
                _early_name(pod),
                f"error looking up service account {namespace}/{name}:"
                f' serviceaccount "{name}" not found',
            )
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        if account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
            spec["imagePullSecrets"] = clone(account["imagePullSecrets"])
        mount = spec.get(
            "automountServiceAccountToken", account.get("automountServiceAccountToken", True)
        )
        if not mount:
            return
        volume = f"kube-api-access-{self._names.suffix()}"
        for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
            mounts = container.setdefault("volumeMounts", [])
            if all(item.get("mountPath") != _TOKEN_PATH for item in mounts):
                mounts.append({"name": volume, "readOnly": True, "mountPath": _TOKEN_PATH})
        spec.setdefault("volumes", []).append({"name": volume, "projected": _token_sources()})

    def _priority(self, pod: Json) -> None:
        """Turn the priority class into a number."""
        spec = pod["spec"]
        name = spec.get("priorityClassName") or ""
        found = self._store.get("PriorityClass", "", name) if name else None
        if not name:
            found = next(
                (item for item in self._store.all("PriorityClass") if item.get("globalDefault")),
                None,
            )
            if found is not None:
                spec["priorityClassName"] = found["metadata"]["name"]
        elif found is None:
            text = f"no PriorityClass with name {name} was found"
            raise forbidden("", "pods", _early_name(pod), text)
        spec["priority"] = 0 if found is None else int(found.get("value", 0))
        policy = "PreemptLowerPriority" if found is None else found.get("preemptionPolicy")
        spec.setdefault("preemptionPolicy", policy or "PreemptLowerPriority")


def _early_name(obj: Json) -> str:
    """Return the name as the mutating plug-ins see it: a random suffix is only added after them."""
    meta = obj["metadata"]
    return str(meta.get("generateName") or meta["name"])


def _tolerate(spec: Json) -> None:
    """Pods stay for five minutes on nodes that fall silent, unless they say otherwise."""
    tolerations = spec.setdefault("tolerations", [])
    for key in _EVICTING:
        if not any(
            item.get("key", key) == key and item.get("effect", "NoExecute") == "NoExecute"
            for item in tolerations
        ):
            tolerations.append(
                {
                    "key": key,
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": _EVICTED_AFTER,
                }
            )


def qos_class(spec: Json) -> str:
    """Return a pod's quality of service class."""
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    sections = [container.get("resources") or {} for container in containers]
    if not any(section.get("requests") or section.get("limits") for section in sections):
        return "BestEffort"
    for section in sections:
        limited, requests = section.get("limits") or {}, section.get("requests") or {}
        if not {"cpu", "memory"} <= set(limited):
            return "Burstable"
        if any(quantity(requests.get(n, limited[n])) != quantity(limited[n]) for n in limited):
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
