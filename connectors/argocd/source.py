"""Argo CD's applications as a source of changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from connectors.api.errors import ConnectorError, SourceMissing
from connectors.api.health import failed
from connectors.api.http import HttpClient
from connectors.api.http_failures import malformed
from connectors.api.protocols import ClusterReader
from connectors.api.values import Check, Delivery, Json
from connectors.argocd.results import deliveries
from connectors.argocd.settings import ArgoSettings

_KIND = "Application.argoproj.io"
# Of an application only what `results` reads; its resource tree can be megabytes.
_FIELDS = ",".join(
    f"items.{field}"
    for field in (
        *("metadata.name", "metadata.namespace", "spec.destination", "spec.project"),
        *("status.history", "status.operationState", "status.sync", "status.health"),
        "status.resources",
    )
)


class ArgoObjects:
    """Applications read as objects of the cluster (Argo CD 2.x and 3.x). Fits `ChangeSource`.

    `namespace` is where Argo CD keeps its applications. The reader is not closed here.
    """

    def __init__(self, cluster: ClusterReader, namespace: str = "argocd") -> None:
        self._cluster = cluster
        self._namespace = namespace

    @property
    def name(self) -> str:
        """The kind and where its applications are."""
        return f"argocd (Applications in {self._namespace or 'all namespaces'})"

    async def changes(
        self, start: datetime, end: datetime, namespaces: Sequence[str] = ()
    ) -> list[Delivery]:
        """Return the syncs that ended in [start, end), the newest first."""
        found = await self._cluster.list(_KIND, self._namespace or None)
        return _read(found, start, end, namespaces, self.name)

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        try:
            found = await self._cluster.list(_KIND, self._namespace or None)
        except SourceMissing:
            repair = "set argocd.url, or argocd.enabled = false"
            return [Check("argocd", False, "the cluster has no Applications of Argo CD", repair)]
        except ConnectorError as error:
            repair = "bind a Role that may list applications.argoproj.io"
            return [Check("argocd", False, str(error), repair)]
        return [Check("argocd", True, f"{self.name}, {len(found)} applications")]

    async def close(self) -> None:
        """Do nothing: the connection is the reader's."""


class ArgoApi:
    """Applications read from Argo CD's REST API v1. Fits `ChangeSource`."""

    def __init__(self, settings: ArgoSettings) -> None:
        self._settings = settings
        self._http = HttpClient(settings)

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"argocd ({self._settings.url})"

    async def changes(
        self, start: datetime, end: datetime, namespaces: Sequence[str] = ()
    ) -> list[Delivery]:
        """Return the syncs that ended in [start, end), the newest first."""
        return _read(await self._applications(), start, end, namespaces, self._settings.url)

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        try:
            found = await self._applications()
        except ConnectorError as error:
            return [failed("argocd", error)]
        return [Check("argocd", True, f"{self.name}, {len(found)} applications")]

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _applications(self) -> list[Json]:
        body: Any = await self._http.get("/api/v1/applications", {"fields": _FIELDS})
        # No application at all is "items": null.
        items = body.get("items", 0) if isinstance(body, dict) else 0
        if items is None:
            return []
        if not isinstance(items, list):
            raise malformed("Argo CD", self._settings.url, "no list of applications")
        return list(items)


def _read(
    applications: Sequence[Json],
    start: datetime,
    end: datetime,
    namespaces: Sequence[str],
    where: str,
) -> list[Delivery]:
    try:
        every = [one for item in applications for one in deliveries(item)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise malformed("Argo CD", where, "an application of another shape") from error
    kept = [
        one
        for one in every
        if start <= one.time < end and (not namespaces or one.namespace in ("", *namespaces))
    ]
    return sorted(kept, key=lambda one: one.time, reverse=True)
