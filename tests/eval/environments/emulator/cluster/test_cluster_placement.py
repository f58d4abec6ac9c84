"""Preemption, spreading, host ports and volumes: where the scheduler puts pods, and why not."""

from __future__ import annotations

import pytest

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import condition
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    container,
    deployment,
    plain,
    pod,
)
from tests.eval.environments.emulator.cluster.rich_programs import RichLab, rich_lab


@pytest.fixture
def rich() -> RichLab:
    return rich_lab()


def cpu(cores: str) -> Json:
    return container(resources={"requests": {"cpu": cores}})


def priority_class(name: str, value: int, **more: Json) -> Json:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        **more,
    }


def waits(lab: RichLab, name: str) -> str:
    found = condition(lab.get("Pod", name), "PodScheduled")
    assert found is not None and found["status"] == "False"
    return str(found["message"])


def test_an_important_pod_takes_the_place_of_a_lesser_one(rich: RichLab) -> None:
    rich.cluster.create(priority_class("high", 1000))
    for number in (1, 2, 3):
        rich.cluster.create(pod(f"low{number}", cpu("12"), nodeName=f"node-{number}"))
    rich.cluster.advance(10)
    rich.cluster.create(pod("vip", cpu("10"), priorityClassName="high"))
    vip = rich.get("Pod", "vip")
    node = vip["status"]["nominatedNodeName"]
    victim = rich.get("Pod", f"low{node[-1]}")
    assert "deletionTimestamp" in victim["metadata"]
    found = condition(victim, "DisruptionTarget")
    assert found is not None and found["reason"] == "PreemptionByScheduler"
    assert rich.said("Preempted") == {f"Preempted by pod {vip['metadata']['uid']} on node {node}"}
    assert "0/3 nodes are available: 3 Insufficient cpu." in rich.said("FailedScheduling")
    rich.cluster.advance(40)
    assert rich.get("Pod", "vip")["spec"]["nodeName"] == node
    assert len(rich.cluster.objects("Pod", "shop")) == 3


def test_preemption_never_waits(rich: RichLab) -> None:
    rich.cluster.create(priority_class("polite", 1000, preemptionPolicy="Never"))
    for number in (1, 2, 3):
        rich.cluster.create(pod(f"low{number}", cpu("12"), nodeName=f"node-{number}"))
    rich.cluster.create(pod("vip", cpu("10"), priorityClassName="polite"))
    assert waits(rich, "vip") == (
        "0/3 nodes are available: 3 Insufficient cpu."
        " preemption: not eligible due to preemptionPolicy=Never."
    )


def test_a_global_default_class_gives_its_priority(rich: RichLab) -> None:
    rich.cluster.create(priority_class("usual", 7, globalDefault=True))
    rich.cluster.create(pod("p"))
    spec = rich.get("Pod", "p")["spec"]
    assert (spec["priority"], spec["priorityClassName"]) == (7, "usual")


def test_spread_keeps_zones_even(rich: RichLab) -> None:
    constraint = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    rich.cluster.create(
        deployment("web", replicas=6, pod={"topologySpreadConstraints": [constraint]})
    )
    nodes = sorted(item["spec"]["nodeName"] for item in rich.pods("web"))
    assert nodes == ["node-1", "node-1", "node-2", "node-2", "node-3", "node-3"]


def test_spread_says_what_it_misses(rich: RichLab) -> None:
    constraint = {
        "maxSkew": 1,
        "topologyKey": "rack",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "p"}},
    }
    rich.cluster.create(pod("p", topologySpreadConstraints=[constraint]))
    assert waits(rich, "p").startswith(
        "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints"
        " (missing required label)."
    )


def test_host_ports_are_taken_once_per_node(rich: RichLab) -> None:
    port = {"name": "main", "image": "app:1", "ports": [{"containerPort": 80, "hostPort": 80}]}
    rich.cluster.create(deployment("web", port, replicas=4))
    (pending,) = [p for p in rich.pods("web") if not p["spec"].get("nodeName")]
    assert waits(rich, pending["metadata"]["name"]) == (
        "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports."
        " preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."
    )


