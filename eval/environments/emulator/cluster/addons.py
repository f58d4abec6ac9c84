"""What runs in kube-system of a cluster that has been up for a while."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.world import World

NAMESPACE = "kube-system"
COREDNS_IMAGE = "registry.k8s.io/coredns/coredns:v1.12.0"
METRICS_IMAGE = "registry.k8s.io/metrics-server/metrics-server:v0.8.0"
COREFILE = """\
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
"""
PRIORITIES = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
_DNS_LABELS = {"k8s-app": "kube-dns"}
_METRICS_LABELS = {"k8s-app": "metrics-server"}


def install(world: World) -> None:
    """Create the priority classes, the cluster's DNS and its metrics server."""
    for body in (*_priorities(), *_coredns(), *_metrics_server()):
        world.registry.create(body)
    world.manager.settle()


def _priorities() -> list[Json]:
    what = {
        "system-node-critical": "system critical pods that must not be moved from their current node",
        "system-cluster-critical": "system critical pods that must run in the cluster, but can be"
        " moved to another node if necessary",
    }
    return [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "globalDefault": False,
            "description": f"Used for {what[name]}.",
            "preemptionPolicy": "PreemptLowerPriority",
        }
        for name, value in PRIORITIES.items()
    ]


def _account(name: str) -> Json:
    return _object("v1", "ServiceAccount", name)


def _object(api: str, kind: str, name: str, labels: Json | None = None, **fields: Json) -> Json:
    meta: Json = {"name": name, "namespace": NAMESPACE}
    if labels:
        meta["labels"] = dict(labels)
    return {"apiVersion": api, "kind": kind, "metadata": meta, **fields}


def _probe(path: str, port: int | str, **more: int) -> Json:
    return {"httpGet": {"path": path, "port": port, "scheme": "HTTP"}, **more}


def _coredns() -> list[Json]:
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
        {"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153},
    ]
    container: Json = {
        "name": "coredns",
        "image": COREDNS_IMAGE,
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9153, "protocol": "TCP"},
        ],
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "livenessProbe": _probe("/health", 8080, initialDelaySeconds=60, timeoutSeconds=5),
        "readinessProbe": _probe("/ready", 8181),
        "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    container["livenessProbe"]["failureThreshold"] = 5
    spec: Json = {
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "coredns",
        "tolerations": [
            {"key": "CriticalAddonsOnly", "operator": "Exists"},
            {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
        ],
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "dnsPolicy": "Default",
        "containers": [container],
        "volumes": [
            {
                "name": "config-volume",
                "configMap": {
                    "name": "coredns",
                    "items": [{"key": "Corefile", "path": "Corefile"}],
                },
            }
        ],
    }
    service_labels = {
        **_DNS_LABELS,
        "kubernetes.io/cluster-service": "true",
        "kubernetes.io/name": "CoreDNS",
    }
    return [
        _object("v1", "ConfigMap", "coredns", data={"Corefile": COREFILE}),
        _account("coredns"),
        _object(
            "v1",
            "Service",
            "kube-dns",
            service_labels,
            spec={"clusterIP": "10.96.0.10", "selector": dict(_DNS_LABELS), "ports": ports},
        ),
        _object(
            "apps/v1",
            "Deployment",
            "coredns",
            _DNS_LABELS,
            spec={
                "replicas": 2,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
                "selector": {"matchLabels": dict(_DNS_LABELS)},
                "template": {"metadata": {"labels": dict(_DNS_LABELS)}, "spec": spec},
            },
        ),
    ]


def _metrics_server() -> list[Json]:
    container: Json = {
        "name": "metrics-server",
        "image": METRICS_IMAGE,
        "args": ["--cert-dir=/tmp", "--secure-port=10250", "--metric-resolution=15s"],
        "ports": [{"name": "https", "containerPort": 10250}],
        "resources": {"requests": {"cpu": "100m", "memory": "200Mi"}},
        "livenessProbe": _probe("/livez", "https"),
        "readinessProbe": _probe("/readyz", "https"),
    }
    spec: Json = {
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "metrics-server",
        "containers": [container],
    }
    port = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": "https"}
    return [
        _account("metrics-server"),
        _object(
            "v1",
            "Service",
            "metrics-server",
            _METRICS_LABELS,
            spec={"selector": dict(_METRICS_LABELS), "ports": [port]},
        ),
        _object(
            "apps/v1",
            "Deployment",
            "metrics-server",
            _METRICS_LABELS,
            spec={
                "selector": {"matchLabels": dict(_METRICS_LABELS)},
                "template": {"metadata": {"labels": dict(_METRICS_LABELS)}, "spec": spec},
            },
        ),
    ]
