"""A cluster in memory that answers what `exec_shell` asks and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.api.values import Json
from connectors.kubernetes.binary import Output
from connectors.kubernetes.discovery import Resource
from tests.copilot.tools.worlds import Cluster, app

_KINDS = (
    Resource("Pod", "", "v1", "pods", True, "pod", ("po",), ("all",)),
    Resource("Service", "", "v1", "services", True, "service", ("svc",), ("all",)),
    Resource("ConfigMap", "", "v1", "configmaps", True, "configmap", ("cm",)),
    Resource("Secret", "", "v1", "secrets", True, "secret"),
    Resource("Namespace", "", "v1", "namespaces", False, "namespace", ("ns",)),
    Resource("Node", "", "v1", "nodes", False, "node", ("no",)),
    Resource("Event", "", "v1", "events", True, "event", ("ev",)),
    Resource("Deployment", "apps", "v1", "deployments", True, "deployment", ("deploy",), ("all",)),
    Resource("ReplicaSet", "apps", "v1", "replicasets", True, "replicaset", ("rs",), ("all",)),
    *(
        Resource(name.capitalize(), "", "v1", name, True, name.rstrip("s"), (short,))
        for name, short in (
            *(("endpoints", "ep"), ("resourcequotas", "quota"), ("serviceaccounts", "sa")),
            *(("networkpolicies", "netpol"), ("persistentvolumeclaims", "pvc"), ("jobs", "job")),
            *(("daemonsets", "ds"), ("statefulsets", "sts"), ("ingresses", "ingress")),
            *(("horizontalpodautoscalers", "hpa"), ("storageclasses", "sc")),
            *(("persistentvolumes", "pv"), ("networkpolicys", "networkpolicy")),
        )
    ),
)


@dataclass
class ShellCluster(Cluster):
    """Adds tables and kubectl. `asked` holds everything that went out."""

    default_namespace: str = "shop"
    context: str = "test"
    asked: list[tuple[str, ...]] = field(default_factory=list)
    output: Output = field(default_factory=lambda: Output("", "", 0))

    async def named(self, word: str) -> Sequence[Resource]:
        name, _, group = word.lower().partition(".")
        found = [
            one
            for one in _KINDS
            if name in (one.plural, one.singular, *one.short_names)
            and group.strip(".") in ("", one.group, one.version, f"{one.version}.{one.group}")
        ]
        return found or [one for one in _KINDS if name in one.categories]

    async def table(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        name: str = "",
        labels: str = "",
        fields: str = "",
        full: bool = False,
    ) -> Json:
        self.asked.append(("table", resource.plural, namespace or "", name))
        objects = await Cluster.list(self, resource.kind, namespace)
        rows = [
            {"cells": [item["metadata"]["name"], "Running"], "object": item}
            for item in objects
            if name in ("", item["metadata"]["name"])
        ]
        return {"columnDefinitions": [{"name": "Name"}, {"name": "Status"}], "rows": rows}

    async def list(
        self, kind: str, namespace: str | None = None, *, labels: str = "", fields: str = ""
    ) -> list[Json]:
        self.asked.append(("list", kind, namespace or ""))
        return await Cluster.list(self, kind.partition(".")[0], namespace)

    async def get(self, kind: str, namespace: str, name: str) -> Json:
        self.asked.append(("get", kind, namespace, name))
        return await Cluster.get(self, kind.partition(".")[0], namespace, name)

    async def kubectl(
        self, arguments: Sequence[str], *, seconds: float = 20.0, limit: int = 32 * 1024 * 1024
    ) -> Output:
        self.asked.append(("kubectl", *arguments))
        return self.output


def cluster() -> ShellCluster:
    return ShellCluster([*app("cart"), *app("checkout")])
