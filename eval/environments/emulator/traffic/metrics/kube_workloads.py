"""kube-state-metrics: the workloads beside Deployments, autoscalers, claims, quotas and nodes."""

from __future__ import annotations

from functools import partial

from connectors.api.values import Json
from eval.environments.emulator.seams import ClusterState
from eval.environments.emulator.traffic.metrics.per_object import PerObject
from eval.environments.emulator.traffic.metrics.quantities import quantity
from eval.environments.emulator.traffic.metrics.scrape import Labels, Writer

_CLAIM_PHASES = ("Pending", "Bound", "Lost")


def _labels(item: Json, label: str) -> Labels:
    meta = item["metadata"]
    namespace = meta.get("namespace", "")
    return {"namespace": namespace, "job": "kube-state-metrics", label: meta["name"]}


def _numbers(page: Writer, item: Json, label: str, values: dict[str, object]) -> None:
    for name, value in values.items():
        number = float(value) if isinstance(value, int | float) else 0.0
        page.set(name, item["metadata"]["name"], partial(_labels, item, label), number)


def _stateful_set(page: Writer, item: Json) -> None:
    spec, status = item.get("spec", {}), item.get("status", {})
    prefix = "kube_statefulset_"
    values = {
        f"{prefix}replicas": spec.get("replicas", 1),
        f"{prefix}status_replicas": status.get("replicas", 0),
        f"{prefix}status_replicas_ready": status.get("readyReplicas", 0),
        f"{prefix}status_replicas_current": status.get("currentReplicas", 0),
        f"{prefix}status_replicas_updated": status.get("updatedReplicas", 0),
    }
    _numbers(page, item, "statefulset", values)


def _daemon_set(page: Writer, item: Json) -> None:
    status, prefix = item.get("status", {}), "kube_daemonset_status_"
    values = {
        f"{prefix}desired_number_scheduled": status.get("desiredNumberScheduled", 0),
        f"{prefix}current_number_scheduled": status.get("currentNumberScheduled", 0),
        f"{prefix}number_ready": status.get("numberReady", 0),
        f"{prefix}number_unavailable": status.get("numberUnavailable", 0),
    }
    _numbers(page, item, "daemonset", values)


def _job(page: Writer, item: Json) -> None:
    status = item.get("status", {})
    values = {
        "kube_job_status_active": status.get("active", 0),
        "kube_job_status_succeeded": status.get("succeeded", 0),
        "kube_job_status_failed": status.get("failed", 0),
    }
    _numbers(page, item, "job_name", values)
    for condition in status.get("conditions") or ():
        name = {"Failed": "kube_job_failed", "Complete": "kube_job_complete"}.get(condition["type"])
        if name:
            shown = {**_labels(item, "job_name"), "condition": "true"}
            page.set(name, item["metadata"]["name"], partial(dict, shown), float(condition["status"] == "True"))  # fmt: skip


def _autoscaler(page: Writer, item: Json) -> None:
    spec, status = item.get("spec", {}), item.get("status", {})
    prefix = "kube_horizontalpodautoscaler_"
    values = {
        f"{prefix}spec_min_replicas": spec.get("minReplicas", 1),
        f"{prefix}spec_max_replicas": spec.get("maxReplicas", 0),
        f"{prefix}status_current_replicas": status.get("currentReplicas", 0),
        f"{prefix}status_desired_replicas": status.get("desiredReplicas", 0),
    }
    _numbers(page, item, "horizontalpodautoscaler", values)


def _claim(page: Writer, item: Json) -> None:
    name, present = item["metadata"]["name"], item.get("status", {}).get("phase", "Pending")
    for phase in _CLAIM_PHASES:
        shown = {**_labels(item, "persistentvolumeclaim"), "phase": phase}
        metric = "kube_persistentvolumeclaim_status_phase"
        page.set(metric, (name, phase), partial(dict, shown), float(phase == present))


def _node(page: Writer, item: Json) -> None:
    name = item["metadata"]["name"]
    shown = {"job": "kube-state-metrics", "node": name}
    cordoned = bool(item.get("spec", {}).get("unschedulable"))
    page.set("kube_node_spec_unschedulable", name, partial(dict, shown), float(cordoned))


def _quota(page: Writer, item: Json) -> None:
    name, status = item["metadata"]["name"], item.get("status", {})
    for kind in ("hard", "used"):
        for resource, amount in (status.get(kind) or {}).items():
            shown = {**_labels(item, "resourcequota"), "resource": resource, "type": kind}
            key = (name, resource, kind)
            page.set("kube_resourcequota", key, partial(dict, shown), quantity(str(amount)))


class KubeWorkloads(PerObject):
    """StatefulSets, DaemonSets, Jobs, autoscalers, claims, quotas, and which nodes are cordoned."""

    def __init__(self, cluster: ClusterState) -> None:
        super().__init__(
            cluster,
            {
                "StatefulSet": _stateful_set,
                "DaemonSet": _daemon_set,
                "Job": _job,
                "HorizontalPodAutoscaler": _autoscaler,
                "PersistentVolumeClaim": _claim,
                "ResourceQuota": _quota,
                "Node": _node,
            },
        )
