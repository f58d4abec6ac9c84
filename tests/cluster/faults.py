"""What a person breaks by hand, and what a good answer to it names.

Nothing that an injection leaves in the cluster tells what it is.
"""

from __future__ import annotations

from tests.cluster.app import IMAGE, Library
from tests.cluster.breaking import (
    Fault,
    Step,
    all_turned_away,
    at,
    condition,
    container,
    deployment,
    died,
    env,
    hanging_init,
    image,
    no_pod,
    pod_spec,
    probe,
    refused,
    restart,
    restarted,
    service,
    turned_away,
    unready,
    waiting,
)
from tests.cluster.kube import Document

PROGRAM = "/srv/library/library.py"

# --- the seven that everybody meets

WRONG_TARGET_PORT = Fault(
    "wrong-target-port",
    service("loans", [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 8018}]),
    turned_away,
    at("Service", "loans"),
    frozenset({"service.target_port_mismatch"}),
)

UNKNOWN_IMAGE = Fault(
    "unknown-image",
    container("shelf", {"image": image("3.11.94")}),
    waiting("shelf", "ErrImagePull", "ImagePullBackOff"),
    at("Deployment", "shelf"),
    frozenset({"image.not_found"}),
)

IMPOSSIBLE_NODE_SELECTOR = Fault(
    "impossible-node-selector",
    pod_spec("shelf", {"nodeSelector": {"disktype": "nvme"}}),
    condition("shelf", "PodScheduled", "Unschedulable"),
    at("Deployment", "shelf"),
    frozenset({"scheduling.node_selector"}),
)

MISSING_SECRET = Fault(
    "missing-secret",
    container(
        "shelf",
        {
            "env": [
                {
                    "name": "SHELF_PASSWORD",
                    "valueFrom": {"secretKeyRef": {"name": "shelf-access", "key": "password"}},
                }
            ]
        },
    ),
    waiting("shelf", "CreateContainerConfigError"),
    at("Deployment", "shelf"),
    frozenset({"config.secret_missing"}),
)

FAILING_READINESS_PROBE = Fault(
    "failing-readiness-probe",
    container("shelf", probe("readinessProbe", "/ping", 7077)),
    unready("shelf"),
    at("Deployment", "shelf"),
    frozenset({"probe.readiness_misconfigured"}),
)

SMALL_MEMORY_LIMIT = Fault(
    "small-memory-limit",
    container(
        "loans", {"resources": {"requests": {"memory": "32Mi"}, "limits": {"memory": "40Mi"}}}
    ),
    died("loans", "OOMKilled"),
    at("Deployment", "loans"),
    frozenset({"resources.memory_limit_too_low"}),
    harms=False,
)

SELECTOR_OF_NOTHING = Fault(
    "selector-of-nothing",
    service("shelf", [{"op": "replace", "path": "/spec/selector", "value": {"app": "shelves"}}]),
    turned_away,
    at("Service", "shelf"),
    frozenset({"service.selector_mismatch"}),
)

FAULTS = (
    WRONG_TARGET_PORT,
    UNKNOWN_IMAGE,
    IMPOSSIBLE_NODE_SELECTOR,
    MISSING_SECRET,
    FAILING_READINESS_PROBE,
    SMALL_MEMORY_LIMIT,
    SELECTOR_OF_NOTHING,
)


# --- held back: what else goes wrong


def _forbid_pods(library: Library) -> None:
    library.kube.create(
        library.namespace,
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "namespace-budget"},
            "spec": {"hard": {"pods": "3"}},
        },
    )
    restart(library, "shelf")


def _allow_pods(library: Library) -> None:
    library.kube.delete("ResourceQuota", library.namespace, "namespace-budget")


_TAINT = {"key": "dedicated", "value": "batch", "effect": "NoSchedule"}


def _taint(library: Library) -> None:
    for node in library.kube.all("Node", ""):
        _set_taints(library, node, [*node["spec"].get("taints", []), _TAINT])
    for pod in library.pods("shelf"):
        library.kube.delete("Pod", library.namespace, pod["metadata"]["name"])


def _untaint(library: Library) -> None:
    for node in library.kube.all("Node", ""):
        left = [taint for taint in node["spec"].get("taints", []) if taint["key"] != _TAINT["key"]]
        _set_taints(library, node, left)


def _set_taints(library: Library, node: Document, taints: list[Document]) -> None:
    library.kube.patch("Node", "", node["metadata"]["name"], {"spec": {"taints": taints}})


def _delete_service(library: Library) -> None:
    library.kube.delete("Service", library.namespace, "loans")


def _init_container(app: str, program: str) -> Step:
    container = {
        "name": "wait",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-u", "-c", program],
    }
    return pod_spec(app, {"initContainers": [container]})


_WAIT_FOR_SHELF = """
import socket, time
while True:
    try:
        socket.create_connection(("shelf", 7007), timeout=3).close()
        break
    except OSError as error:
        print("shelf:7007 is not up yet:", error)
        time.sleep(2)
"""

_WAIT_FOR_CALENDAR = """
import os, time
while not os.path.exists("/tmp/calendar"):
    print("the holiday calendar is not there yet")
    time.sleep(2)
"""

TAINTED_NODE = Fault(
    "tainted-node",
    _taint,
    condition("shelf", "PodScheduled", "Unschedulable"),
    at("Node", "*"),
    frozenset({"scheduling.taint"}),
    recover=_untaint,
)

