"""What may never be written, whoever approves it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from connectors.api.values import Json
from copilot.mitigation import accounts
from copilot.model.action import (
    Action,
    CreateObject,
    DeleteObject,
    Manual,
    PatchServicePort,
    ReplaceObject,
    Scale,
    SetField,
    Single,
    StoreAccount,
    parts,
)
from copilot.model.errors import PolicyError
from copilot.model.scope import ObjectRef, Scope

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_WEBHOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
_POD = ("/spec/template/spec/",)
_LABELS = "/spec/template/metadata/labels/"
_FIELDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_WORKLOADS, (*_POD, _LABELS, "/spec/strategy", "/spec/updateStrategy",
                                "/spec/paused")),
    "Service": ("/spec/selector", "/spec/ports", "/spec/internalTrafficPolicy",
                "/spec/externalTrafficPolicy", "/spec/sessionAffinity", "/spec/type"),
    "ConfigMap": ("/data",),
    "ResourceQuota": ("/spec/hard",),
    "LimitRange": ("/spec/limits",),
    "HorizontalPodAutoscaler": ("/spec/minReplicas", "/spec/maxReplicas"),
    "CronJob": ("/spec/suspend", "/spec/jobTemplate/spec/template/spec/"),
    "Ingress": ("/spec/rules", "/spec/defaultBackend"),
    "PersistentVolumeClaim": ("/spec/resources/requests",),
    "Namespace": ("/metadata/labels",),
    "Node": ("/spec/unschedulable", "/spec/taints"),
    "PersistentVolume": ("/spec/claimRef/uid",),
    "Job": ("/spec/suspend",),
    "Lease": ("/spec/holderIdentity",),
    "NetworkPolicy": ("/spec/ingress", "/spec/egress"),
    **dict.fromkeys(_WEBHOOKS, ("/webhooks/",)),
}  # fmt: skip
"""Fields that may be set, by the beginnings of their paths."""
_FORBIDDEN = ("/privileged", "/hostNetwork", "/hostPID", "/hostIPC", "/hostPath", "/capabilities",
              "/allowPrivilegeEscalation", "/serviceAccount")  # fmt: skip
_NARROWER = (
    "/spec/template/spec/hostNetwork",
    "/spec/template/spec/hostPID",
    "/spec/template/spec/hostIPC",
)
"""Rights whose removal takes something from the containers."""
_INSIDE = '"ClusterIP"'
"""The only type that a Service may be given."""
_WEBHOOK_FIELDS = ("failurePolicy", "timeoutSeconds")
_MAY_DELETE = frozenset({"NetworkPolicy", "ResourceQuota", "LimitRange", "Job", "Pod",
                         "PodDisruptionBudget", "HorizontalPodAutoscaler"})  # fmt: skip
_MAY_CREATE = frozenset({"Service", "ConfigMap", "PersistentVolumeClaim", "ServiceAccount",
                         "Deployment", "StatefulSet", "NetworkPolicy"})  # fmt: skip
_MAY_REPLACE = frozenset({"PersistentVolumeClaim"})
_CLUSTER_WIDE = frozenset({"Node", "Namespace", "PersistentVolume", *_WEBHOOKS})


@dataclass(frozen=True, slots=True)
class Policy:
    """The team's limits on writes."""

    enabled: bool = True
    protected_namespaces: tuple[str, ...] = ("kube-system", "kube-public", "kube-node-lease")
    max_replicas: int = 20

    def check(self, action: Action, scope: Scope) -> None:
        """Raise `PolicyError` when the action, or one of several, is not allowed in this scope."""
        if not self.enabled:
            raise PolicyError("writes are switched off", hint="set mitigation.enabled = true")
        for part in parts(action):
            self._check(part, scope)

    def _check(self, action: Single | Manual, scope: Scope) -> None:
        target = action.object
        if isinstance(action, Manual):
            raise PolicyError(
                f"this one is for a person: {action.instructions}", hint="nothing can be applied"
            )
        if target.namespace in self.protected_namespaces:
            raise PolicyError(f"the namespace {target.namespace!r} is protected from writes")
        if target.kind == "Namespace" and target.name not in scope.namespaces:
            raise PolicyError(f"{target} is outside the investigation's namespaces")
        cluster_wide = isinstance(action, SetField) and target.kind in _CLUSTER_WIDE
        if target.namespace not in scope.namespaces and not cluster_wide:
            raise PolicyError(
                f"{target} is outside the investigation's namespaces",
                hint=f"they are: {', '.join(scope.namespaces)}",
            )
        if target.kind not in _kinds(action):
            raise PolicyError(f"{action.type} is not allowed on a {target.kind}")
        if isinstance(action, SetField):
            _check_field(action)
            if action.restarts and action.restarts.partition("/")[0] not in _WORKLOADS:
                raise PolicyError(f"{action.restarts} is no workload that can be restarted")
        if isinstance(action, StoreAccount):
            accounts.check(action)
        if isinstance(action, CreateObject):
            _check_manifest(action)
        if isinstance(action, Scale) and action.replicas < 0:
            raise PolicyError(f"{action.replicas} replicas are not allowed")

    def check_size(self, target: ObjectRef, do: Sequence[Json], before: Json) -> None:
        """Raise `PolicyError` when a plan wants more replicas than allowed; fewer than now always may be."""
        now = before.get("spec", {}).get("replicas", 1)
        for step in do:
            wanted = step.get("value")
            if step.get("op") != "replace" or step.get("path") != "/spec/replicas":
                continue
            if isinstance(wanted, int) and wanted > max(self.max_replicas, int(now)):
                raise PolicyError(
                    f"{wanted} replicas of {target} are not allowed",
                    hint=f"mitigation.max_replicas is {self.max_replicas}",
                )


