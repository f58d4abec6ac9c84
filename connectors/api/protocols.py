"""The shapes of sources. Fitting the shape is enough; nothing needs to inherit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from connectors.api.values import Check, Json, Series

PatchType = Literal["merge", "strategic", "json"]


class Connector(Protocol):
    """Any source: it can be checked and closed."""

    @property
    def name(self) -> str:
        """A short name for people: "kubernetes (context prod)"."""
        ...

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


class ClusterReader(Connector, Protocol):
    """Read access to a Kubernetes API. Kinds are given by their CamelCase name ("Deployment")."""

    async def list(
        self, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Json]:
        """Return all objects of `kind` (all namespaces for None), following `continue` tokens.

        Each object carries `kind` and `apiVersion`. Secrets are returned without data.
        Raises `ConnectorError`; `SourceMissing` when the API server does not serve the kind.
        """
        ...

    async def get(self, kind: str, namespace: str, name: str) -> Json:
        """Return one object (`namespace` "" for cluster-wide kinds). Raises `ConnectorError`."""
        ...

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str = "",
        *,
        tail: int = 2000,
        since: datetime | None = None,
        previous: bool = False,
    ) -> str:
        """Return a container's log with RFC 3339 timestamps, newest `tail` lines at most."""
        ...

    async def can(self, verb: str, kind: str, namespace: str) -> bool:
        """Ask the API server whether we may (SelfSubjectAccessReview)."""
        ...


class ClusterWriter(Protocol):
    """Write access. Only `copilot.mitigation` and the evaluation's faults may hold one."""

    async def patch(
        self,
        kind: str,
        namespace: str,
        name: str,
        patch: Json | list[Json],
        *,
        type: PatchType = "merge",
        dry_run: bool = False,
    ) -> Json:
        """Patch an object (a list is a JSON patch) and return it. `dry_run` is the server's own."""
        ...

    async def create(self, kind: str, namespace: str, body: Json, *, dry_run: bool = False) -> Json:
        """Create an object and return it."""
        ...

    async def delete(self, kind: str, namespace: str, name: str, *, dry_run: bool = False) -> None:
        """Delete an object in the background."""
        ...


class MetricsSource(Connector, Protocol):
    """A store that speaks Prometheus' query API."""

    async def query(self, expression: str, at: datetime) -> list[Series]:
        """Evaluate at one instant; each series has one point."""
        ...

    async def query_range(
        self, expression: str, start: datetime, end: datetime, step: float
    ) -> list[Series]:
        """Evaluate every `step` seconds from `start` to `end`."""
        ...
