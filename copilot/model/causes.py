"""The taxonomy of causes: stable ids, and what each means in AIOpsLab's terms.

A cause id is `<area>.<condition>`. Ids are a public interface: they are added, never renamed.
`system_level` and `fault_type` are the two answers that AIOpsLab's analysis task asks for.
`docs/causes.md` is generated from this table.
"""

from __future__ import annotations

from dataclasses import dataclass

_HW, _OS, _VIRT, _APP = "Hardware", "Operating System", "Virtualization", "Application"
_CONFIG, _CODE, _AUTH = "Misconfiguration", "Code Defect", "Authentication Issue"
_NET, _OPS, _DEP = "Network/Storage Issue", "Operation Error", "Dependency Problem"


@dataclass(frozen=True, slots=True)
class Cause:
    """One kind of root cause. `repairs` is the kind of object whose change would repair it."""

    id: str
    title: str
    repairs: str
    system_level: str
    fault_type: str


_TABLE: tuple[tuple[str, str, str, str, str], ...] = (
    (
        "service.target_port_mismatch",
        "Service targetPort is not a port that its pods listen on",
        "Service",
        _VIRT,
        _CONFIG,
    ),
    ("service.selector_mismatch", "Service selector matches no pod", "Service", _VIRT, _CONFIG),
    ("service.missing", "A Service that callers use does not exist", "Service", _VIRT, _OPS),
    (
        "workload.scaled_to_zero",
        "A workload that others depend on has zero replicas",
        "workload",
        _VIRT,
        _OPS,
    ),
    (
        "workload.missing",
        "A workload that others depend on does not exist",
        "workload",
        _VIRT,
        _OPS,
    ),
    (
        "workload.bad_command",
        "The container's command cannot be run, or runs another program",
        "workload",
        _APP,
        _CONFIG,
    ),
    (
        "workload.crash_on_start",
        "The program exits by itself soon after it starts",
        "workload",
        _APP,
        _CODE,
    ),
    (
        "workload.bad_rollout",
        "A new revision of the workload fails where the one before it worked",
        "workload",
        _APP,
        _CONFIG,
    ),
    (
        "workload.update_strategy",
        "The update strategy takes too many pods away at once",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    ("image.not_found", "The image or its tag does not exist", "workload", _VIRT, _CONFIG),
    (
        "image.pull_unauthorized",
        "The registry refuses the pull credentials",
        "workload",
        _VIRT,
        _AUTH,
    ),
    (
        "image.wrong_architecture",
        "The image is not built for the node's architecture",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    (
        "config.secret_missing",
        "A referenced Secret or key does not exist",
        "workload",
        _APP,
        _CONFIG,
    ),
    (
        "config.configmap_missing",
        "A referenced ConfigMap or key does not exist",
        "workload",
        _APP,
        _CONFIG,
    ),
    (
        "config.env_wrong",
        "An environment variable is missing or points to the wrong place",
        "workload",
        _APP,
        _CONFIG,
    ),
    (
        "config.port_conflict",
        "Two containers, or a host port, claim the same port",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    ("config.feature_flag", "A feature flag switches on a faulty path", "ConfigMap", _APP, _CODE),
    (
        "probe.readiness_misconfigured",
        "The readiness probe asks for something the container does not serve",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    (
        "probe.liveness_misconfigured",
        "The liveness probe kills a container that works",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    (
        "probe.startup_misconfigured",
        "The startup probe kills a container before it is up",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    ("init.stuck", "An init container never finishes", "workload", _APP, _DEP),
    ("init.failing", "An init container fails", "workload", _APP, _CONFIG),
    (
        "resources.memory_limit_too_low",
        "The memory limit is below what the program needs: it is OOM-killed",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    (
        "resources.memory_leak",
        "Memory grows without bound until the container is OOM-killed",
        "workload",
        _APP,
        _CODE,
    ),
    (
        "resources.cpu_throttling",
        "The CPU limit is below what the program needs",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    (
        "resources.cpu_saturation",
        "The program uses all the CPU it can get",
        "workload",
        _APP,
        _CODE,
    ),
    (
        "resources.request_too_large",
        "The resource request fits on no node",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    (
        "resources.quota_exceeded",
        "A ResourceQuota forbids new pods",
        "ResourceQuota",
        _VIRT,
        _CONFIG,
    ),
    (
        "resources.limit_range",
        "A LimitRange forbids the pod's resources",
        "LimitRange",
        _VIRT,
        _CONFIG,
    ),
    (
        "scheduling.node_selector",
        "The node selector or affinity matches no node",
        "workload",
        _VIRT,
        _DEP,
    ),
    (
        "scheduling.pod_affinity",
        "Pod affinity or anti-affinity cannot be satisfied",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    ("scheduling.taint", "No node's taints are tolerated", "Node", _VIRT, _CONFIG),
    ("scheduling.cordoned", "The nodes that fit are cordoned", "Node", _VIRT, _OPS),
    (
        "scheduling.preempted",
        "A higher-priority workload took the place",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    (
        "storage.claim_unbound",
        "A PersistentVolumeClaim cannot be bound",
        "PersistentVolumeClaim",
        _VIRT,
        _OPS,
    ),
    (
        "storage.claim_missing",
        "A referenced PersistentVolumeClaim does not exist",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    (
        "storage.class_missing",
        "The StorageClass does not exist",
        "PersistentVolumeClaim",
        _VIRT,
        _CONFIG,
    ),
    ("storage.mount_failed", "A volume cannot be mounted", "workload", _VIRT, _NET),
    ("storage.disk_full", "A volume or a node's disk is full", "PersistentVolumeClaim", _HW, _NET),
    ("storage.disk_errors", "The disk returns errors", "Node", _HW, _NET),
    (
        "database.login_revoked",
        "A database login lost the rights that the program needs",
        "workload",
        _APP,
        _AUTH,
    ),
    ("database.user_missing", "The database user does not exist", "workload", _APP, _NET),
    (
        "database.wrong_password",
        "The program logs in with a wrong password",
        "workload",
        _APP,
        _AUTH,
    ),
    (
        "database.tls_mismatch",
        "The database demands TLS and the client does not speak it",
        "workload",
        _APP,
        _CONFIG,
    ),
    (
        "database.lock_contention",
        "A database session holds a lock that others wait for",
        "workload",
        _APP,
        _OPS,
    ),
    (
        "dependency.unreachable",
        "A dependency refuses connections or does not answer",
        "workload",
        _APP,
        _DEP,
    ),
    ("dependency.slow", "A dependency answers too slowly", "workload", _APP, _DEP),
    (
        "dependency.wrong_address",
        "The program calls a dependency at a wrong name or port",
        "workload",
        _APP,
        _CONFIG,
    ),
    (
        "dependency.pool_exhausted",
        "The connection pool to a dependency is exhausted",
        "workload",
        _APP,
        _CONFIG,
    ),
    (
        "dependency.retry_storm",
        "Retries multiply the load on a struggling dependency",
        "workload",
        _APP,
        _CONFIG,
    ),
    ("cache.ineffective", "A cache stopped serving hits", "workload", _APP, _CODE),
    ("queue.consumer_lag", "Consumers fall behind a queue", "workload", _APP, _CODE),
    ("application.errors", "The program answers with errors of its own", "workload", _APP, _CODE),
    ("application.slow", "The program itself became slow", "workload", _APP, _CODE),
    ("traffic.surge", "More traffic arrives than the system is sized for", "workload", _APP, _OPS),
    (
        "network.policy_blocks",
        "A NetworkPolicy blocks traffic that the app needs",
        "NetworkPolicy",
        _VIRT,
        _CONFIG,
    ),
    ("network.loss", "Packets are lost on the way to a workload", "workload", _OS, _NET),
    ("network.delay", "Packets are delayed on the way to a workload", "workload", _OS, _NET),
    ("network.dns", "Names are not resolved", "workload", _VIRT, _NET),
    ("network.ingress_misroute", "An Ingress routes to the wrong place", "Ingress", _VIRT, _CONFIG),
    ("security.certificate_expired", "A certificate has expired", "Secret", _APP, _AUTH),
    (
        "security.rbac_denied",
        "A service account lacks a right that the program needs",
        "Role",
        _VIRT,
        _AUTH,
    ),
    (
        "security.pod_security",
        "Pod Security or the security context forbids the pod",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    (
        "security.service_account_missing",
        "The pod's service account does not exist",
        "workload",
        _VIRT,
        _CONFIG,
    ),
    (
        "admission.webhook_failing",
        "An admission webhook fails and blocks changes",
        "WebhookConfiguration",
        _VIRT,
        _DEP,
    ),
    (
        "autoscaling.no_metrics",
        "The autoscaler cannot read the metric that it scales on",
        "HorizontalPodAutoscaler",
        _VIRT,
        _CONFIG,
    ),
    (
        "autoscaling.at_limit",
        "The autoscaler has reached its maximum",
        "HorizontalPodAutoscaler",
        _VIRT,
        _CONFIG,
    ),
    ("job.failing", "A Job or CronJob fails", "Job", _APP, _CODE),
    ("pod.killed", "Pods were killed or deleted from outside", "workload", _VIRT, _OPS),
    ("pod.evicted", "Pods were evicted by the kubelet", "Node", _OS, _NET),
    ("node.not_ready", "A node is not ready", "Node", _OS, _NET),
    ("node.pressure", "A node is under memory, disk or process pressure", "Node", _OS, _NET),
    ("unknown", "Something is wrong that the evidence does not name", "workload", _APP, _CODE),
)

CAUSES: dict[str, Cause] = {row[0]: Cause(*row) for row in _TABLE}
"""All causes by id."""
