"""Type and help text of the metrics, as their exporters give them."""

from __future__ import annotations

_COUNTER, _GAUGE, _HISTOGRAM = "counter", "gauge", "histogram"

METADATA: dict[str, tuple[str, str]] = {
    "up": (_GAUGE, ""),
    "container_cpu_usage_seconds_total": (_COUNTER, "Cumulative cpu time consumed in seconds."),
    "container_memory_working_set_bytes": (_GAUGE, "Current working set in bytes."),
    "container_memory_rss": (_GAUGE, "Size of RSS in bytes."),
    "container_start_time_seconds": (_GAUGE, "Start time of the container since unix epoch."),
    "container_network_receive_bytes_total": (_COUNTER, "Cumulative count of bytes received"),
    "container_network_transmit_bytes_total": (_COUNTER, "Cumulative count of bytes transmitted"),
    "container_cpu_cfs_periods_total": (
        _COUNTER,
        "Number of elapsed enforcement period intervals.",
    ),
    "container_cpu_cfs_throttled_periods_total": (
        _COUNTER,
        "Number of throttled period intervals.",
    ),
    "container_spec_cpu_quota": (_GAUGE, "CPU quota of the container."),
    "container_spec_memory_limit_bytes": (_GAUGE, "Memory limit for the container."),
    "kube_pod_status_phase": (_GAUGE, "The pods current phase."),
    "kube_pod_status_ready": (_GAUGE, "Describes whether the pod is ready to serve requests."),
    "kube_pod_status_scheduled": (_GAUGE, "Describes the status of the scheduling process."),
    "kube_pod_info": (_GAUGE, "Information about pod."),
    "kube_pod_container_status_restarts_total": (
        _COUNTER,
        "The number of container restarts per container.",
    ),
    "kube_pod_container_status_ready": (
        _GAUGE,
        "Whether the containers readiness check succeeded.",
    ),
    "kube_pod_container_status_running": (_GAUGE, "Whether the container is in running state."),
    "kube_pod_container_status_waiting": (_GAUGE, "Whether the container is in waiting state."),
    "kube_pod_container_status_terminated": (_GAUGE, "Whether it is in terminated state."),
    "kube_pod_container_status_waiting_reason": (_GAUGE, "The reason it is in waiting state."),
    "kube_pod_container_status_last_terminated_reason": (
        _GAUGE,
        "The last reason the container was in terminated state.",
    ),
    "kube_pod_container_resource_requests": (_GAUGE, "The number of requested resources."),
    "kube_pod_container_resource_limits": (_GAUGE, "The number of requested limit resources."),
    "kube_deployment_spec_replicas": (_GAUGE, "Number of desired pods for a deployment."),
    "kube_deployment_status_replicas": (_GAUGE, "The number of replicas per deployment."),
    "kube_deployment_status_replicas_ready": (_GAUGE, "The number of ready replicas."),
    "kube_deployment_status_replicas_available": (_GAUGE, "The number of available replicas."),
    "kube_deployment_status_replicas_unavailable": (_GAUGE, "The number of unavailable replicas."),
    "kube_deployment_status_replicas_updated": (_GAUGE, "The number of updated replicas."),
    "kube_endpoint_address": (_GAUGE, "Information about Endpoint available and non available."),
    "kube_endpoint_address_available": (_GAUGE, "Number of addresses available in endpoint."),
    "kube_endpoint_address_not_ready": (_GAUGE, "Number of addresses not ready in endpoint."),
    "kube_service_info": (_GAUGE, "Information about service."),
    "kube_node_status_condition": (_GAUGE, "The condition of a cluster node."),
    "node_cpu_seconds_total": (_COUNTER, "Seconds the CPUs spent in each mode."),
    "node_load1": (_GAUGE, "1m load average."),
    "node_memory_MemTotal_bytes": (_GAUGE, "Memory information field MemTotal_bytes."),
    "node_memory_MemAvailable_bytes": (_GAUGE, "Memory information field MemAvailable_bytes."),
    "node_filesystem_size_bytes": (_GAUGE, "Filesystem size in bytes."),
    "node_filesystem_avail_bytes": (_GAUGE, "Filesystem space available to non-root users."),
    "traces_span_metrics_calls_total": (_COUNTER, "Number of spans."),
    "traces_span_metrics_duration_milliseconds": (_HISTOGRAM, "Duration of spans."),
}
"""By metric name (for a histogram: without `_bucket`)."""
