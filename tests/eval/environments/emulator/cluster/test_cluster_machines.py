"""Nodes that fall silent, fill up or come back."""

from __future__ import annotations

import pytest

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import condition, is_true
from eval.environments.emulator.seams import Used
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    container,
    deployment,
    pod,
    service,
    workload,
)
from tests.eval.environments.emulator.cluster.rich_programs import MIB, RichLab, rich_lab


@pytest.fixture
def rich() -> RichLab:
    return rich_lab()


def taints(lab: RichLab, node: str) -> set[tuple[str, str]]:
    found = lab.get("Node", node, "")["spec"].get("taints") or ()
    return {(item["key"].removeprefix("node.kubernetes.io/"), item["effect"]) for item in found}


def memory(limit: str) -> Json:
    return container(resources={"requests": {"memory": "64Mi"}, "limits": {"memory": limit}})


def test_a_silent_kubelet_makes_the_node_unknown_and_its_pods_move(rich: RichLab) -> None:
    lab = rich
    lab.cluster.create(deployment("web"))
    lab.cluster.create(service("web"))
    lab.cluster.advance(30)
    old = lab.pod("web")
    node = old["spec"]["nodeName"]
    lab.cluster.machines.stop_kubelet(node)
    lab.cluster.advance(30)
    assert is_true(lab.get("Node", node, ""), "Ready")
    lab.cluster.advance(30)
    ready = condition(lab.get("Node", node, ""), "Ready")
    assert ready is not None and (ready["status"], ready["reason"], ready["message"]) == (
        "Unknown",
        "NodeStatusUnknown",
        "Kubelet stopped posting node status.",
    )
    assert taints(lab, node) == {("unreachable", "NoSchedule"), ("unreachable", "NoExecute")}
    assert lab.said("NodeNotReady") == {"Node is not ready"}
    assert f"Node {node} status is now: NodeNotReady" in lab.said("NodeNotReady", "default")
    assert lab.cluster.endpoints("shop", "web", 80) == ()
    assert lab.cluster.listening(old) == {8080}
    lab.cluster.advance(310)
    assert lab.said("TaintManagerEviction") == {
        f"Marking for deletion Pod shop/{old['metadata']['name']}"
    }
    before, after = sorted(lab.pods("web"), key=lambda p: "deletionTimestamp" not in p["metadata"])
    assert before["metadata"]["uid"] == old["metadata"]["uid"]
    assert after["spec"]["nodeName"] != node and is_true(after, "Ready")
    lab.cluster.advance(3600)
    assert len(lab.pods("web")) == 2
    lab.cluster.machines.start_kubelet(node)
    lab.cluster.advance(60)
    assert is_true(lab.get("Node", node, ""), "Ready") and not taints(lab, node)
    assert len(lab.pods("web")) == 1
    assert f"Node {node} status is now: NodeReady" in lab.said("NodeReady", "default")


def test_a_node_that_comes_back_soon_keeps_its_pods(rich: RichLab) -> None:
    lab = rich
    lab.cluster.create(deployment("web"))
    lab.cluster.advance(30)
    found = lab.pod("web")
    node = found["spec"]["nodeName"]
    lab.cluster.machines.stop_kubelet(node)
    lab.cluster.advance(120)
    assert not is_true(lab.pod("web"), "Ready")
    lab.cluster.machines.start_kubelet(node)
    lab.cluster.advance(30)
    assert is_true(lab.pod("web"), "Ready") and lab.state("web")["restartCount"] == 0
    assert lab.said("TaintManagerEviction") == {
        f"Cancelling deletion of Pod shop/{found['metadata']['name']}"
    }


def test_pulling_the_plug_ends_the_programs_and_a_boot_restarts_them(rich: RichLab) -> None:
    lab = rich
    lab.cluster.create(deployment("web"))
    lab.cluster.advance(30)
    node = lab.pod("web")["spec"]["nodeName"]
    lab.cluster.machines.power_off(node)
    assert lab.cluster.listening(lab.pod("web")) == frozenset()
    lab.cluster.advance(60)
    lab.cluster.machines.power_on(node)
    lab.cluster.advance(30)
    state = lab.state("web")
    assert state["restartCount"] == 1 and state["ready"]
    assert state["lastState"]["terminated"]["reason"] == "Unknown"
    assert any("has been rebooted, boot id: " in text for text in lab.said("Rebooted", "default"))


