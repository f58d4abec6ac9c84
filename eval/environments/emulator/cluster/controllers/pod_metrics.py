"""What autoscalers are told about pods, and what they conclude from one metric."""

from __future__ import annotations

import math
from dataclasses import dataclass

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import (
    finished,
    is_true,
    labels_of,
    terminating,
)
from eval.environments.emulator.cluster.quantity import quantity
from eval.environments.emulator.cluster.selectors import selector_matches
from eval.environments.emulator.cluster.world import World

_TOLERANCE = 0.1
_API = (
    "unable to get metrics for resource {name}: unable to fetch metrics from resource metrics API: "
)
_MISSING = "the server could not find the requested resource (get pods.metrics.k8s.io)"
_DOWN = "the server is currently unable to handle the request (get pods.metrics.k8s.io)"
_NAMESPACE, _SERVER = "kube-system", "metrics-server"


class MetricError(Exception):
    """A metric that cannot be had; `reason` is the event's, `what` the metric in words."""

    def __init__(self, reason: str, what: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.what = what


@dataclass(frozen=True, slots=True)
class Measured:
    """What one metric asks for."""

    replicas: int
    description: str
    status: Json


class PodMetrics:
    """Answers as the metrics APIs would."""

    def __init__(self, world: World) -> None:
        self._world = world

    def measure(self, metric: Json, target: Json, present: int) -> Measured:
        """Return the size that a metric asks for. Raises `MetricError`."""
        kind = metric["type"]
        if kind in ("Resource", "ContainerResource"):
            field = "resource" if kind == "Resource" else "containerResource"
            return self._resource(metric[field], field, target, present)
        name = (metric.get(kind.lower()) or {}).get("metric", {}).get("name", "")
        family = "external" if kind == "External" else "custom"
        raise MetricError(
            f"FailedGet{kind}Metric",
            f"{kind.lower()} metric value",
            f"unable to get metric {name}: unable to fetch metrics from {family} metrics API:"
            f" no {family} metrics API ({family}.metrics.k8s.io) registered",
        )

    def _resource(self, source: Json, field: str, target: Json, present: int) -> Measured:
        name, wanted = str(source["name"]), source["target"]
        only = str(source.get("container", ""))
        utilization = wanted.get("averageUtilization")
        kind = "utilization" if utilization is not None else "resource metric value"
        what = f"{name} resource metric value"
        reason = "FailedGetResourceMetric" if not only else "FailedGetContainerResourceMetric"

        def fail(message: str) -> MetricError:
            return MetricError(reason, what, f"failed to get {name} {kind}: {message}")

        pods = self._pods(target)
        problem = self._problem()
        if problem:
            raise fail(_API.format(name=name) + problem)
        used, requested, unready, missing = self._collect(pods, name, only)
        if not used:
            text = "no metrics returned from resource metrics API"
            if pods and not any(is_true(pod, "Ready") for pod in pods):
                raise fail("did not receive metrics for targeted pods (pods might be unready)")
            raise fail(f"unable to get metrics for resource {name}: {text}")
        if utilization is not None:
            for pod in pods:
                for container in pod["spec"]["containers"]:
                    requests = (container.get("resources") or {}).get("requests") or {}
                    if (not only or container["name"] == only) and name not in requests:
                        raise fail(
                            f"missing request for {name} in container {container['name']}"
                            f" of Pod {pod['metadata']['name']}"
                        )
        ready = [key for key in used if key not in unready]
        if not ready:
            raise fail("did not receive metrics for targeted pods (pods might be unready)")
        total = sum(used[key] for key in ready)
        average = total / len(ready)
        if utilization is not None:
            asked = sum(requested[key] for key in ready)
            share = total * 100 / asked if asked else 0.0
            ratio = share / float(utilization)
            current: Json = {
                "averageUtilization": int(share),
                "averageValue": _shown(name, average),
            }
            words = f"{name} resource utilization (percentage of request)"
        else:
            ratio = average / float(quantity(wanted["averageValue"]))
            current = {"averageValue": _shown(name, average)}
            words = f"{name} resource"
        if only:
            words = words.replace(f"{name} resource", f"{name} container resource", 1)
        replicas = _size(ratio, len(ready), len(unready), len(missing), present)
        shown: Json = {"name": name, "current": current}
        if only:
            shown["container"] = only
        kind_shown = "Resource" if field == "resource" else "ContainerResource"
        return Measured(replicas, words, {"type": kind_shown, field: shown})

    def _problem(self) -> str:
        """Return why the resource metrics API gives no answer, or ""."""
        if not self._world.software.metered:
            return _MISSING
        server = self._world.store.get("Endpoints", _NAMESPACE, _SERVER)
        if server is None:
            return _MISSING
        subsets = server.get("subsets") or ()
        return "" if any(subset.get("addresses") for subset in subsets) else _DOWN

    def _pods(self, target: Json) -> list[Json]:
        selector = target["spec"].get("selector") or {}
        labels = selector.get("matchLabels") or {}
        found = self._world.index.selected(target["metadata"]["namespace"], labels)
        return [
            pod
            for pod in sorted(found, key=lambda pod: str(pod["metadata"]["name"]))
            if selector_matches(selector, labels_of(pod))
            and not finished(pod)
            and not terminating(pod)
        ]

    def _collect(
        self, pods: list[Json], name: str, only: str
    ) -> tuple[dict[str, float], dict[str, float], set[str], set[str]]:
        used: dict[str, float] = {}
        requested: dict[str, float] = {}
        unready: set[str] = set()
        missing: set[str] = set()
        for pod in pods:
            key = pod["metadata"]["name"]
            amounts, asked = [], 0.0
            for container in pod["spec"]["containers"]:
                if only and container["name"] != only:
                    continue
                found = self._world.software.usage(pod, container["name"])
                if found is not None:
                    amounts.append(found.cores if name == "cpu" else found.memory)
                requests = (container.get("resources") or {}).get("requests") or {}
                asked += float(quantity(requests.get(name, 0)))
            if pod["status"].get("phase") == "Pending" or (
                name == "cpu" and not is_true(pod, "Ready")
            ):
                unready.add(key)
            elif not amounts:
                missing.add(key)
            if amounts:
                used[key], requested[key] = sum(amounts), asked
        return used, requested, unready, missing


def _size(ratio: float, ready: int, unready: int, missing: int, present: int) -> int:
    """Return the size for a ratio of use to target; pods without numbers slow changes down."""
    if abs(ratio - 1.0) <= _TOLERANCE:
        return present
    if ratio > 1.0:
        if unready or missing:
            ratio = ratio * ready / (ready + unready + missing)
            if ratio <= 1.0 + _TOLERANCE:
                return present
        return max(present, math.ceil(ratio * (ready + unready + missing)))
    if missing:
        ratio = (ratio * ready + missing) / (ready + missing)
        if ratio >= 1.0 - _TOLERANCE:
            return present
    return min(present, math.ceil(ratio * (ready + missing)))


def _shown(name: str, value: float) -> str:
    return f"{math.ceil(value * 1000)}m" if name == "cpu" else str(round(value))