def test_a_pod_behind_gates_is_not_looked_at(rich: RichLab) -> None:
    rich.cluster.create(pod("p", schedulingGates=[{"name": "example.com/hold"}]))
    assert waits(rich, "p") == "Scheduling is blocked due to non-empty scheduling gates"
    assert not rich.said("FailedScheduling")


def test_preferred_nodes_win(rich: RichLab) -> None:
    term = {
        "weight": 10,
        "preference": {
            "matchExpressions": [
                {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-3"]}
            ]
        },
    }
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}
    rich.cluster.create(deployment("web", replicas=3, pod={"affinity": affinity}))
    assert {item["spec"]["nodeName"] for item in rich.pods("web")} == {"node-3"}


def claim(name: str, **spec: Json) -> Json:
    return plain(
        "PersistentVolumeClaim",
        name,
        spec={
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            **spec,
        },
    )


def mounting(name: str, claim_name: str, **spec: Json) -> Json:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}]
    mounted = container(volumeMounts=[{"name": "data", "mountPath": "/data"}])
    return pod(name, mounted, volumes=volumes, **spec)


def test_local_volumes_tie_their_pods_to_a_node(rich: RichLab) -> None:
    rich.cluster.create(claim("data"))
    rich.cluster.advance(5)
    assert rich.said("WaitForFirstConsumer") == {
        "waiting for first consumer to be created before binding"
    }
    rich.cluster.create(mounting("first", "data"))
    rich.cluster.advance(20)
    node = rich.get("Pod", "first")["spec"]["nodeName"]
    bound = rich.get("PersistentVolumeClaim", "data")
    assert bound["status"]["phase"] == "Bound"
    assert bound["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] == node
    assert rich.said("Provisioning") == {
        'External provisioner is provisioning volume for claim "shop/data"'
    }
    selector = {"kubernetes.io/hostname": next(n for n in ("node-1", "node-2") if n != node)}
    rich.cluster.create(mounting("second", "data", nodeSelector=selector))
    assert waits(rich, "second") == (
        "0/3 nodes are available: 1 node(s) had volume node affinity conflict,"
        " 2 node(s) didn't match Pod's node affinity/selector."
        " preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
    )


def test_no_provisioner_and_no_volume_leaves_nothing_to_bind(rich: RichLab) -> None:
    rich.cluster.create(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "local"},
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
        }
    )
    rich.cluster.create(claim("data", storageClassName="local"))
    rich.cluster.create(mounting("p", "data"))
    assert "3 node(s) didn't find available persistent volumes to bind." in waits(rich, "p")
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "pv"},
        "spec": {
            "storageClassName": "local",
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "2Gi"},
            "local": {"path": "/mnt/disk"},
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {
                            "matchExpressions": [
                                {
                                    "key": "kubernetes.io/hostname",
                                    "operator": "In",
                                    "values": ["node-2"],
                                }
                            ]
                        }
                    ]
                }
            },
        },
    }
    rich.cluster.create(volume)
    rich.cluster.advance(20)
    assert rich.get("Pod", "p")["spec"]["nodeName"] == "node-2"
    assert rich.get("PersistentVolumeClaim", "data")["spec"]["volumeName"] == "pv"


def csi(lab: RichLab, **fields: Json) -> None:
    driver = {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "spec": {}}
    lab.cluster.create({**driver, "metadata": {"name": "disk.example.com"}})
    lab.cluster.create(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "disk"},
            "provisioner": "disk.example.com",
            **fields,
        }
    )


