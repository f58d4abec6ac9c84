"""The warnings that API servers send with deprecated API versions."""

from __future__ import annotations

from eval.environments.emulator.cluster.resources import Resource
from eval.environments.emulator.cluster.version import Version

_OLD = {
    # API version and kind: deprecated in, gone in, what to use
    ("extensions/v1beta1", "Ingress"): ("1.14", "1.22", "networking.k8s.io/v1 Ingress"),
    ("networking.k8s.io/v1beta1", "Ingress"): ("1.19", "1.22", "networking.k8s.io/v1 Ingress"),
    ("networking.k8s.io/v1beta1", "IngressClass"): (
        "1.19",
        "1.22",
        "networking.k8s.io/v1 IngressClassList",
    ),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"): (
        "1.14",
        "1.22",
        "scheduling.k8s.io/v1 PriorityClass",
    ),
    ("storage.k8s.io/v1beta1", "StorageClass"): ("1.19", "1.22", "storage.k8s.io/v1 StorageClass"),
    ("coordination.k8s.io/v1beta1", "Lease"): ("1.19", "1.22", "coordination.k8s.io/v1 Lease"),
}
_RBAC = "rbac.authorization.k8s.io/"


def deprecation(resource: Resource, version: Version) -> str:
    """Return the warning for requests to a resource, "" for most."""
    if not version.legacy:
        if (resource.api_version, resource.kind) == ("v1", "Endpoints"):
            return "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
        if (resource.api_version, resource.kind) == ("v1", "ComponentStatus"):
            return "v1 ComponentStatus is deprecated in v1.19+"
        return ""
    found = _OLD.get((resource.api_version, resource.kind))
    if resource.api_version == f"{_RBAC}v1beta1":
        found = ("1.17", "1.22", f"{_RBAC}v1 {resource.kind}")
    if (resource.api_version, resource.kind) == ("v1", "ComponentStatus"):
        return "v1 ComponentStatus is deprecated in v1.19+"
    if found is None:
        return ""
    since, until, instead = found
    return (
        f"{resource.api_version} {resource.kind} is deprecated in v{since}+,"
        f" unavailable in v{until}+; use {instead}"
    )
