"""Which metrics are worth comparing: the usual exporters' names, and requests under any name."""

from __future__ import annotations

import re
from dataclasses import dataclass

# How exporters call the one who serves a request; the first that a series carries names it.
SERVICE_LABELS = (
    *("service_name", "service", "destination_service_name", "destination_workload", "app"),
    *("deployment", "workload", "container", "job", "pod"),
)
STATUS_LABELS = (
    *("code", "status", "status_code", "http_status_code", "http_response_status_code"),
    *("response_code", "grpc_code", "grpc_status", "rpc_grpc_status_code"),
)
NAMESPACE_LABELS = ("namespace", "exported_namespace", "kubernetes_namespace", "k8s_namespace_name")

_REQUESTS = re.compile(
    r"(?:requests?|calls|handled|rpcs?|responses?)_total$"
    r"|(?:request|rpc|server|calls|http|grpc)\w*_(?:duration|latency|time)\w*_count$"
)
_LATENCY = re.compile(r"(?:duration|latency|response_time|request_time)\w*_bucket$")
# The monitoring system's and the runtime's own counters say nothing about the app's users.
_OWN = re.compile(
    r"^(?:prometheus_|promhttp_|scrape_|apiserver_|kubelet_|rest_client_|workqueue_|etcd_|go_|process_)"
)
_GOOD_GRPC = ("ok", "0", "unset", "status_code_unset", "status_code_ok")


@dataclass(frozen=True, slots=True)
class Family:
    """One thing to compare. `needs` is the metric that must exist; `by` names its series."""

    title: str
    needs: str
    expression: str
    unit: str = ""


def resource_families(namespace: str, pods: str) -> tuple[Family, ...]:
    """Return what cAdvisor and kube-state-metrics tell about the pods that match `pods`."""
    where = f'namespace="{namespace}",pod=~"{pods}"'
    return (
        Family(
            "CPU by pod",
            "container_cpu_usage_seconds_total",
            _by_pod("rate(container_cpu_usage_seconds_total{{{}}}[2m])", where),
            "cores",
        ),
        Family(
            "memory by pod",
            "container_memory_working_set_bytes",
            _by_pod("container_memory_working_set_bytes{{{}}}", where),
            "bytes",
        ),
        Family(
            "share of CPU periods throttled by pod",
            "container_cpu_cfs_throttled_periods_total",
            f"sum by (pod) (rate(container_cpu_cfs_throttled_periods_total{{{where}}}[2m]))"
            f" / sum by (pod) (rate(container_cpu_cfs_periods_total{{{where}}}[2m]))",
        ),
        Family(
            "restarts by pod",
            "kube_pod_container_status_restarts_total",
            f"sum by (pod) (kube_pod_container_status_restarts_total{{{where}}})",
        ),
        Family(
            "ready containers by pod",
            "kube_pod_container_status_ready",
            f"sum by (pod) (kube_pod_container_status_ready{{{where}}})",
        ),
        Family(
            "network received by pod",
            "container_network_receive_bytes_total",
            f"sum by (pod) (rate(container_network_receive_bytes_total{{{where}}}[2m]))",
            "bytes/s",
        ),
        Family(
            "network sent by pod",
            "container_network_transmit_bytes_total",
            f"sum by (pod) (rate(container_network_transmit_bytes_total{{{where}}}[2m]))",
            "bytes/s",
        ),
        Family(
            "packets dropped by pod",
            "container_network_receive_packets_dropped_total",
            f"sum by (pod) (rate(container_network_receive_packets_dropped_total{{{where}}}[2m]))",
            "/s",
        ),
    )


def _by_pod(expression: str, where: str) -> str:
    """Sum over a pod's containers; over the pod's own group where the kubelet knows no others.

    The pod's group holds the sum of its containers already, so the two must not be added.
    """
    own = expression.format(f'{where},container!="",container!="POD"')
    group = expression.format(f'{where},container=""')
    return f"sum by (pod) ({own}) or sum by (pod) ({group})"


def request_counters(names: list[str]) -> list[str]:
    """Return the metrics that count requests, the fewest that say it all."""
    found = [name for name in names if _REQUESTS.search(name) and not _OWN.search(name)]
    totals = [name for name in found if name.endswith("_total")]
    return sorted(totals or found)[:4]


def latency_histograms(names: list[str]) -> list[str]:
    """Return the histograms of how long requests took."""
    return sorted(name for name in names if _LATENCY.search(name) and not _OWN.search(name))[:3]


def identity(labels: dict[str, str]) -> str:
    """Return the name of the service that a series is about."""
    return next((labels[key] for key in SERVICE_LABELS if labels.get(key)), "all")


def failed(labels: dict[str, str]) -> bool | None:
    """Say whether a series counts failed requests; None when its labels do not tell."""
    for key in STATUS_LABELS:
        value = labels.get(key, "").lower()
        if not value:
            continue
        if re.fullmatch(r"[1-5](?:\d\d|xx)", value):
            return value.startswith("5")
        if value in ("success", "true"):
            return False
        return value not in _GOOD_GRPC
    return None


def in_scope(labels: dict[str, str], namespaces: tuple[str, ...]) -> bool:
    """Say whether a series may be shown: it names one of `namespaces`, or none at all."""
    named = [labels[key] for key in NAMESPACE_LABELS if labels.get(key)]
    return not named or any(name in namespaces for name in named)