def _kinds(action: Single | Manual) -> Collection[str]:
    match action:
        case PatchServicePort():
            return ("Service",)
        case SetField():
            return _FIELDS
        case CreateObject():
            return _MAY_CREATE
        case DeleteObject():
            return _MAY_DELETE
        case ReplaceObject():
            return _MAY_REPLACE
        case _:
            return _WORKLOADS


def _check_field(action: SetField) -> None:
    allowed = _FIELDS[action.object.kind]
    if not action.path.startswith(allowed):
        raise PolicyError(
            f"{action.path} of a {action.object.kind} may not be set",
            hint=f"what may: {', '.join(allowed)}",
        )
    if action.object.kind in _WEBHOOKS and action.path.split("/")[3:] not in (
        [name] for name in _WEBHOOK_FIELDS
    ):
        raise PolicyError(
            f"{action.path} of a {action.object.kind} may not be set",
            hint=f"of a webhook these may: {', '.join(_WEBHOOK_FIELDS)}",
        )
    if (action.object.kind, action.path) == ("Service", "/spec/type") and action.value != _INSIDE:
        raise PolicyError(f"{action.object}: a Service is not opened to the outside here")
    if action.object.kind == "Lease" and action.value:
        raise PolicyError(f"{action.object}: a lock is released here, never given to anybody")
    if action.path.startswith(_LABELS) and action.value:
        raise PolicyError(f"{action.path}: labels of pods are taken off here, never put on")
    if action.path in _NARROWER and action.value in ("", "false"):
        return
    text = f"{action.path} {action.value}"
    if any(name in text or f'"{name[1:]}"' in text for name in _FORBIDDEN):
        raise PolicyError(f"{action.path}: rights of containers are not widened here")


def _check_manifest(action: CreateObject) -> None:
    text = action.manifest
    if action.object.kind in _WORKLOADS and any(f'"{name[1:]}"' in text for name in _FORBIDDEN):
        raise PolicyError(f"{action.object}: rights of containers are not widened here")