def test_daemons_stay_on_silent_nodes(rich: RichLab) -> None:
    lab = rich
    lab.cluster.create(workload("DaemonSet", "agent"))
    lab.cluster.advance(30)
    lab.cluster.machines.stop_kubelet("node-2")
    lab.cluster.advance(900)
    assert len(lab.pods("agent")) == 3
    assert not any("deletionTimestamp" in item["metadata"] for item in lab.pods("agent"))


def test_pods_of_a_removed_node_are_collected(rich: RichLab) -> None:
    lab = rich
    lab.cluster.create(deployment("web"))
    lab.cluster.advance(30)
    node = lab.pod("web")["spec"]["nodeName"]
    lab.cluster.machines.stop_kubelet(node)
    lab.cluster.world.store.remove("Node", ("", node))
    lab.cluster.advance(120)
    assert lab.pod("web")["spec"]["nodeName"] != node and is_true(lab.pod("web"), "Ready")


def test_unknown_machines_are_refused(rich: RichLab) -> None:
    with pytest.raises(KeyError, match="no node 'node-9'"):
        rich.cluster.machines.stop_kubelet("node-9")


def test_more_memory_than_the_limit_is_an_oom_kill(rich: RichLab) -> None:
    lab = rich
    lab.programs.used["web"] = Used(memory=100 * MIB)
    lab.cluster.create(deployment("web", memory("128Mi")))
    lab.cluster.advance(60)
    assert lab.state("web")["restartCount"] == 0
    lab.programs.used["web"] = Used(memory=130 * MIB)
    lab.cluster.advance(25)
    last = (
        lab.state("web")["lastState"].get("terminated") or lab.state("web")["state"]["terminated"]
    )
    assert (last["reason"], last["exitCode"]) == ("OOMKilled", 137)


def test_a_node_low_on_memory_evicts_the_greediest(rich: RichLab) -> None:
    lab = rich
    for name in ("meek", "greedy"):
        lab.cluster.create(pod(name, container(), nodeName="node-1"))
    lab.programs.used = {"meek": Used(memory=50 * MIB), "greedy": Used(memory=900 * MIB)}
    lab.cluster.advance(30)
    lab.cluster.machines.take("node-1", memory=(65536 - 1000) * MIB)
    lab.cluster.advance(15)
    greedy = lab.pod("greedy")
    assert (greedy["status"]["phase"], greedy["status"]["reason"]) == ("Failed", "Evicted")
    assert greedy["status"]["message"] == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi."
        " Container main was using 900Mi, request is 0, has larger consumption of memory. "
    )
    assert lab.said("Evicted") == {greedy["status"]["message"]}
    assert is_true(lab.pod("meek"), "Ready")
    assert is_true(lab.get("Node", "node-1", ""), "MemoryPressure")
    assert ("memory-pressure", "NoSchedule") in taints(lab, "node-1")
    assert lab.said("EvictionThresholdMet", "default") == {"Attempting to reclaim memory"}
    lab.cluster.advance(330)
    assert not is_true(lab.get("Node", "node-1", ""), "MemoryPressure")
    assert not taints(lab, "node-1")


def test_a_full_disk_is_pressure_too(rich: RichLab) -> None:
    lab = rich
    lab.cluster.machines.take("node-2", disk=101430960 * 1024 * 0.95)
    lab.cluster.advance(20)
    assert is_true(lab.get("Node", "node-2", ""), "DiskPressure")
    assert ("disk-pressure", "NoSchedule") in taints(lab, "node-2")
    assert lab.said("EvictionThresholdMet", "default") == {
        "Attempting to reclaim ephemeral-storage"
    }


def test_too_much_of_an_empty_dir_evicts(rich: RichLab) -> None:
    lab = rich
    lab.programs.used["web"] = Used(disk=20 * MIB)
    mounted = container(volumeMounts=[{"name": "tmp", "mountPath": "/tmp"}])
    volumes = [{"name": "tmp", "emptyDir": {"sizeLimit": "10Mi"}}]
    lab.cluster.create(pod("web", mounted, volumes=volumes))
    lab.cluster.advance(30)
    assert lab.pod("web")["status"]["message"] == (
        'Usage of EmptyDir volume "tmp" exceeds the limit "10Mi". '
    )
