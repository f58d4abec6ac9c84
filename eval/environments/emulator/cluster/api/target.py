"""What a request path points at."""

from __future__ import annotations

from dataclasses import dataclass

from eval.environments.emulator.cluster.catalog import Catalog
from eval.environments.emulator.cluster.errors import no_such_path
from eval.environments.emulator.cluster.resources import Resource


@dataclass(frozen=True, slots=True)
class Target:
    """A collection, an object, or a subresource. `namespace` "" means all or none."""

    resource: Resource
    namespace: str
    name: str
    subresource: str
    rest: str = ""


def parse(catalog: Catalog, path: str) -> Target:
    """Read a resource path below /api or /apis. Raises `ApiError` 404 for what is not served."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        raise no_such_path()
    if rest[0] == "watch":
        rest = rest[1:]
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        inner = catalog.at(group, version, rest[2])
        if inner is not None and inner.namespaced:
            namespace, rest = rest[1], rest[2:]
    resource = catalog.at(group, version, rest[0]) if rest else None
    if resource is None:
        raise no_such_path()
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    if subresource and subresource not in resource.subresources:
        raise no_such_path()
    if len(rest) > 3 and subresource != "proxy":
        raise no_such_path()
    if resource.namespaced and name and not namespace:
        raise no_such_path()
    return Target(resource, namespace, name, subresource, "/".join(rest[3:]))
