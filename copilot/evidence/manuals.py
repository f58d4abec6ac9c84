"""What a person has to do where no typed action repairs a cause."""

from __future__ import annotations

from collections.abc import Mapping

from copilot.evidence.clues import Fact
from copilot.model.scope import ObjectRef

_TEXTS: dict[str, str] = {
    "service.selector_mismatch": "Set the selector of {kind} {name} to its pods' labels{selector}.",
    "service.missing": "Create Service {name} again{port}, selecting the pods of {workload}.",
    "service.target_port_mismatch": "Set the target port of Service {name} to the port that its pods listen on.",
    "workload.missing": "Deploy {name} again, or remove what still refers to it.",
    "workload.bad_command": "Correct command and arguments of container {container} in {kind} {name}.",
    "workload.crash_on_start": "Read the last lines of the log of {kind} {name} and repair the program or its input.",
    "image.pull_unauthorized": "Renew the image pull secret that {kind} {name} uses.",
    "image.not_found": "Set the image of {kind} {name} to one that exists.",
    "config.secret_missing": "Create {missing}{near} in namespace {namespace}, or correct the reference in {kind} {name}.",
    "config.configmap_missing": "Create {missing}{near} in namespace {namespace}, or correct the reference in {kind} {name}.",
    "config.env_wrong": "Correct the setting {setting} of {kind} {name}{previous}.",
    "config.port_conflict": "Give {kind} {name} a port of its own.",
    "dependency.wrong_address": "Correct the address that {kind} {name} calls.",
    "probe.readiness_misconfigured": "Point the readiness probe of {kind} {name} to what the program serves{port}.",
    "probe.liveness_misconfigured": "Correct the liveness probe of {kind} {name}{port}: its target, or allow more time and failures (now {allowed} s).",
    "probe.startup_misconfigured": "Allow the startup probe of {kind} {name} more time, or correct its target.",
    "init.stuck": "Provide what init container {container} of {kind} {name} waits for, or correct its condition.",
    "init.failing": "Read the log of init container {container} of {kind} {name} and repair what it needs.",
    "resources.memory_limit_too_low": "Raise the memory limit of container {container} in {kind} {name} (now {limit}{previous_limit}).",
    "resources.memory_leak": "Find what keeps memory in {kind} {name}; until then restart it before it reaches its limit.",
    "resources.cpu_throttling": "Raise or remove the CPU limit of {kind} {name}.",
    "resources.request_too_large": "Lower the request for {resource} of {kind} {name}, or add a node with enough.",
    "resources.quota_exceeded": "Raise ResourceQuota {name} ({detail}), or free what it counts.",
    "resources.limit_range": "Bring the pods' resources within LimitRange {name}, or change it.",
    "scheduling.node_selector": "Correct the node selector or affinity of {kind} {name}, or label a node.",
    "scheduling.pod_affinity": "Loosen the (anti-)affinity or spread rules of {kind} {name}, or add nodes.",
    "scheduling.taint": "Remove the taint from the node (kubectl taint nodes {name} {taint}-), or let the pods tolerate it.",
    "scheduling.cordoned": "Uncordon the node (kubectl uncordon {name}).",
    "storage.claim_missing": "Create the PersistentVolumeClaim that {kind} {name} mounts, or correct its name.",
    "storage.claim_unbound": "Provide a volume that fits PersistentVolumeClaim {name}.",
    "storage.class_missing": "Create the StorageClass, or name an existing one in a new PersistentVolumeClaim {name}.",
    "storage.mount_failed": "Repair the volume that {kind} {name} cannot mount.",
    "network.policy_blocks": "Allow the blocked traffic in NetworkPolicy {name}, or delete it (kubectl delete networkpolicy {name} -n {namespace}).",
    "network.ingress_misroute": "Correct the backend of Ingress {name}.",
    "network.dns": "Correct the DNS settings that keep names from being resolved.",
    "node.not_ready": "Look at the kubelet of node {name}, or drain and replace it.",
    "node.pressure": "Free resources on node {name}.",
    "database.login_revoked": "Grant the program's database user the rights that it needs again.",
    "database.user_missing": "Create the program's database user again.",
    "database.wrong_password": "Bring the program's password and the database's into agreement.",
    "database.tls_mismatch": "Let {name} serve clients without TLS too (mongod: --tlsMode preferTLS), or give its clients TLS.",
    "database.lock_contention": "End the session in {name} that holds the lock (pg_terminate_backend, KILL), and find what left it open.",
    "database.connection_limit": "Raise the limit of connections of {name}, or lower the pools of its clients.",
    "database.memory_full": "Free or evict data in {name}, or give it more memory.",
    "dependency.unreachable": "Bring {name} back, or correct what is in its way.",
    "dependency.slow": "Find what {name} waits for, or give it more to work with.",
    "dependency.pool_exhausted": "Raise the pool of connections of {kind} {name}, or find what keeps them.",
    "dependency.retry_storm": "Let {kind} {name} retry less often and later each time, until what it calls has recovered.",
    "cache.ineffective": "Find why {name} has stopped serving hits: what was flushed, or which keys changed.",
    "queue.consumer_lag": "Give {kind} {name} more replicas or more to work with, or slow its producers down.",
    "queue.poison_message": "Take the message that {kind} {name} cannot read out of its queue, or let it skip it.",
    "application.errors": "Read the errors in the log of {kind} {name} and repair the program.",
    "application.slow": "Profile {kind} {name}: it is slow by itself.",
    "traffic.surge": "Scale {kind} {name} out, or limit what it accepts.",
    "network.loss": "Look for lost packets on the way to {kind} {name}: its node's network, and any fault injection.",
    "network.delay": "Look for what delays packets on the way to {kind} {name}: its node's network, and any fault injection.",
    "object.stuck_terminating": "Let the controller that owns the finalizer of {kind} {name} do its work; remove the finalizer by hand only once what it guards is done.",
    "image.registry_unreachable": "Make the registry of the image of {kind} {name} reachable from the nodes, or name a mirror.",
    "image.incompatible_version": "Return {kind} {name} to the version that wrote its data, or upgrade the data step by step.",
    "workload.update_strategy": "Let rollouts of {kind} {name} keep pods running (maxUnavailable below its replicas).",
    "pod.evicted": "Free what node {name} ran out of, or give its pods requests that fit.",
    "security.certificate_expired": "Renew the certificate that {name} presents.",
    "storage.disk_full": "Free space on the volume of {name}, or enlarge it.",
    "storage.disk_errors": "Move {name} off the failing disk, and replace that.",
    "node.clock_skew": "Set the clock of the node that {name} runs on by NTP.",
    "security.rbac_denied": "Grant the service account the right that the log names.",
    "job.failing": "Read the log of the failed run of {kind} {name}.",
}  # fmt: skip


def instructions(ref: ObjectRef, cause: str, facts: Mapping[str, Fact], because: str) -> str:
    """Return what a person should do about a cause; "" where nothing better is known."""
    text = _TEXTS.get(cause, "")
    if not text:
        return ""
    words = {
        "kind": ref.kind,
        "name": ref.name,
        "namespace": ref.namespace,
        "selector": _with(" (", facts.get("selector"), ")"),
        "port": _with(" (port ", facts.get("port"), ")"),
        "near": _with(" (there is ", facts.get("near"), ")"),
        "previous": _with(" (before: ", facts.get("previous"), ")"),
        "previous_limit": _with(", before: ", facts.get("previous_limit"), ""),
    }
    defaults = {
        "missing": "the missing object", "container": "the container", "setting": "that is wrong",
        "workload": "its workload", "limit": "none", "resource": "resources", "detail": "see its status",
        "taint": "<taint>", "allowed": "too few",
    }  # fmt: skip
    plain = {k: str(v) for k, v in facts.items() if k not in words}
    return text.format(**{**defaults, **plain, **words}) + f" Why: {because}."


def _with(before: str, value: Fact | None, after: str) -> str:
    return f"{before}{value}{after}" if value not in (None, "") else ""
