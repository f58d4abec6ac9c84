"""Names as people and models write them: nearest valid ones, kinds in any spelling."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_ALIASES = {
    **dict.fromkeys(("po", "pod"), "Pod"),
    **dict.fromkeys(("svc", "service"), "Service"),
    **dict.fromkeys(("deploy", "deployment"), "Deployment"),
    **dict.fromkeys(("rs", "replicaset"), "ReplicaSet"),
    **dict.fromkeys(("sts", "statefulset"), "StatefulSet"),
    **dict.fromkeys(("ds", "daemonset"), "DaemonSet"),
    **dict.fromkeys(("ep", "endpoint", "endpoints"), "Endpoints"),
    **dict.fromkeys(("ev", "event"), "Event"),
    **dict.fromkeys(("cm", "configmap"), "ConfigMap"),
    **dict.fromkeys(("no", "node"), "Node"),
    **dict.fromkeys(("ns", "namespace"), "Namespace"),
    **dict.fromkeys(("pvc", "persistentvolumeclaim"), "PersistentVolumeClaim"),
    **dict.fromkeys(("pv", "persistentvolume"), "PersistentVolume"),
    **dict.fromkeys(("sc", "storageclass"), "StorageClass"),
    **dict.fromkeys(("hpa", "horizontalpodautoscaler"), "HorizontalPodAutoscaler"),
    **dict.fromkeys(("pdb", "poddisruptionbudget"), "PodDisruptionBudget"),
    **dict.fromkeys(("netpol", "networkpolicy", "networkpolicie"), "NetworkPolicy"),
    **dict.fromkeys(("ing", "ingress", "ingresse"), "Ingress"),
    **dict.fromkeys(("sa", "serviceaccount"), "ServiceAccount"),
    **dict.fromkeys(("quota", "resourcequota"), "ResourceQuota"),
    **dict.fromkeys(("limits", "limitrange"), "LimitRange"),
    **dict.fromkeys(("cj", "cronjob"), "CronJob"),
    **dict.fromkeys(("job",), "Job"),
    **dict.fromkeys(("secret",), "Secret"),
    **dict.fromkeys(("endpointslice",), "EndpointSlice"),
    **dict.fromkeys(("role",), "Role"),
    **dict.fromkeys(("rolebinding",), "RoleBinding"),
}

CLUSTER_WIDE = frozenset(
    ("Node", "Namespace", "PersistentVolume", "StorageClass", "PriorityClass", "IngressClass")
)
"""Kinds without a namespace that an investigation may need."""


def nearest(name: str, valid: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """Return the valid names that `name` may have meant, best first."""
    names = sorted(set(valid))
    lowered = name.lower()
    parts = [item for item in names if len(lowered) > 2 and lowered in item.lower()]
    close = difflib.get_close_matches(lowered, names, count, 0.6)
    # Generated names start with the name that was meant: "cart-7d9f8b6c5-x2x4z".
    starts = {item[: len(name) + 1].rstrip("-"): item for item in reversed(names)}
    begun = [starts[part] for part in difflib.get_close_matches(lowered, starts, count, 0.75)]
    return tuple(dict.fromkeys([*close, *parts, *begun]))[:count]


def canonical_kind(kind: str) -> str:
    """Return `kind` as the API spells it: "deploy", "deployments" and "Deployment" are one."""
    lowered = kind.strip().lower().partition(".")[0]
    for spelling in (lowered, lowered.removesuffix("s"), lowered.removesuffix("es")):
        if spelling in _ALIASES:
            return _ALIASES[spelling]
    return kind.strip()


def kinds() -> tuple[str, ...]:
    """Return the kinds with everyday names, for messages."""
    return tuple(sorted(set(_ALIASES.values())))
