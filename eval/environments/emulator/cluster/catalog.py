"""What one cluster serves: the built-in resources of its version, and its custom ones."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.resources import (
    BY_KIND,
    Resource,
    by_path,
    resources_of,
)
from eval.environments.emulator.cluster.version import Version


class Catalog:
    """The served resources of one cluster.

    `kinds` is the store's own table of stored kinds; the catalog keeps it up to date.
    """

    def __init__(self, version: Version, kinds: dict[str, Resource]) -> None:
        self.version = version
        self.kinds = kinds
        self._builtin = resources_of(version.legacy)
        self._custom: dict[str, tuple[Resource, ...]] = {}
        self._shapes: dict[tuple[str, str, str], Json] = {}
        for resource in self._builtin:
            if not resource.alias and "list" in resource.verbs:
                kinds.setdefault(resource.kind, resource)
        self._refresh()

    def _refresh(self) -> None:
        custom = [resource for rows in self._custom.values() for resource in rows]
        self.resources: tuple[Resource, ...] = (*self._builtin, *custom)
        self._by_path = by_path(self.resources)
        self._by_type = {(item.api_version, item.kind): item for item in self.resources}
        groups: dict[str, dict[str, None]] = {}
        for resource in self.resources:
            groups.setdefault(resource.group, {})[resource.version] = None
        self.groups: dict[str, tuple[str, ...]] = {
            name: tuple(versions) for name, versions in groups.items()
        }

    def at(self, group: str, version: str, plural: str) -> Resource | None:
        """Return the resource at a path."""
        return self._by_path.get((group, version, plural))

    def of(self, body: Json) -> Resource:
        """Return the resource of a manifest; a known kind in an unknown version is the stored one.

        Raises KeyError for a kind that is not served.
        """
        found = self._by_type.get((str(body.get("apiVersion", "")), str(body.get("kind", ""))))
        return found or self.kinds[body["kind"]]

    def below(self, group: str, version: str) -> list[Resource]:
        """Return the resources of one group version."""
        return [r for r in self.resources if r.group == group and r.version == version]

    def schema_of(self, resource: Resource) -> Json:
        """Return the OpenAPI schema of a custom resource, empty when it has none."""
        return self._shapes.get((resource.group, resource.version, resource.kind), {})

    def define(self, definition: Json) -> None:
        """Serve (or serve anew) what a CustomResourceDefinition defines."""
        spec = definition["spec"]
        rows = tuple(
            _custom(spec, version)
            for version in sorted(spec["versions"], key=lambda v: not v.get("storage"))
            if version.get("served", True)
        )
        self._custom[definition["metadata"]["name"]] = rows
        for version in spec["versions"]:
            shape = (version.get("schema") or {}).get("openAPIV3Schema") or {}
            self._shapes[spec["group"], version["name"], spec["names"]["kind"]] = shape
        for resource in rows[:1]:
            self.kinds[resource.key] = resource
        self._refresh()

    def forget(self, definition: Json) -> str:
        """Serve a definition's resources no more; returns the key of its stored objects."""
        rows = self._custom.pop(definition["metadata"]["name"], ())
        self._refresh()
        key = rows[0].key if rows else ""
        self.kinds.pop(key, None)
        return key


def _custom(spec: Json, version: Json) -> Resource:
    names, below = spec["names"], version.get("subresources") or {}
    kind = str(names["kind"])
    columns = tuple(
        (
            str(column["name"]),
            str(column.get("type", "string")),
            str(column.get("jsonPath", "")),
            int(column.get("priority", 0)),
        )
        for column in version.get("additionalPrinterColumns") or ()
    )
    return Resource(
        group=spec["group"],
        version=version["name"],
        kind=kind,
        plural=names["plural"],
        singular=names.get("singular") or kind.lower(),
        short=tuple(names.get("shortNames") or ()),
        namespaced=spec.get("scope", "Namespaced") == "Namespaced",
        subresources=tuple(name for name in ("status", "scale") if name in below),
        categories=tuple(names.get("categories") or ()),
        generation=True,
        storage=f"{kind}.{spec['group']}" if kind in BY_KIND else "",
        custom=True,
        columns=columns,
    )
