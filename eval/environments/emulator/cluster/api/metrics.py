"""metrics.k8s.io: what `kubectl top` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from connectors.api.values import Json
from eval.environments.emulator.cluster.api.respond import reply
from eval.environments.emulator.cluster.authorizer import Access, Authorizer, User, refusal
from eval.environments.emulator.cluster.errors import (
    bad_request,
    forbidden,
    no_such_path,
    not_found,
)
from eval.environments.emulator.cluster.objects import labels_of, rfc3339
from eval.environments.emulator.cluster.selectors import parse_labels
from eval.environments.emulator.cluster.world import World

_GROUP = "metrics.k8s.io"
_WINDOW = "15.5s"


@dataclass(frozen=True, slots=True)
class Usage:
    """Cores and bytes of working set."""

    cores: float
    memory: float


class MetricsSource(Protocol):
    """Where the numbers come from."""

    def pod_usage(self, pod: Json) -> Mapping[str, Usage]:
        """The usage of a pod's running containers by name; empty when nothing is known yet."""
        ...

    def node_usage(self, node: Json) -> Usage | None:
        """The usage of a node; None when nothing is known yet."""
        ...


class SoftwareMetrics:
    """A `MetricsSource` over what the programs say that they use."""

    def __init__(self, world: World) -> None:
        self._world = world

    def pod_usage(self, pod: Json) -> Mapping[str, Usage]:
        """The usage of a pod's running containers by name."""
        found: dict[str, Usage] = {}
        for item in (pod.get("status") or {}).get("containerStatuses") or ():
            used = self._world.software.usage(pod, item["name"])
            if used is not None and "running" in (item.get("state") or {}):
                found[item["name"]] = Usage(used.cores, used.memory)
        return found

    def node_usage(self, node: Json) -> Usage | None:
        """The sum over a node's pods, and what its system itself uses."""
        total = _SYSTEM
        for pod in self._world.index.on_node(node["metadata"]["name"]):
            for used in self.pod_usage(pod).values():
                total = Usage(total.cores + used.cores, total.memory + used.memory)
        return total


_SYSTEM = Usage(cores=0.12, memory=900 * 2**20)


class MetricsApi:
    """Serves NodeMetrics and PodMetrics."""

    def __init__(self, world: World, source: MetricsSource, authorizer: Authorizer) -> None:
        self._world = world
        self._source = source
        self._authorizer = authorizer

    def answer(self, request: web.Request, path: str, user: User) -> web.Response:
        """Answer a request below /apis/metrics.k8s.io/. Raises `ApiError`."""
        parts = path.split("/")[3:]
        if parts == ["v1beta1"] or parts[:1] != ["v1beta1"] or request.method != "GET":
            raise no_such_path()
        rest, namespace = parts[1:], ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        plural, name = rest[0], rest[1] if len(rest) > 1 else ""
        if plural not in ("pods", "nodes") or len(rest) > 2:
            raise no_such_path()
        access = Access("get" if name else "list", _GROUP, plural, namespace, name)
        if not self._authorizer.allowed(user, access):
            raise forbidden(_GROUP, plural, name, refusal(user, access))
        return reply(self._answer(plural, namespace, name, request.query.get("labelSelector", "")))

    def _answer(self, plural: str, namespace: str, name: str, selector: str) -> Json:
        kind = "Pod" if plural == "pods" else "Node"
        render = self._pod if plural == "pods" else self._node
        if name:
            obj = self._world.store.get(kind, namespace, name)
            found = None if obj is None else render(obj)
            if found is None:
                raise not_found(_GROUP, f"{kind.lower()}metrics", f"{namespace}/{name}".strip("/"))
            return {"kind": f"{kind}Metrics", "apiVersion": f"{_GROUP}/v1beta1", **found}
        try:
            matches = parse_labels(selector)
        except ValueError as error:
            raise bad_request(str(error)) from error
        stored = self._world.store.all(kind, namespace or None)
        items = [render(obj) for obj in stored if matches(labels_of(obj))]
        return {
            "kind": f"{kind}MetricsList",
            "apiVersion": f"{_GROUP}/v1beta1",
            "metadata": {},
            "items": [item for item in items if item is not None],
        }

    def _pod(self, pod: Json) -> Json | None:
        if (pod.get("status") or {}).get("phase") != "Running":
            return None
        usage = self._source.pod_usage(pod)
        if not usage:
            return None
        containers = [{"name": name, "usage": _amounts(used)} for name, used in usage.items()]
        return {**self._head(pod), "containers": containers}

    def _node(self, node: Json) -> Json | None:
        used = self._source.node_usage(node)
        return None if used is None else {**self._head(node), "usage": _amounts(used)}

    def _head(self, obj: Json) -> Json:
        now = rfc3339(self._world.clock.now())
        meta: Json = {"name": obj["metadata"]["name"], "creationTimestamp": now}
        for field in ("namespace", "labels"):
            if obj["metadata"].get(field):
                meta[field] = obj["metadata"][field]
        return {"metadata": meta, "timestamp": now, "window": _WINDOW}


def _amounts(used: Usage) -> Json:
    return {"cpu": f"{round(used.cores * 1e9)}n", "memory": f"{round(used.memory / 1024)}Ki"}