def test_a_disk_serves_one_node_at_a_time(rich: RichLab) -> None:
    csi(rich)
    rich.cluster.create(claim("data", storageClassName="disk"))
    rich.cluster.advance(5)
    rich.cluster.create(mounting("one", "data", nodeSelector={"kubernetes.io/hostname": "node-1"}))
    rich.cluster.advance(20)
    rich.cluster.create(mounting("two", "data", nodeSelector={"kubernetes.io/hostname": "node-2"}))
    rich.cluster.advance(20)
    name = rich.get("PersistentVolumeClaim", "data")["spec"]["volumeName"]
    assert rich.said("FailedAttachVolume") == {
        f'Multi-Attach error for volume "{name}" Volume is already used by pod(s) one'
    }
    assert rich.state("two")["state"]["waiting"]["reason"] == "ContainerCreating"
    rich.cluster.advance(120)
    assert not rich.said("FailedMount"), "the kubelet waits in silence"


def test_claims_in_use_are_protected_and_volumes_follow_their_policy(rich: RichLab) -> None:
    csi(rich, reclaimPolicy="Retain")
    rich.cluster.create(claim("data", storageClassName="disk"))
    rich.cluster.create(mounting("p", "data"))
    rich.cluster.advance(20)
    volume = rich.get("PersistentVolumeClaim", "data")["spec"]["volumeName"]
    kinds = rich.cluster.world.store.kinds
    registry = rich.cluster.world.registry
    registry.delete(kinds["PersistentVolumeClaim"], "shop", "data")
    rich.cluster.advance(20)
    assert "deletionTimestamp" in rich.get("PersistentVolumeClaim", "data")["metadata"]
    registry.delete(kinds["Pod"], "shop", "p")
    rich.cluster.advance(20)
    assert not rich.cluster.objects("PersistentVolumeClaim", "shop")
    released = rich.get("PersistentVolume", volume, "")
    assert released["status"]["phase"] == "Released"
    rich.cluster.create(claim("data", storageClassName="disk", volumeName=volume))
    rich.cluster.advance(20)
    assert rich.get("PersistentVolumeClaim", "data")["status"]["phase"] == "Pending"
    assert rich.said("FailedBinding") == {f'volume "{volume}" already bound to a different claim.'}


def test_a_claim_whose_volume_is_removed_is_lost(rich: RichLab) -> None:
    csi(rich)
    rich.cluster.create(claim("data", storageClassName="disk"))
    rich.cluster.advance(20)
    volume = rich.get("PersistentVolumeClaim", "data")["spec"]["volumeName"]
    rich.cluster.world.store.remove("PersistentVolume", ("", volume))
    rich.cluster.advance(5)
    assert rich.get("PersistentVolumeClaim", "data")["status"]["phase"] == "Lost"
    assert rich.said("ClaimLost")


def test_a_provisioner_that_does_not_run_leaves_the_claim_pending(rich: RichLab) -> None:
    storage = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "far"},
        "provisioner": "far.example.com",
    }
    rich.cluster.create(storage)
    rich.cluster.create(claim("data", storageClassName="far"))
    rich.cluster.advance(40)
    assert rich.get("PersistentVolumeClaim", "data")["status"]["phase"] == "Pending"
    (text,) = rich.said("ExternalProvisioning")
    assert "external provisioner 'far.example.com' or manually" in text
    driver = {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "spec": {}}
    rich.cluster.create({**driver, "metadata": {"name": "far.example.com"}})
    rich.cluster.advance(40)
    assert rich.get("PersistentVolumeClaim", "data")["status"]["phase"] == "Bound"


def test_a_claim_that_only_waiting_pods_name_goes(rich: RichLab) -> None:
    """As Kubernetes' pvc_protection_controller.go: a pod uses a claim when it is on a node."""
    csi(rich)
    rich.cluster.create(claim("data", storageClassName="disk"))
    rich.cluster.create(mounting("p", "data", nodeSelector={"kubernetes.io/hostname": "nowhere"}))
    rich.cluster.advance(20)
    kinds = rich.cluster.world.store.kinds
    rich.cluster.world.registry.delete(kinds["PersistentVolumeClaim"], "shop", "data")
    rich.cluster.advance(5)
    assert not rich.cluster.objects("PersistentVolumeClaim", "shop")
