from __future__ import annotations

import pytest

from eval.environments.emulator.cluster.objects import condition
from tests.eval.environments.emulator.cluster.cluster_fakes import container, deployment, plain, pod
from tests.eval.environments.emulator.cluster.conftest import Lab

HELPLESS = "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."


def change_node(lab: Lab, name: str, **spec: object) -> None:
    lab.cluster.world.store.edit("Node", ("", name), lambda new: new["spec"].update(spec))
    lab.cluster.world.manager.settle()


def refusal(lab: Lab, name: str) -> str:
    found = condition(lab.get("Pod", name), "PodScheduled")
    assert found is not None and found["reason"] == "Unschedulable"
    (event,) = [e for e in lab.events("FailedScheduling") if e["involvedObject"]["name"] == name]
    assert event["message"] == found["message"]
    assert event["firstTimestamp"] is None and event["eventTime"].endswith("Z")
    assert event["reportingComponent"] == "default-scheduler"
    return str(found["message"])


def cpu(amount: str) -> dict:
    return container(resources={"requests": {"cpu": amount}})


REQUIRED = {
    "requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [
            {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
        ]
    }
}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            pod("p", nodeSelector={"disk": "ssd"}),
            f"3 node(s) didn't match Pod's node affinity/selector. {HELPLESS}",
        ),
        (
            pod("p", affinity={"nodeAffinity": REQUIRED}),
            f"3 node(s) didn't match Pod's node affinity/selector. {HELPLESS}",
        ),
        (pod("p", cpu("99")), f"3 Insufficient cpu. {HELPLESS}"),
        (
            pod("p", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]),
            f'persistentvolumeclaim "c" not found. {HELPLESS}',
        ),
    ],
)
def test_refusals_in_the_schedulers_words(lab: Lab, body: dict, text: str) -> None:
    lab.cluster.create(body)
    assert refusal(lab, "p") == f"0/3 nodes are available: {text}"


def test_mixed_reasons_are_counted_and_sorted(lab: Lab) -> None:
    change_node(lab, "node-1", unschedulable=True)
    taints = [{"key": "dedicated", "value": "db", "effect": "NoSchedule"}]
    change_node(lab, "node-2", taints=taints)
    lab.cluster.create(pod("filler", cpu("10"), nodeName="node-3"))
    lab.cluster.create(pod("p", cpu("10")))
    assert refusal(lab, "p") == (
        "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint"
        " {dedicated: db}, 1 node(s) were unschedulable. preemption: 0/3 nodes are available:"
        " 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for"
        " scheduling."
    )
    toleration = {"key": "dedicated", "operator": "Equal", "value": "db"}
    lab.cluster.create(pod("q", cpu("10"), tolerations=[toleration]))
    assert lab.get("Pod", "q")["spec"]["nodeName"] == "node-2"


def test_it_tries_again_when_the_cluster_changes(lab: Lab) -> None:
    for name in ("node-1", "node-2", "node-3"):
        change_node(lab, name, unschedulable=True)
    lab.cluster.create(pod("p"))
    assert "3 node(s) were unschedulable" in refusal(lab, "p")
    lab.cluster.advance(301)
    # the second attempt saw the pod as the first had left it: another Event
    first, second = lab.events("FailedScheduling")
    assert "series" not in first and "series" not in second
    lab.cluster.advance(600)
    (series,) = [e["series"] for e in lab.events("FailedScheduling") if "series" in e]
    assert series["count"] == 2, "later repetitions are written half an hour later"
    lab.cluster.advance(1800)
    (series,) = [e["series"] for e in lab.events("FailedScheduling") if "series" in e]
    assert series["count"] == 8
    change_node(lab, "node-2", unschedulable=False)
    assert lab.get("Pod", "p")["spec"]["nodeName"] == "node-2"


def test_an_unbindable_claim_holds_the_pod(lab: Lab) -> None:
    spec = {
        "storageClassName": "fast",
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    lab.cluster.create(plain("PersistentVolumeClaim", "c", spec=spec))
    volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    lab.cluster.create(pod("p", volumes=volumes))
    assert "pod has unbound immediate PersistentVolumeClaims" in refusal(lab, "p")
    assert lab.events("ProvisioningFailed")[0]["message"] == (
        'storageclass.storage.k8s.io "fast" not found'
    )
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "pv"},
        "spec": {
            "storageClassName": "fast",
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": "2Gi"},
            "hostPath": {"path": "/data"},
        },
    }
    lab.cluster.create(volume)
    assert lab.get("PersistentVolumeClaim", "c")["status"]["phase"] == "Bound"
    assert lab.get("Pod", "p")["spec"]["nodeName"]


def test_anti_affinity_spreads_until_no_node_is_left(lab: Lab) -> None:
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    lab.cluster.create(deployment("web", replicas=4, pod={"affinity": apart}))
    (pending,) = [p for p in lab.pods("web") if not p["spec"].get("nodeName")]
    assert "3 node(s) didn't match pod anti-affinity rules" in refusal(
        lab, pending["metadata"]["name"]
    )
