"""The shapes of sources. Fitting the shape is enough; nothing needs to inherit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from connectors.api.values import (
    Alert,
    Check,
    Delivery,
    Dependency,
    Documents,
    Json,
    LogPage,
    LogSelector,
    LogVolume,
    Series,
    Trace,
)

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

    async def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str]
    ) -> tuple[int, str]:
        """Run a command in a container; return its exit code and what it wrote."""
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


class LogSource(Connector, Protocol):
    """A store of log lines. Every method raises `ConnectorError`."""

    async def lines(
        self,
        selector: LogSelector,
        start: datetime,
        end: datetime,
        *,
        limit: int = 1000,
        contains: str = "",
    ) -> LogPage:
        """Return the newest `limit` lines in [start, end) that contain a text."""
        ...

    async def volume(
        self, selector: LogSelector, start: datetime, end: datetime
    ) -> list[LogVolume]:
        """Return how many lines each container wrote in [start, end), the most first."""
        ...


class TraceSource(Connector, Protocol):
    """A store of traces. Every method raises `ConnectorError`."""

    async def services(self) -> list[str]:
        """Return the names of the services that send spans."""
        ...

    async def operations(self, service: str) -> list[str]:
        """Return the names of a service's spans."""
        ...

    async def traces(
        self,
        service: str,
        start: datetime,
        end: datetime,
        *,
        operation: str = "",
        errors_only: bool = False,
        min_duration_ms: float = 0.0,
        limit: int = 20,
    ) -> list[Trace]:
        """Return the newest `limit` traces with a matching span of the service, newest first."""
        ...

    async def trace(self, id: str) -> Trace:
        """Return one trace. Raises `SourceMissing` for an id that is not kept."""
        ...

    async def dependencies(self, start: datetime, end: datetime) -> list[Dependency]:
        """Return which services call which, by name."""
        ...


class AlertSource(Connector, Protocol):
    """Whatever knows of alerts."""

    async def alerts(self, at: datetime) -> list[Alert]:
        """Return the alerts that are open at an instant, the oldest first. Raises `ConnectorError`."""
        ...


class ChangeSource(Connector, Protocol):
    """Whatever changes the cluster, and remembers it: Helm, Argo CD, a forge's deployments."""

    async def changes(
        self, start: datetime, end: datetime, namespaces: Sequence[str] = ()
    ) -> list[Delivery]:
        """Return what was changed in [start, end) there (none: everywhere), the newest first.

        Raises `ConnectorError`.
        """
        ...


class DocumentSource(Connector, Protocol):
    """Whatever holds runbooks or past incidents: a repository, a wiki, a tracker."""

    async def documents(self) -> Documents:
        """Return all documents as they are now. Raises `ConnectorError`."""
        ...
