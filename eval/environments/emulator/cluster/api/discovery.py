"""Discovery documents: /api, /apis, groups, resource lists, plain and aggregated."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.names import fnv1a
from eval.environments.emulator.cluster.resources import GROUPS, RESOURCES, Resource

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

_SUBRESOURCES = {
    "status": (("get", "patch", "update"), None),
    "scale": (("get", "patch", "update"), ("autoscaling", "v1", "Scale")),
    "log": (("get",), None),
    "eviction": (("create",), ("policy", "v1", "Eviction")),
    "binding": (("create",), ("", "v1", "Binding")),
    "finalize": (("update",), None),
}
_REVIEWS = (
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
)
_ALL_GROUPS = (*GROUPS, "authorization.k8s.io", "authentication.k8s.io")


def version_of(group: str) -> str:
    """Return the version that a group is served in."""
    return next((r.version for r in RESOURCES if r.group == group), "v1")


def api_versions() -> Json:
    """Return what /api answers."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
    }


def group_list() -> Json:
    """Return what /apis answers."""
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(group) for group in _ALL_GROUPS],
    }


def group(name: str) -> Json | None:
    """Return what /apis/<group> answers."""
    if name not in _ALL_GROUPS:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name)}


def resource_list(name: str, version: str) -> Json | None:
    """Return what /api/v1 or /apis/<group>/<version> answers."""
    if (name and name not in _ALL_GROUPS) or version != version_of(name):
        return None
    items: list[Json] = []
    for resource in RESOURCES:
        if resource.group == name:
            items.extend(_entries(resource))
    for group_name, plural, kind in _REVIEWS:
        if group_name == name:
            items.append(
                {
                    "name": plural,
                    "singularName": kind.lower(),
                    "namespaced": False,
                    "kind": kind,
                    "verbs": ["create"],
                }
            )
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{name}/{version}" if name else version,
        "resources": items,
    }


def aggregated(core: bool) -> Json:
    """Return the APIGroupDiscoveryList of the core group or of the named ones."""
    groups = ("",) if core else _ALL_GROUPS
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [_discovered(name) for name in groups],
    }


def _group(name: str) -> Json:
    version = {"groupVersion": f"{name}/{version_of(name)}", "version": version_of(name)}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _entries(resource: Resource) -> list[Json]:
    entry: Json = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short:
        entry["shortNames"] = list(resource.short)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if "status" in resource.subresources or "create" in resource.verbs:
        entry["storageVersionHash"] = f"{fnv1a(resource.kind):08x}{fnv1a(resource.plural):08x}"
    entries = [entry]
    for name in resource.subresources:
        verbs, kind = _SUBRESOURCES[name]
        below: Json = {
            "name": f"{resource.plural}/{name}",
            "singularName": "",
            "namespaced": resource.namespaced,
            "kind": kind[2] if kind else resource.kind,
            "verbs": list(verbs),
        }
        if kind:
            below["group"], below["version"] = kind[0], kind[1]
        entries.append(below)
    return entries


def _discovered(name: str) -> Json:
    version = version_of(name)
    found = resource_list(name, version)
    assert found is not None
    resources: list[Json] = []
    for entry in found["resources"]:
        kind = {
            "group": entry.get("group", name),
            "version": entry.get("version", version),
            "kind": entry["kind"],
        }
        if "/" in entry["name"]:
            resources[-1].setdefault("subresources", []).append(
                {
                    "subresource": entry["name"].split("/")[1],
                    "responseKind": kind,
                    "verbs": entry["verbs"],
                }
            )
            continue
        item: Json = {
            "resource": entry["name"],
            "responseKind": kind,
            "scope": "Namespaced" if entry["namespaced"] else "Cluster",
            "singularResource": entry["singularName"],
            "verbs": entry["verbs"],
        }
        for field in ("shortNames", "categories"):
            if field in entry:
                item[field] = entry[field]
        resources.append(item)
    return {
        "metadata": {"name": name, "creationTimestamp": None},
        "versions": [{"version": version, "resources": resources, "freshness": "Current"}],
    }
