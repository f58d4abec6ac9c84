"""Finds what people mean by a service's name: its Service, its workload, its pods."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from connectors.api.values import Json
from copilot.model.errors import CorrectYourCall
from copilot.model.scope import ObjectRef
from copilot.tools.context import Context
from copilot.tools.kube_words import WORKLOADS, matches, name_of, ref_of
from copilot.tools.names import nearest

_LABELS = ("app", "app.kubernetes.io/name", "app.kubernetes.io/component", "k8s-app", "service")
_LABEL_SUFFIX = ".service"  # "io.kompose.service", "io.compose.service"


@dataclass(frozen=True, slots=True)
class Target:
    """What a name stands for. `service` and `workload` are None where there is none."""

    name: str
    namespace: str
    service: Json | None
    workload: Json | None
    pods: tuple[Json, ...]

    @property
    def objects(self) -> tuple[ObjectRef, ...]:
        """References to the Service and the workload, or to the pods when there is neither."""
        found = [ref_of(item) for item in (self.service, self.workload) if item is not None]
        return tuple(found) if found else tuple(ref_of(pod) for pod in self.pods[:10])


@dataclass(frozen=True, slots=True)
class Inventory:
    """The objects of one namespace that names are resolved against."""

    namespace: str
    services: tuple[Json, ...]
    workloads: tuple[Json, ...]
    pods: tuple[Json, ...]
    replica_sets: tuple[Json, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that can be asked for."""
        objects = (*self.services, *self.workloads)
        return tuple(dict.fromkeys(name_of(item) for item in objects))

    def find(self, name: str) -> Target | None:
        """Return what `name` stands for: a Service, a workload, a pod, or an app label."""
        plain = name.strip().rpartition("/")[2].partition(":")[0]
        plain = plain.removesuffix(".svc.cluster.local").removesuffix(f".{self.namespace}")
        service = next((item for item in self.services if name_of(item) == plain), None)
        workload = next((item for item in self.workloads if name_of(item) == plain), None)
        pods = tuple(pod for pod in self.pods if name_of(pod) == plain)
        if service is None and workload is None and not pods:
            pods = tuple(pod for pod in self.pods if _labelled(pod, plain))
        if service is not None:
            selector = (service.get("spec") or {}).get("selector") or {}
            labelled = [p for p in self.pods if matches(selector, p["metadata"].get("labels"))]
            pods = (*pods, *labelled)
        if workload is not None:
            pods = (*pods, *(pod for pod in self.pods if self.owner(pod) == ref_of(workload)))
        if service is None and workload is None and not pods:
            return None
        unique = {name_of(pod): pod for pod in pods}
        if workload is None and unique:
            owners = {self.owner(pod) for pod in unique.values()}
            owned = [item for item in self.workloads if ref_of(item) in owners]
            workload = owned[0] if len(owned) == 1 else None
        return Target(plain, self.namespace, service, workload, tuple(unique.values()))

    def owner(self, pod: Json) -> ObjectRef:
        """Return the top-level controller of a pod, or the pod itself when it has none."""
        reference = _controller(pod)
        if reference is None:
            return ref_of(pod)
        kind, name = reference
        if kind == "ReplicaSet":
            owner = next((rs for rs in self.replica_sets if name_of(rs) == name), None)
            above = _controller(owner) if owner else None
            if above:
                kind, name = above
        return ObjectRef(kind, self.namespace, name)


async def inventory(context: Context, namespace: str) -> Inventory:
    """Read what names in `namespace` can mean. Raises `ToolFailure` when it cannot be read."""
    kinds = ("Service", *WORKLOADS, "Pod", "ReplicaSet")
    lists = await asyncio.gather(*(context.list(kind, namespace) for kind in kinds))
    services, deployments, stateful, daemons, pods, replica_sets = map(tuple, lists)
    workloads = (*deployments, *stateful, *daemons)
    return Inventory(namespace, services, workloads, pods, replica_sets)


async def resolve(context: Context, name: str, namespace: str = "") -> Target:
    """Return what `name` stands for. Raises `CorrectYourCall` with the nearest names."""
    spaces = context.namespaces(namespace)
    known: list[str] = []
    for space in spaces:
        stock = await inventory(context, space)
        target = stock.find(name)
        if target is not None:
            return target
        known += stock.names
    raise CorrectYourCall(
        f'Nothing called "{name}" in namespace {", ".join(spaces)}'
        f" (Services, workloads, pods, app labels). There are: {_some(known)}.",
        nearest(name, known),
    )


def _some(names: list[str], count: int = 30) -> str:
    shown = ", ".join(sorted(set(names))[:count]) or "none at all"
    return f"{shown} and {len(set(names)) - count} more" if len(set(names)) > count else shown


def _labelled(pod: Json, name: str) -> bool:
    labels = (pod.get("metadata") or {}).get("labels") or {}
    return any(
        value == name and (key in _LABELS or key.endswith(_LABEL_SUFFIX))
        for key, value in labels.items()
    )


def _controller(item: Json) -> tuple[str, str] | None:
    for owner in (item.get("metadata") or {}).get("ownerReferences") or []:
        if owner.get("controller"):
            return str(owner["kind"]), str(owner["name"])
    return None
