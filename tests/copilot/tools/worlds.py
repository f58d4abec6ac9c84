"""A cluster, a metrics store and a clock in memory, that fit the Protocols of the sources."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.api.errors import ConnectorError, SourceMissing, SourceRejected
from connectors.api.values import Check, Json, Series
from copilot.model.scope import Scope, Window
from copilot.tools.context import Limits
from copilot.tools.sources import Sources
from copilot.tools.toolbox import Toolbox
from retrieval.values import DocumentKind, Hit

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
Objects = list[Json]


def stamp(minutes_ago: float) -> str:
    return (NOW - timedelta(minutes=minutes_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


class FixedClock:
    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class Cluster:
    objects: Objects = field(default_factory=list)
    log_texts: dict[str, str] = field(default_factory=dict)
    """By "pod", "pod/container" or "pod/container/previous"."""
    broken: dict[str, ConnectorError] = field(default_factory=dict)
    """By kind, or "logs"."""
    forbidden: set[tuple[str, str]] = field(default_factory=set)
    delay: float = 0.0
    calls: list[str] = field(default_factory=list)
    name: str = "kubernetes (context test)"

    async def list(
        self, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> Objects:
        self.calls.append(f"list {kind}")
        await asyncio.sleep(self.delay)
        if kind in self.broken:
            raise self.broken[kind]
        if not kind.isalpha() or kind == "Gadget":
            raise SourceMissing(f"does not serve the kind {kind}")
        return [
            item
            for item in self.objects
            if item["kind"] == kind
            and (namespace is None or item["metadata"].get("namespace", "") == namespace)
        ]

    async def get(self, kind: str, namespace: str, name: str) -> Json:
        if kind in self.broken:
            raise self.broken[kind]
        for item in await self.list(kind, namespace or None):
            if item["metadata"]["name"] == name:
                return item
        raise SourceMissing(f'{kind} "{name}" not found')

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
        self.calls.append(f"logs {pod}")
        if "logs" in self.broken:
            raise self.broken["logs"]
        key = f"{pod}/{container}/previous" if previous else f"{pod}/{container}"
        text = self.log_texts.get(key, None if previous else self.log_texts.get(pod))
        if text is None:
            raise SourceRejected(f"kubernetes: cannot read: 400: container is waiting: {pod}")
        return text

    async def can(self, verb: str, kind: str, namespace: str) -> bool:
        return (kind, namespace) not in self.forbidden

    async def check(self) -> Sequence[Check]:
        return []

    async def close(self) -> None:
        pass


@dataclass
class Metrics:
    """Answers a query with the series of the first key that it contains."""

    answers: dict[str, list[Series]] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    name: str = "prometheus"

    async def query(self, expression: str, at: datetime) -> list[Series]:
        self.queries.append(expression)
        return next((series for key, series in self.answers.items() if key in expression), [])

    async def query_range(
        self, expression: str, start: datetime, end: datetime, step: float
    ) -> list[Series]:
        return await self.query(expression, end)

    async def check(self) -> Sequence[Check]:
        return []

    async def close(self) -> None:
        pass


@dataclass
class Knowledge:
    hits: list[Hit]

    async def search(
        self,
        query: str,
        *,
        kind: DocumentKind | None = None,
        limit: int = 5,
        today: object = None,
    ) -> list[Hit]:
        return [hit for hit in self.hits if kind in (None, hit.kind)][:limit]


def meta(name: str, namespace: str = "shop", age: float = 300, **more: Any) -> Json:
    return {"name": name, "namespace": namespace, "creationTimestamp": stamp(age), **more}


def owned(kind: str, name: str) -> list[Json]:
    return [{"kind": kind, "name": name, "uid": f"{kind}-{name}", "controller": True}]


def namespace(name: str = "shop") -> Json:
    return {"kind": "Namespace", "metadata": {"name": name}}


def container(name: str = "main", port: int = 8080, **more: Any) -> Json:
    return {"name": name, "image": "app:1", "ports": [{"containerPort": port}], **more}


def pod(
    name: str, app: str, *, ready: bool = True, state: Json | None = None, **status: Any
) -> Json:
    """A pod of Deployment `app`, whose ReplicaSet is `app`-1."""
    return {
        "kind": "Pod",
        "metadata": meta(
            name, labels={"app": app}, ownerReferences=owned("ReplicaSet", f"{app}-1")
        ),
        "spec": {"containers": [container()], "nodeName": "node-1"},
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.1",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [
                {"name": "main", "ready": ready, "state": state or {"running": {}}, **status}
            ],
        },
    }


def deployment(name: str, *, replicas: int = 1, ready: int = 1, **spec: Any) -> Json:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [container()], **spec},
    }
    return {
        "kind": "Deployment",
        "metadata": meta(name, uid=f"Deployment-{name}"),
        "spec": {"replicas": replicas, "template": template},
        "status": {"readyReplicas": ready, "updatedReplicas": replicas},
    }


def replica_set(app: str, revision: int = 1, age: float = 300, **spec: Any) -> Json:
    return {
        "kind": "ReplicaSet",
        "metadata": meta(
            f"{app}-{revision}",
            age=age,
            annotations={"deployment.kubernetes.io/revision": str(revision)},
            ownerReferences=owned("Deployment", app),
        ),
        "spec": {"template": {"spec": {"containers": [container()], **spec}}},
    }


def service(name: str, *, app: str = "", target: int | str = 8080) -> Json:
    return {
        "kind": "Service",
        "metadata": meta(name),
        "spec": {"selector": {"app": app or name}, "ports": [{"port": 80, "targetPort": target}]},
    }


def endpoints(name: str, *addresses: str, port: int = 8080) -> Json:
    subset = {"addresses": [{"ip": ip} for ip in addresses], "ports": [{"port": port}]}
    return {"kind": "Endpoints", "metadata": meta(name), "subsets": [subset] if addresses else []}


def app(name: str, **more: Any) -> Objects:
    """A healthy app: Deployment, ReplicaSet, one pod, Service, endpoints."""
    return [
        deployment(name, **more),
        replica_set(name),
        pod(f"{name}-1-aaaaa", name),
        service(name),
        endpoints(name, "10.0.0.1"),
    ]


def event(reason: str, about: str, message: str, *, age: float = 5, **more: Any) -> Json:
    kind, _, name = about.partition("/")
    return {
        "kind": "Event",
        "metadata": meta(f"{name}.{reason}.{age}"),
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": kind, "namespace": "shop", "name": name},
        "firstTimestamp": stamp(age + 5),
        "lastTimestamp": stamp(age),
        "count": 1,
        **more,
    }


def scope(*namespaces: str, services: tuple[str, ...] = ()) -> Scope:
    return Scope("test", namespaces or ("shop",), Window.last(NOW), services)


def toolbox(cluster: Cluster | None, limits: Limits | None = None, **sources: Any) -> Toolbox:
    return Toolbox(Sources(FixedClock(), cluster=cluster, **sources), scope(), limits)


async def told(box: Toolbox, tool: str, **arguments: Any) -> str:
    """Call a tool and return its text."""
    given: Mapping[str, Any] = arguments
    return (await box.call(tool, given)).text
