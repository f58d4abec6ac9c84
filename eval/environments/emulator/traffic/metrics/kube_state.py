"""kube-state-metrics: the state of the app's objects."""

from __future__ import annotations

from functools import partial

from connectors.api.values import Json
from eval.environments.emulator.seams import ClusterState
from eval.environments.emulator.traffic.metrics.per_object import PerObject
from eval.environments.emulator.traffic.metrics.quantities import quantity
from eval.environments.emulator.traffic.metrics.scrape import Labels, Writer

_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
_UNITS = {"cpu": "core", "memory": "byte"}


class KubeState(PerObject):
    """Pods, containers, Deployments, Services and their endpoints in all namespaces."""

    def __init__(self, cluster: ClusterState) -> None:
        super().__init__(
            cluster,
            {
                "Pod": _pod,
                "Deployment": _deployment,
                "Endpoints": _endpoints,
                "Service": _service,
            },
        )


def _labels(item: Json, **more: str) -> Labels:
    meta = item["metadata"]
    base = {"namespace": meta.get("namespace", ""), "job": "kube-state-metrics"}
    return {**base, **more}


def _pod(page: Writer, pod: Json) -> None:
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    status, spec = pod.get("status", {}), pod.get("spec", {})
    phase = status.get("phase", "Pending")

    def labels(**more: str) -> Labels:
        return _labels(pod, pod=name, uid=uid, **more)

    for each in _PHASES:
        page.set(
            "kube_pod_status_phase",
            (uid, each),
            partial(labels, phase=each),
            float(each == phase),
        )
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or ()}
    for metric, kind in (
        ("kube_pod_status_ready", "Ready"),
        ("kube_pod_status_scheduled", "PodScheduled"),
    ):
        present = conditions.get(kind, "False").lower()
        for each in ("true", "false"):
            page.set(
                metric,
                (uid, each),
                partial(labels, condition=each),
                float(each == present),
            )
    owner = (pod["metadata"].get("ownerReferences") or [{}])[0]
    node = spec.get("nodeName", "")
    page.set(
        "kube_pod_info",
        (uid, node),
        lambda: labels(
            node=node,
            pod_ip=status.get("podIP", ""),
            created_by_kind=owner.get("kind", ""),
            created_by_name=owner.get("name", ""),
        ),
        1.0,
    )
    for container in status.get("containerStatuses") or ():
        _container(page, pod, container)
    for container in spec.get("containers") or ():
        _resources(page, pod, container)


def _container(page: Writer, pod: Json, status: Json) -> None:
    name, uid, container = pod["metadata"]["name"], pod["metadata"]["uid"], status["name"]
    key = (uid, container)

    def labels(**more: str) -> Labels:
        return _labels(pod, pod=name, uid=uid, container=container, **more)

    state = status.get("state") or {}
    prefix = "kube_pod_container_status_"
    restarts = float(status.get("restartCount", 0))
    page.set(prefix + "restarts_total", key, labels, restarts)
    page.set(prefix + "ready", key, labels, float(bool(status.get("ready"))))
    page.set(prefix + "running", key, labels, float("running" in state))
    page.set(prefix + "waiting", key, labels, float("waiting" in state))
    page.set(prefix + "terminated", key, labels, float("terminated" in state))
    if "waiting" in state:
        reason = state["waiting"].get("reason", "")
        page.set(prefix + "waiting_reason", (*key, reason), lambda: labels(reason=reason), 1.0)
    last = (status.get("lastState") or {}).get("terminated")
    if last:
        why = last.get("reason", "")
        page.set(prefix + "last_terminated_reason", (*key, why), lambda: labels(reason=why), 1.0)


def _resources(page: Writer, pod: Json, container: Json) -> None:
    meta = pod["metadata"]
    for kind in ("requests", "limits"):
        for resource, amount in ((container.get("resources") or {}).get(kind) or {}).items():
            if resource in _UNITS:
                page.set(
                    f"kube_pod_container_resource_{kind}",
                    (meta["uid"], container["name"], resource),
                    partial(
                        _labels,
                        pod,
                        pod=meta["name"],
                        uid=meta["uid"],
                        container=container["name"],
                        resource=resource,
                        unit=_UNITS[resource],
                    ),
                    quantity(str(amount)),
                )


def _deployment(page: Writer, deployment: Json) -> None:
    meta, status = deployment["metadata"], deployment.get("status", {})
    key = (meta.get("namespace", ""), meta["name"])

    def labels() -> Labels:
        return _labels(deployment, deployment=meta["name"])

    spec = deployment.get("spec", {})
    for metric, value in (
        ("kube_deployment_spec_replicas", spec.get("replicas", 1)),
        ("kube_deployment_status_replicas", status.get("replicas", 0)),
        ("kube_deployment_status_replicas_ready", status.get("readyReplicas", 0)),
        ("kube_deployment_status_replicas_available", status.get("availableReplicas", 0)),
        ("kube_deployment_status_replicas_unavailable", status.get("unavailableReplicas", 0)),
        ("kube_deployment_status_replicas_updated", status.get("updatedReplicas", 0)),
        ("kube_deployment_status_observed_generation", status.get("observedGeneration", 0)),
        ("kube_deployment_metadata_generation", meta.get("generation", 0)),
    ):
        page.set(metric, key, labels, float(value or 0))


def _endpoints(page: Writer, endpoints: Json) -> None:
    meta = endpoints["metadata"]
    key = (meta.get("namespace", ""), meta["name"])

    def labels(**more: str) -> Labels:
        return _labels(endpoints, endpoint=meta["name"], **more)

    ready = missing = 0
    for subset in endpoints.get("subsets") or ():
        for field, state in (("addresses", "true"), ("notReadyAddresses", "false")):
            for address in subset.get(field) or ():
                ready += state == "true"
                missing += state == "false"
                for port in subset.get("ports") or ():
                    ip, number = address["ip"], str(port["port"])
                    page.set(
                        "kube_endpoint_address",
                        (*key, ip, number, state),
                        partial(
                            labels,
                            ip=ip,
                            port_number=number,
                            port_name=port.get("name", ""),
                            port_protocol=port.get("protocol", "TCP"),
                            ready=state,
                        ),
                        1.0,
                    )
    page.set("kube_endpoint_address_available", key, labels, float(ready))
    page.set("kube_endpoint_address_not_ready", key, labels, float(missing))


def _service(page: Writer, service: Json) -> None:
    meta, spec = service["metadata"], service.get("spec", {})
    ip = spec.get("clusterIP", "")
    key = (meta.get("namespace", ""), meta["name"], ip)
    page.set(
        "kube_service_info", key, lambda: _labels(service, service=meta["name"], cluster_ip=ip), 1.0
    )