MORE_FAULTS = (
    Fault(
        "scaled-to-zero",
        deployment("shelf", {"replicas": 0}),
        no_pod("shelf"),
        at("Deployment", "shelf"),
        frozenset({"workload.scaled_to_zero"}),
    ),
    Fault(
        "wrong-host-of-a-dependency",
        env("loans", SHELF_HOST="shelves"),
        all_turned_away,
        at("Deployment", "loans"),
        frozenset({"dependency.wrong_address", "config.env_wrong"}),
    ),
    Fault(
        "wrong-port-of-a-dependency",
        env("desk", LOANS_URL="http://loans:8801"),
        all_turned_away,
        at("Deployment", "desk"),
        frozenset({"dependency.wrong_address", "config.env_wrong"}),
    ),
    Fault(
        "bad-command",
        container("desk", {"command": ["pyhton3", "-u", PROGRAM, "desk"]}),
        waiting("desk", "RunContainerError", "CrashLoopBackOff"),
        at("Deployment", "desk"),
        frozenset({"workload.bad_command"}),
        harms=False,
    ),
    Fault(
        "missing-configmap-key",
        container(
            "desk",
            {
                "env": [
                    {
                        "name": "OPENING_HOURS",
                        "valueFrom": {
                            "configMapKeyRef": {"name": "desk-settings", "key": "opening-times"}
                        },
                    }
                ]
            },
        ),
        waiting("desk", "CreateContainerConfigError"),
        at("Deployment", "desk"),
        frozenset({"config.configmap_missing"}),
        harms=False,
    ),
    Fault(
        "killing-liveness-probe",
        container("desk", probe("livenessProbe", "/alive", 8080)),
        restarted("desk", times=2),
        at("Deployment", "desk"),
        frozenset({"probe.liveness_misconfigured"}),
        harms=False,
    ),
    Fault(
        "quota-used-up",
        _forbid_pods,
        refused("shelf"),
        at("ResourceQuota", "namespace-budget"),
        frozenset({"resources.quota_exceeded"}),
        recover=_allow_pods,
    ),
    Fault(
        "huge-cpu-request",
        container("shelf", {"resources": {"requests": {"cpu": "64"}}}),
        condition("shelf", "PodScheduled", "Unschedulable"),
        at("Deployment", "shelf"),
        frozenset({"resources.request_too_large"}),
    ),
    TAINTED_NODE,
    Fault(
        "missing-claim",
        pod_spec(
            "shelf",
            {
                "volumes": [
                    {
                        "name": "places",
                        "emptyDir": None,
                        "persistentVolumeClaim": {"claimName": "shelf-places"},
                    }
                ]
            },
        ),
        condition("shelf", "PodScheduled", "Unschedulable"),
        at("Deployment", "shelf"),
        frozenset({"storage.claim_missing"}),
    ),
    Fault(
        # The program cannot read the new value and ends with a traceback of its own.
        "crash-after-start",
        env("loans", LOAN_DAYS="two weeks"),
        waiting("loans", "CrashLoopBackOff"),
        at("Deployment", "loans"),
        frozenset({"workload.crash_on_start", "workload.bad_rollout", "config.env_wrong"}),
        harms=False,
    ),
    Fault(
        "deleted-service",
        _delete_service,
        turned_away,
        at("Service", "loans"),
        frozenset({"service.missing"}),
    ),
    Fault(
        "init-container-at-a-wrong-port",
        _init_container("loans", _WAIT_FOR_SHELF),
        hanging_init("loans"),
        at("Deployment", "loans"),
        frozenset({"init.stuck", "dependency.wrong_address"}),
        harms=False,
    ),
    Fault(
        "init-container-that-waits-for-ever",
        _init_container("loans", _WAIT_FOR_CALENDAR),
        hanging_init("loans"),
        at("Deployment", "loans"),
        frozenset({"init.stuck"}),
        harms=False,
    ),
    Fault(
        "wrong-password",
        env("loans", SHELF_PASSWORD="kZ3-wrench-7QP"),
        all_turned_away,
        at("Deployment", "loans"),
        frozenset({"database.wrong_password", "config.env_wrong"}),
    ),
    Fault(
        # Replicas of the version before still serve: the rollout is stuck.
        "unknown-image-in-a-rolling-update",
        container("desk", {"image": image("3.11.94")}),
        waiting("desk", "ErrImagePull", "ImagePullBackOff"),
        at("Deployment", "desk"),
        frozenset({"image.not_found"}),
        harms=False,
    ),
    Fault(
        "wrong-path-of-a-readiness-probe",
        container("desk", probe("readinessProbe", "/readyz", 8080)),
        unready("desk"),
        at("Deployment", "desk"),
        frozenset({"probe.readiness_misconfigured"}),
        harms=False,
    ),
    Fault(
        "unknown-name-of-a-target-port",
        service("desk", [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": "www"}]),
        turned_away,
        at("Service", "desk"),
        frozenset({"service.target_port_mismatch"}),
    ),
)


def deny_all(library: Library) -> None:
    """Create a NetworkPolicy that forbids all incoming traffic, where something enforces it."""
    library.kube.create(
        library.namespace,
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "baseline"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
        },
    )


def allow_all(library: Library) -> None:
    """Take `deny_all` back."""
    library.kube.delete("NetworkPolicy", library.namespace, "baseline")
