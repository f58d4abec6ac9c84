"""Discovery documents: /api, /apis, groups, resource lists, plain and aggregated."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.catalog import Catalog
from eval.environments.emulator.cluster.names import fnv1a
from eval.environments.emulator.cluster.resources import Resource

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

_READ_WRITE = ("get", "patch", "update")
_PROXY = ("create", "delete", "get", "patch", "update")
_CONNECT = ("create", "get")
_SUBRESOURCES: dict[str, tuple[tuple[str, ...], tuple[str, str, str] | None]] = {
    "status": (_READ_WRITE, None),
    "scale": (_READ_WRITE, ("autoscaling", "v1", "Scale")),
    "approval": (_READ_WRITE, None),
    "ephemeralcontainers": (_READ_WRITE, None),
    "log": (("get",), None),
    "eviction": (("create",), ("policy", "v1", "Eviction")),
    "binding": (("create",), ("", "", "Binding")),
    "token": (("create",), ("authentication.k8s.io", "v1", "TokenRequest")),
    "finalize": (("update",), None),
    "exec": (_CONNECT, ("", "", "PodExecOptions")),
    "attach": (_CONNECT, ("", "", "PodAttachOptions")),
    "portforward": (_CONNECT, ("", "", "PodPortForwardOptions")),
}


class Discovery:
    """Describes what one cluster serves."""

    def __init__(self, catalog: Catalog, metrics: bool = False) -> None:
        self._catalog = catalog
        self._metrics = metrics

    def api_versions(self) -> Json:
        """Return what /api answers."""
        return {
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [
                {"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}
            ],
        }

    def groups(self) -> dict[str, tuple[str, ...]]:
        """Return the versions of each named group, the preferred one first."""
        named = {name: versions for name, versions in self._catalog.groups.items() if name}
        if self._metrics:
            named["metrics.k8s.io"] = ("v1beta1",)
        return named

    def group_list(self) -> Json:
        """Return what /apis answers."""
        found = [_group(name, versions) for name, versions in self.groups().items()]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}

    def group(self, name: str) -> Json | None:
        """Return what /apis/<group> answers."""
        versions = self.groups().get(name)
        if versions is None:
            return None
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}

    def resource_list(self, name: str, version: str) -> Json | None:
        """Return what /api/v1 or /apis/<group>/<version> answers."""
        items: list[Json] = []
        for resource in self._catalog.below(name, version):
            items.extend(self._entries(resource))
        if self._metrics and (name, version) == ("metrics.k8s.io", "v1beta1"):
            items = [_metric("nodes", "NodeMetrics", False), _metric("pods", "PodMetrics", True)]
        if not items:
            return None
        return {
            "kind": "APIResourceList",
            **({} if name == "" else {"apiVersion": "v1"}),
            "groupVersion": f"{name}/{version}" if name else version,
            "resources": items,
        }

    def aggregated(self, core: bool) -> Json:
        """Return the APIGroupDiscoveryList of the core group or of the named ones."""
        groups = {"": ("v1",)} if core else self.groups()
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": [self._discovered(name, versions) for name, versions in groups.items()],
        }

    def _entries(self, resource: Resource) -> list[Json]:
        legacy = self._catalog.version.legacy
        entry: Json = {
            "name": resource.plural,
            # 1.20 told no singular names of the built-in kinds
            "singularName": "" if legacy and not resource.custom else resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(resource.verbs),
        }
        if resource.short:
            entry["shortNames"] = list(resource.short)
        if resource.categories:
            entry["categories"] = list(resource.categories)
        if "watch" in resource.verbs:
            entry["storageVersionHash"] = f"{fnv1a(resource.kind):08x}{fnv1a(resource.plural):08x}"
        entries = [entry]
        for name in resource.subresources:
            verbs, kind = _SUBRESOURCES.get(name, (_PROXY, None))
            proxy = f"{resource.kind}ProxyOptions"
            below: Json = {
                "name": f"{resource.plural}/{name}",
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": kind[2] if kind else proxy if name == "proxy" else resource.kind,
                "verbs": list(verbs),
            }
            if kind and kind[0]:
                version = "v1beta1" if legacy and name == "eviction" else kind[1]
                below["group"], below["version"] = kind[0], version
            entries.append(below)
        return entries

    def _discovered(self, name: str, versions: tuple[str, ...]) -> Json:
        shown = [
            {"version": v, "resources": self._resources(name, v), "freshness": "Current"}
            for v in versions
        ]
        return {"metadata": {"name": name, "creationTimestamp": None}, "versions": shown}

    def _resources(self, name: str, version: str) -> list[Json]:
        found = self.resource_list(name, version)
        assert found is not None
        resources: list[Json] = []
        for entry in found["resources"]:
            kind = {
                "group": entry.get("group", name),
                "version": entry.get("version", version),
                "kind": entry["kind"],
            }
            if "/" in entry["name"]:
                below = entry["name"].split("/")[1]
                resources[-1].setdefault("subresources", []).append(
                    {"subresource": below, "responseKind": kind, "verbs": entry["verbs"]}
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
        return resources


def _metric(plural: str, kind: str, namespaced: bool) -> Json:
    return {
        "name": plural,
        "singularName": "",
        "namespaced": namespaced,
        "kind": kind,
        "verbs": ["get", "list"],
    }


def _group(name: str, versions: tuple[str, ...]) -> Json:
    found = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": found, "preferredVersion": found[0]}
