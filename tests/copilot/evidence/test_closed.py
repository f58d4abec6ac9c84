"""Pods that are closed or going though their containers run: readiness gates, finalizers, and names without address."""

from __future__ import annotations

import pytest

from copilot.model.action import RollBack
from tests.copilot.evidence.reasoned import complain, failing, first, reasoned, shop
from tests.copilot.evidence.test_failing import rolled_out
from tests.copilot.evidence.worlds import NOW, World, ago, stamp

GATE = "target-health.lb.example.com/orders"


def closed_gate(world: World) -> None:
    pod = world.get("Pod", "orders-abc12-x1")
    pod["spec"]["readinessGates"] = [{"conditionType": GATE}]
    message = f'corresponding condition of pod readiness gate "{GATE}" does not exist.'
    pod["status"]["conditions"] = [
        {"type": "ContainersReady", "status": "True", "lastTransitionTime": ago(115)},
        {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady",
         "message": message, "lastTransitionTime": ago(120)},
    ]  # fmt: skip


@pytest.mark.parametrize("rolled", [True, False])
def test_a_gate_that_nobody_opens(rolled: bool) -> None:
    world = shop()
    if rolled:
        rolled_out(world, "orders", 125)
        current = world.get("ReplicaSet", "orders-abc12")
        template = current["spec"]["template"]
        gated = {**template["spec"], "readinessGates": [{"conditionType": GATE}]}
        current["spec"] = {**current["spec"], "template": {**template, "spec": gated}}
        world.get("Deployment", "orders")["spec"] = current["spec"]
    closed_gate(world)
    complain(world, "web", "dial tcp orders:8080: connect: connection refused", times=6)
    report = reasoned(world, failing("web"))
    wanted = "workload.bad_rollout" if rolled else "probe.readiness_misconfigured"
    assert first(report) == f"orders {wanted}"
    assert GATE in report.candidates[0].summary
    actions = [type(m.action) for m in report.mitigations]
    assert (RollBack in actions) == rolled


def going(world: World) -> None:
    """The only pod of the store was deleted, and a finalizer holds it."""
    for kind in ("Deployment", "ReplicaSet"):
        world.objects[kind] = [
            o for o in world.objects[kind] if not o["metadata"]["name"].startswith("orders-db")
        ]
    labels = {"app": "orders-db"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "orders-db"}]}}
    world.add("StatefulSet", "orders-db", spec={"replicas": 1, "template": template})
    world.get("Service", "orders-db")["spec"]["clusterIP"] = "None"
    meta = world.get("Pod", "orders-db-abc12-x1")["metadata"]
    meta |= {
        "name": "orders-db-0",
        "ownerReferences": [{"kind": "StatefulSet", "name": "orders-db", "controller": True}],
        "finalizers": ["backup.example.com/snapshot"],
        "deletionTimestamp": ago(200),
    }


def test_a_headless_name_without_address_is_no_fault_of_the_name_server() -> None:
    world = shop()
    going(world)
    lost = 'could not translate host name "orders-db" to address: Name or service not known'
    for name in ("orders", "users"):
        complain(world, name, lost)
    report = reasoned(world, failing("web", "orders", "users"))
    assert first(report) == "orders-db-0 object.stuck_terminating"
    assert not [c for c in report.candidates if c.cause == "network.dns" and c.confidence > 0.2]


def test_no_server_is_named_that_is_known_not_to_be_there() -> None:
    world = shop()
    world.add("Deployment", "kube-proxy-lite", namespace="kube-system", spec={"replicas": 0})
    for name in ("orders", "users"):
        complain(world, name, "getaddrinfo EAI_AGAIN orders-db")
    report = reasoned(world, failing("web", "orders", "users"))
    assert "coredns" not in {c.object.name for c in report.candidates}
    assert stamp(NOW)


@pytest.mark.parametrize("named", [True, False])
def test_a_missing_key_of_a_volume_is_that_of_its_config_map(named: bool) -> None:
    """The kubelet says which key a volume lacks, and not of which object."""
    world = shop()
    items = [{"key": "rates-v2.json", "path": "rates.json"}]
    volumes = [
        {"name": "files", "configMap": {"name": "rates", "items": items}},
        {"name": "other", "configMap": {"name": "other"}},
    ]
    pod = world.get("Pod", "orders-abc12-x1")
    for spec in (world.get("Deployment", "orders")["spec"]["template"]["spec"], pod["spec"]):
        spec["volumes"] = volumes
    pod["metadata"]["creationTimestamp"] = ago(120)
    pod["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    status = pod["status"]["containerStatuses"][0]
    status |= {"ready": False, "state": {"waiting": {"reason": "ContainerCreating"}}}
    text = "references non-existent config key: rates-v2.json"
    if named:
        text = f'MountVolume.SetUp failed for volume "files" : configmap {text}'
    world.event("Pod", "orders-abc12-x1", "FailedMount", text)
    report = reasoned(world, failing("web", "orders"))
    assert first(report) == "orders config.configmap_missing"
    assert "key rates-v2.json of ConfigMap rates does not exist" in report.candidates[0].summary
