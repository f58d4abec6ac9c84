"""What one investigation lists of the cluster, planned as reads that run side by side."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors.api.errors import SourceForbidden
from connectors.api.protocols import ClusterReader
from connectors.api.values import Json
from copilot.evidence.kube import name_of, namespace_of, ref_of
from copilot.evidence.ledger import at_namespace, resource
from copilot.evidence.reads import Read
from copilot.evidence.tables import table
from copilot.evidence.wanted import (
    CLUSTER_WIDE,
    NAMESPACED,
    ON_DEMAND,
    SPARE,
    TELLING_EVENTS,
    WITHOUT_NAMESPACE,
    called_for,
)
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import Scope
from copilot.tools.redact import redact

_EACH = 2
"""Up to so many namespaces are listed one by one, more of them all at once."""
_LISTS = 15
_LARGE = 200
"""Up to so many pods an investigation makes at most `_LISTS` lists in one namespace."""


class ObjectReads:
    """Lists the kinds that an investigation needs; `objects` fills as the reads run.

    First what is always needed (`plan`), then what that calls for (`more`). `unread` are kinds
    that were called for and left out, to bound the number of calls.
    """

    def __init__(self, cluster: ClusterReader, scope: Scope, now: datetime) -> None:
        self._cluster = cluster
        self._scope = scope
        self._now = now
        self.objects: dict[str, list[Json]] = {}
        self.unread: tuple[str, ...] = ()

    def plan(self) -> list[Read]:
        """Return the reads of the kinds that are always listed."""
        reads = [self._read(kind, place) for kind in NAMESPACED for place in self._places()]
        return reads + [self._read(kind, None) for kind in CLUSTER_WIDE]

    def more(self) -> list[Read]:
        """Return the reads that the objects listed so far call for."""
        wanted = called_for(self.objects, whole_cluster=not self._scope.namespaces)
        most = _LISTS - len(NAMESPACED) - len(CLUSTER_WIDE)
        if len(self.objects.get("Pod", ())) > _LARGE:
            most = len(ON_DEMAND)
        wanted, self.unread = wanted[:most], tuple(wanted[most:])
        wanted += [kind for kind in SPARE if kind not in (*wanted, *self.unread)][
            : most - len(wanted)
        ]
        return [
            self._read(kind, place)
            for kind in wanted
            for place in ((None,) if kind in WITHOUT_NAMESPACE else self._places())
        ]

    def _places(self) -> Sequence[str | None]:
        """Return the namespaces to list one by one; None is all of them in one list."""
        spaces = self._scope.namespaces
        return spaces if 0 < len(spaces) <= _EACH else (None,)

    def _read(self, kind: str, namespace: str | None) -> Read:
        async def run() -> tuple[Evidence, ...]:
            found = await self._list(kind, namespace)
            if kind == "ConfigMap":
                found = [o for o in found if name_of(o) != "kube-root-ca.crt"]
            self.objects.setdefault(kind, []).extend(found)
            where = at_namespace(namespace) if namespace else " -A"
            query = f"kubectl get {resource(kind)}{'' if kind in WITHOUT_NAMESPACE else where}"
            return (self._evidence(kind, query, found),) if found else ()

        return Read("cluster_list", {"kind": kind, "namespace": namespace or ""}, run)

    async def _list(self, kind: str, namespace: str | None) -> list[Json]:
        fields = TELLING_EVENTS if kind == "Event" else ""
        spaces = self._scope.namespaces
        if namespace or kind in WITHOUT_NAMESPACE or not spaces:
            return await self._cluster.list(kind, namespace, fields=fields)
        try:
            found = await self._cluster.list(kind, None, fields=fields)
        except SourceForbidden:
            # Rights are often given per namespace.
            parts = [await self._cluster.list(kind, space, fields=fields) for space in spaces]
            return [obj for part in parts for obj in part]
        return [obj for obj in found if namespace_of(obj) in spaces]

    def _evidence(self, kind: str, query: str, found: Sequence[Json]) -> Evidence:
        text = redact(table(kind, found))
        return Evidence.of(
            Source.EVENTS if kind == "Event" else Source.KUBERNETES,
            query,
            text,
            start=self._scope.window.baseline_start,
            end=self._now,
            objects=tuple(ref_of(o) for o in found[:20]),
        )
