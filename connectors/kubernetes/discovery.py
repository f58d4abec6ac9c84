"""Which kinds an API server serves, and where.

Works the same on an old server (one document per group) and on a new one (aggregated
discovery). Only what is asked for is fetched: a well-known kind costs its own group, an unknown
kind costs all of them once.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from connectors.api.errors import ConnectorError, SourceMissing
from connectors.kubernetes.client import Connection

# Newer servers answer with everything in one document; older ones ignore the first two.
_ACCEPT = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)

# The group that people mean by a kind that several groups may define, and a saved round trip.
_USUAL_GROUP = {
    **dict.fromkeys(
        (
            *("Pod", "Service", "Endpoints", "Event", "ConfigMap", "Secret", "Namespace", "Node"),
            *("PersistentVolume", "PersistentVolumeClaim", "ServiceAccount", "ResourceQuota"),
            *("LimitRange", "ReplicationController"),
        ),
        "",
    ),
    **dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"), "apps"),
    "ControllerRevision": "apps",
    **dict.fromkeys(("Job", "CronJob"), "batch"),
    "HorizontalPodAutoscaler": "autoscaling",
    **dict.fromkeys(("Ingress", "IngressClass", "NetworkPolicy"), "networking.k8s.io"),
    "PodDisruptionBudget": "policy",
    "EndpointSlice": "discovery.k8s.io",
    "StorageClass": "storage.k8s.io",
    **dict.fromkeys(
        ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"), "rbac.authorization.k8s.io"
    ),
}


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a kind is served. `group` "" is the core group."""

    kind: str
    group: str
    version: str
    plural: str
    namespaced: bool
    singular: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def short(self) -> str:
        """The name kubectl takes: "deployments.apps", "pods"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None, name: str = "") -> str:
        """Return the URL path of the collection or of one object."""
        parts = ["/apis", self.group] if self.group else ["/api"]
        parts.append(self.version)
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        return "/".join(parts)


class Discovery:
    """Finds resources by kind ("Deployment"; "Service.serving.knative.dev" where it is ambiguous)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = asyncio.Lock()
        self._versions: dict[str, list[str]] | None = None
        self._groups: dict[str, dict[str, Resource]] = {}
        self._failed: dict[str, str] = {}

    async def find(self, kind: str) -> Resource:
        """Return where `kind` is served, in its preferred version; `SourceMissing` if nowhere."""
        async with self._lock:
            name, _, group = kind.partition(".")
            if group or name in _USUAL_GROUP:
                found = (await self._group(group or _USUAL_GROUP[name])).get(name)
                if found is not None:
                    return found
            if not group:
                for resources in await self._all():
                    if name in resources:
                        return resources[name]
            raise self._missing(kind)

    async def named(self, word: str) -> list[Resource]:
        """Return what kubectl means by `word`: a plural, a kind, a short name, or a category.

        "deployments.apps" and "deployments.v1.apps" name the group too. Empty when nothing fits.
        """
        name, _, group = word.lower().partition(".")
        async with self._lock:
            if name == "all" and not group:
                await self._all()
            else:
                for usual in dict.fromkeys(_USUAL_GROUP.values()):
                    if found := _called(name, group, (await self._group(usual)).values()):
                        return [found]
            every = [resource for part in await self._all() for resource in part.values()]
        one = _called(name, group, every)
        if one is not None:
            return [one]
        return [resource for resource in every if not group and name in resource.categories]

    async def kinds(self) -> list[Resource]:
        """Return every kind the server serves, each once."""
        async with self._lock:
            seen: dict[str, Resource] = {}
            for resources in await self._all():
                for kind, resource in resources.items():
                    seen.setdefault(kind, resource)
            return list(seen.values())

    def _missing(self, kind: str) -> SourceMissing:
        known = sorted({name for group in self._groups.values() for name in group})
        near = difflib.get_close_matches(kind, known, 3, 0.6)
        text = f"kubernetes {self._connection.server}: does not serve the kind {kind}"
        if near:
            text += f"; near: {', '.join(near)}"
        if self._failed:
            text += f" (these API groups did not answer: {', '.join(sorted(self._failed))})"
        return SourceMissing(text)

    async def _all(self) -> list[dict[str, Resource]]:
        versions = await self._index()
        missing = [group for group in versions if group not in self._groups]
        results = await asyncio.gather(
            *(self._group(group) for group in missing), return_exceptions=True
        )
        for group, result in zip(missing, results, strict=True):
            if isinstance(result, ConnectorError):
                # One broken aggregated API must not hide all the others.
                self._failed[group] = str(result)
            elif isinstance(result, BaseException):
                raise result
        return [self._groups[group] for group in versions if group in self._groups]

    async def _group(self, group: str) -> dict[str, Resource]:
        if group in self._groups:
            return self._groups[group]
        versions = (await self._index()).get(group, [])
        if group in self._groups:
            return self._groups[group]
        resources: dict[str, Resource] = {}
        for version in versions:
            base = f"/apis/{group}/{version}" if group else f"/api/{version}"
            listing = await self._connection.json("GET", base, f"discover {group or 'core'}")
            for item in _of_listing(group, version, listing):
                resources.setdefault(item.kind, item)
        self._groups[group] = resources
        return resources

    async def _index(self) -> dict[str, list[str]]:
        """Return each group's served versions, the preferred one first."""
        if self._versions is not None:
            return self._versions
        core, named = await asyncio.gather(
            self._connection.json("GET", "/api", "discover its API", accept=_ACCEPT),
            self._connection.json("GET", "/apis", "discover its API groups", accept=_ACCEPT),
        )
        versions: dict[str, list[str]] = {}
        for document in (core, named):
            if document.get("kind") == "APIGroupDiscoveryList":
                self._read_aggregated(document, versions)
            elif document.get("kind") == "APIVersions":
                versions[""] = [str(version) for version in document.get("versions", [])]
            else:
                for group in document.get("groups") or []:
                    versions[group["name"]] = _served(group)
        self._versions = versions
        return versions

    def _read_aggregated(self, document: dict[str, Any], versions: dict[str, list[str]]) -> None:
        for group in document.get("items") or []:
            name = group.get("metadata", {}).get("name", "")
            versions[name] = [str(item["version"]) for item in group.get("versions") or []]
            resources: dict[str, Resource] = {}
            for version in group.get("versions") or []:
                if version.get("freshness") == "Stale":
                    self._failed[name] = "stale"
                for item in version.get("resources") or []:
                    kind = (item.get("responseKind") or {}).get("kind", "")
                    if kind:
                        namespaced = item.get("scope") == "Namespaced"
                        found = Resource(
                            kind,
                            name,
                            version["version"],
                            item["resource"],
                            namespaced,
                            item.get("singularResource") or kind.lower(),
                            tuple(item.get("shortNames") or ()),
                            tuple(item.get("categories") or ()),
                        )
                        resources.setdefault(kind, found)
            self._groups[name] = resources


def _served(group: dict[str, Any]) -> list[str]:
    preferred = (group.get("preferredVersion") or {}).get("version", "")
    others = [str(item["version"]) for item in group.get("versions") or []]
    return [preferred, *(v for v in others if v != preferred)] if preferred else others


def _of_listing(group: str, version: str, listing: dict[str, Any]) -> Iterable[Resource]:
    for item in listing.get("resources") or []:
        name = str(item.get("name", ""))
        # Subresources ("pods/log") are not listed on their own.
        if name and "/" not in name:
            yield Resource(
                item["kind"],
                group,
                version,
                name,
                bool(item.get("namespaced")),
                item.get("singularName") or item["kind"].lower(),
                tuple(item.get("shortNames") or ()),
                tuple(item.get("categories") or ()),
            )


def _called(name: str, group: str, resources: Iterable[Resource]) -> Resource | None:
    """Return the resource that a plural, singular or short name means; `group` "" is any."""
    fitting = [
        one
        for one in resources
        if group in ("", one.group, f"{one.version}.{one.group}".rstrip("."))
    ]
    for one in fitting:
        if name in (one.plural, one.singular):
            return one
    return next((one for one in fitting if name in one.short_names), None)
