"""Which kinds of objects an investigation lists: some always, the others when something calls for them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from connectors.api.values import Json
from copilot.evidence.kube import dig, statuses
from copilot.evidence.snapshot import involved

NAMESPACED = (
    "Pod", "Service", "Endpoints", "Deployment", "ReplicaSet", "StatefulSet", "Event", "ConfigMap",
    "NetworkPolicy", "Ingress", "HorizontalPodAutoscaler",
)  # fmt: skip
CLUSTER_WIDE = ("Node",)
"""These two are always listed."""

ON_DEMAND = ("ResourceQuota", "LimitRange", "ServiceAccount", "PersistentVolumeClaim",
             "PersistentVolume", "StorageClass", "Namespace", "ValidatingWebhookConfiguration",
             "MutatingWebhookConfiguration", "Secret", "Job", "CronJob", "DaemonSet")  # fmt: skip
"""Listed when called for, the most telling first."""
SPARE = ("Secret", "Job", "CronJob", "PersistentVolumeClaim", "DaemonSet")
"""Those of them that may tell something though nothing calls for them, while calls are left."""
WEBHOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
WITHOUT_NAMESPACE = frozenset(
    {*CLUSTER_WIDE, *WEBHOOKS, "PersistentVolume", "StorageClass", "Namespace"}
)

ROUTINE = ("Scheduled", "Pulling", "Pulled", "Created", "Started", "SuccessfulCreate")
"""Reasons of events that say only that all went well; most events are such."""
TELLING_EVENTS = ",".join(f"reason!={reason}" for reason in ROUTINE)

_LIMITED = "kubernetes.io/limit-ranger"
"""The annotation of a pod that a LimitRange gave its defaults."""
_MENTIONED = {
    "ResourceQuota": re.compile(r"quota", re.I),
    "LimitRange": re.compile(
        r"usage per|limitrange|limit to request ratio|less than or equal to \S+ limit", re.I
    ),
    "ServiceAccount": re.compile(r"service ?account", re.I),
    "PersistentVolumeClaim": re.compile(r"persistentvolumeclaim|\bpvc\b", re.I),
    "PersistentVolume": re.compile(
        r"unbound|persistent volumes|volume node affinity|provision|persistentvolumeclaim \S+ not found",
        re.I,
    ),
    "StorageClass": re.compile(r"storageclass|unbound|provision", re.I),
    "Secret": re.compile(r"secret", re.I),
    "Namespace": re.compile(r"PodSecurity|being terminated", re.I),
    **{kind: re.compile(r"webhook", re.I) for kind in WEBHOOKS},
}


def called_for(objects: Mapping[str, Sequence[Json]], *, whole_cluster: bool) -> list[str]:
    """Return the kinds of `ON_DEMAND` that the objects read so far call for, in its order."""
    text = "\n".join(_complaints(objects))
    found = {kind for kind, pattern in _MENTIONED.items() if pattern.search(text)}
    concerned = {involved(event).kind for event in objects.get("Event", ())}
    pods = objects.get("Pod", ())
    owners = {
        str(owner.get("kind"))
        for pod in pods
        for owner in dig(pod, "metadata.ownerReferences", []) or []
    }
    found |= {kind for kind in ("Job", "DaemonSet") if kind in owners | concerned}
    if found & {"Job"} or "CronJob" in concerned:
        found.add("CronJob")
    if "PersistentVolumeClaim" in concerned or any(map(_claims, pods)):
        found.add("PersistentVolumeClaim")
    if any(_LIMITED in (dig(pod, "metadata.annotations", {}) or {}) for pod in pods):
        found.add("LimitRange")
    policies = objects.get("NetworkPolicy", ())
    if whole_cluster or any("namespaceSelector" in json.dumps(p.get("spec")) for p in policies):
        found.add("Namespace")
    return [kind for kind in ON_DEMAND if kind in found]


def _complaints(objects: Mapping[str, Sequence[Json]]) -> list[str]:
    """Return what controllers, schedulers and kubelets say of what does not work."""
    found = [
        str(event.get("message") or event.get("note") or "")
        for event in objects.get("Event", ())
        if event.get("type") == "Warning" or event.get("reason") == "FailedBinding"
    ]
    for pod in objects.get("Pod", ()):
        for status in (*statuses(pod, init=True), *statuses(pod)):
            found.append(str(dig(status, "state.waiting.message", "")))
    for kind in ("Pod", "Deployment", "ReplicaSet", "StatefulSet"):
        for obj in objects.get(kind, ()):
            found += [str(c.get("message", "")) for c in dig(obj, "status.conditions", []) or []]
    return found


def _claims(pod: Json) -> bool:
    """Whether a pod that does not run waits for a volume claim."""
    return dig(pod, "status.phase") == "Pending" and any(
        dig(volume, "persistentVolumeClaim") for volume in dig(pod, "spec.volumes", []) or []
    )
