"""Objects as people write them: without what the server, the controllers and the tools add."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from connectors.api.values import Json

KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Service", "ConfigMap", "Ingress",
                   "NetworkPolicy", "HorizontalPodAutoscaler", "ServiceAccount", "PersistentVolumeClaim"})  # fmt: skip
"""Kinds that people write and that hold no secrets by nature."""

OF_SERVER = frozenset({"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields",
                       "selfLink", "deletionTimestamp"})  # fmt: skip
"""Metadata that the API server writes."""
_NOT_WRITTEN = OF_SERVER | {"deletionGracePeriodSeconds", "annotations"}
_OF_TOOLS = (
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/",
    "deprecated.daemonset.template.generation",
    "autoscaling.alpha.kubernetes.io/",
    "pv.kubernetes.io/",
    "volume.",
    "kubectl.kubernetes.io/restartedAt",
)
_ASSIGNED = {
    "Service": ("clusterIPs", "clusterIP", "healthCheckNodePort"),
    "PersistentVolumeClaim": ("volumeName",),
    "ServiceAccount": (),
}
_LOCK = "control-plane.alpha.kubernetes.io/leader"
_DEFAULTED = ("terminationMessagePath", "terminationMessagePolicy", "restartedAt")
_STANDARD = frozenset({"kube-root-ca.crt", "kubernetes", "default"})


def manifest(obj: Json) -> Json | None:
    """Return an object as it can be created again; None for what nobody writes.

    That is: other kinds, objects of a controller, locks of leaders, and what the cluster itself keeps in
    every namespace.
    """
    kind, metadata = obj.get("kind"), obj.get("metadata") or {}
    if kind not in KINDS or metadata.get("ownerReferences") or metadata.get("name") in _STANDARD:
        return None
    annotations = metadata.get("annotations") or {}
    if _LOCK in annotations:
        return None
    found = {k: v for k, v in obj.items() if k not in ("status", "metadata", "secrets")}
    if isinstance(found.get("spec"), dict):
        found["spec"] = _spec(str(kind), found["spec"])
    kept = {k: v for k, v in metadata.items() if k not in _NOT_WRITTEN}
    own = {k: v for k, v in annotations.items() if not k.startswith(_OF_TOOLS)}
    return {**found, "metadata": {**kept, "annotations": own} if own else kept}


def _spec(kind: str, spec: Json) -> Json:
    headless = spec.get("clusterIP") == "None"
    dropped = () if headless else _ASSIGNED.get(kind, ())
    kept = {k: v for k, v in spec.items() if k not in dropped}
    template = spec.get("template")
    if isinstance(template, dict):
        metadata = dict(template.get("metadata") or {})
        own = {
            k: v
            for k, v in (metadata.pop("annotations", None) or {}).items()
            if not k.startswith(_OF_TOOLS)
        }
        metadata.pop("creationTimestamp", None)
        kept["template"] = {
            **template,
            "metadata": {**metadata, "annotations": own} if own else metadata,
        }
    return kept


def fingerprint(written: Mapping[str, Any]) -> str:
    """Return a digest of a manifest; the number of replicas, which autoscalers change, has no part in it."""
    spec = written.get("spec")
    if isinstance(spec, Mapping) and "replicas" in spec:
        written = {**written, "spec": {k: v for k, v in spec.items() if k != "replicas"}}
    text = json.dumps(written, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def diff(before: Json, after: Json) -> Iterator[tuple[str, str, str]]:
    """Yield (path, before, after) of every leaf that differs between two objects, or parts of such."""
    old, new = _flat(before), _flat(after)
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path) and not path.endswith(_DEFAULTED):
            yield path, old.get(path, ""), new.get(path, "")


def _flat(value: Any, path: str = "") -> dict[str, str]:
    if isinstance(value, Mapping):
        found: dict[str, str] = {}
        for key, item in value.items():
            found.update(_flat(item, f"{path}/{key}" if path else str(key)))
        return found
    if (
        isinstance(value, list)
        and value
        and all(isinstance(v, Mapping) and "name" in v for v in value)
    ):
        found = {}
        for item in value:
            rest = {k: v for k, v in item.items() if k != "name"}
            if set(rest) <= {"value"}:
                found[f"{path}/{item['name']}"] = str(rest.get("value", ""))
            else:
                found.update(_flat(rest, f"{path}/{item['name']}"))
        return found
    return {path: value if isinstance(value, str) else json.dumps(value, sort_keys=True)}
