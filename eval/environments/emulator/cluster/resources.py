"""Which resources the emulated API server serves, and their properties."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from eval.environments.emulator.cluster.served import ROWS

_VERBS = {
    "w": ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"),
    "s": ("create", "delete", "get", "list", "patch", "update", "watch"),
    "r": ("get", "list"),
    "c": ("create",),
}

_LATER_SUBRESOURCES = ("ephemeralcontainers",)


@dataclass(frozen=True, slots=True)
class Resource:
    """One served resource. Objects are stored under `storage`, or else under `kind`.

    `generation` says whether the API server counts generations of the spec; `subresources` are
    served below the object, `status` and `scale` among them. An `alias` shows objects that are
    stored in another version's shape. `columns` are a custom resource's printer columns, as
    (name, type, JSON path, priority).
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    short: tuple[str, ...] = ()
    namespaced: bool = True
    subresources: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    generation: bool = False
    verbs: tuple[str, ...] = _VERBS["w"]
    alias: bool = False
    storage: str = ""
    custom: bool = False
    columns: tuple[tuple[str, str, str, int], ...] = ()
    served: str = ""

    @property
    def api_version(self) -> str:
        """Return `v1` or `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> str:
        """Return the key under which the store keeps its objects."""
        return self.storage or self.kind


def _row(line: str) -> Resource:
    api, plural, kind, short, scope, *options = line.split()
    group, _, version = api.rpartition("/")
    named = dict(option.split("=") for option in options if "=" in option)
    return Resource(
        group=group,
        version=version,
        kind=kind,
        plural=plural,
        singular=kind.lower(),
        short=() if short == "-" else tuple(short.split(",")),
        namespaced=scope == "n",
        subresources=tuple(named["sub"].split(",")) if "sub" in named else (),
        categories=("all",)
        if "all" in options
        else ("api-extensions",)
        if "ext" in options
        else (),
        generation="gen" in options,
        verbs=_VERBS[named.get("v", "w")],
        alias="alias" in options,
        served="old" if "old" in options else "new" if "new" in options else "",
    )


_ALL = tuple(_row(line) for line in ROWS.strip().splitlines())


def resources_of(legacy: bool) -> tuple[Resource, ...]:
    """Return the built-in resources that 1.20 (`legacy`) or the present version serves."""
    hidden = "new" if legacy else "old"
    served = (resource for resource in _ALL if resource.served != hidden)
    return tuple(map(_earlier, served)) if legacy else tuple(served)


def _earlier(resource: Resource) -> Resource:
    kept = tuple(name for name in resource.subresources if name not in _LATER_SUBRESOURCES)
    return replace(resource, subresources=kept)


def by_path(resources: Iterable[Resource]) -> dict[tuple[str, str, str], Resource]:
    """Return resources by group, version and plural name."""
    return {(item.group, item.version, item.plural): item for item in resources}


BY_KIND: dict[str, Resource] = {
    resource.kind: resource
    for resource in resources_of(legacy=False)
    if not resource.alias and "list" in resource.verbs
}
"""The built-in kinds that are stored, by kind, in the version in which they are stored."""
