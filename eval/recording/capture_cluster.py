"""Records the objects of a cluster: every kind that it serves, in the scope."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from connectors.api.errors import ConnectorError
from connectors.api.values import Json
from connectors.kubernetes.discovery import Resource
from connectors.kubernetes.reader import KubernetesReader
from copilot.tools.redact import redact, redact_object
from eval.recording.schema import KindPart

_WIDTH = 6
# What cannot be listed, and what only repeats other objects in another shape.
_SKIPPED_ENDINGS = ("Review", "Binding", "Request", "Options", "Metrics")
_KEPT = frozenset({"RoleBinding", "ClusterRoleBinding", "CertificateSigningRequest"})
_SKIPPED = frozenset({"ComponentStatus", "APIService", "FlowSchema", "PriorityLevelConfiguration"})


class ClusterCapture:
    """Lists everything once; a kind that cannot be listed is kept with the reason."""

    def __init__(self, cluster: KubernetesReader, namespaces: Sequence[str]) -> None:
        self._cluster = cluster
        self._namespaces = namespaces

    async def read(self) -> tuple[list[KindPart], list[Json]]:
        """Return the kinds and the redacted objects, sorted. Raises `ConnectorError`."""
        gate = asyncio.Semaphore(_WIDTH)

        async def one(resource: Resource) -> tuple[KindPart, list[Json]]:
            async with gate:
                return await self._kind(resource)

        found = await asyncio.gather(*map(one, await self._cluster.kinds()))
        objects = [redact_object(obj) for _, some in found for obj in some]
        kinds = sorted((part for part, _ in found), key=lambda part: (part.group, part.kind))
        return kinds, sorted(objects, key=_order)

    async def version(self) -> dict[str, Any]:
        """Return what the server says of its version, nothing when it says nothing."""
        try:
            return dict(await self._cluster.version())
        except ConnectorError:
            return {}

    async def _kind(self, resource: Resource) -> tuple[KindPart, list[Json]]:
        why, found = "", []
        if not _wanted(resource):
            why = "this kind is not part of a recording"
        else:
            try:
                found = await self._list(resource)
            except ConnectorError as error:
                why = redact(str(error))
        part = KindPart(
            kind=resource.kind,
            group=resource.group,
            version=resource.version,
            plural=resource.plural,
            namespaced=resource.namespaced,
            recorded=not why,
            why=why,
        )
        return part, found

    async def _list(self, resource: Resource) -> list[Json]:
        name = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
        if not resource.namespaced or not self._namespaces:
            return await self._cluster.list(name)
        parts = [await self._cluster.list(name, space) for space in self._namespaces]
        return [obj for part in parts for obj in part]


def _wanted(resource: Resource) -> bool:
    kind = resource.kind
    if (kind, resource.group) == ("Event", "events.k8s.io"):
        return False
    return kind in _KEPT or not (kind in _SKIPPED or kind.endswith(_SKIPPED_ENDINGS))


def _order(obj: Json) -> tuple[str, str, str, str]:
    meta = obj["metadata"]
    return obj["apiVersion"], obj["kind"], meta.get("namespace", ""), meta["name"]
