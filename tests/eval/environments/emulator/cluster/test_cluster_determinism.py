"""The same seed gives the same cluster, also when machines fail and controllers are busy."""

from __future__ import annotations

import json
from collections import Counter

from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.seams import Run, Used
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    container,
    deployment,
    plain,
    service,
    template,
)
from tests.eval.environments.emulator.cluster.rich_programs import MIB, RichLab, rich_lab


def eventful(lab: RichLab) -> None:
    """An hour in which much happens."""
    lab.programs.runs["job:1"] = Run(exits_after=20)
    lab.programs.used["web"] = Used(cores=0.09, memory=200 * MIB)
    asked = container(resources={"requests": {"cpu": "100m"}})
    lab.cluster.create(deployment("web", asked, replicas=3))
    lab.cluster.create(service("web"))
    lab.cluster.create(deployment("other", replicas=4))
    job = {"spec": {"template": template("t", container("job:1"), restartPolicy="Never")}}
    spec = {"schedule": "*/3 * * * *", "jobTemplate": job}
    lab.cluster.create(plain("CronJob", "t", api="batch/v1", spec=spec))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    scaler = {"scaleTargetRef": target, "maxReplicas": 6}
    lab.cluster.create(plain("HorizontalPodAutoscaler", "web", api="autoscaling/v2", spec=scaler))
    lab.cluster.advance(300)
    lab.cluster.machines.stop_kubelet("node-1")
    lab.cluster.advance(500)
    lab.cluster.machines.power_off("node-2")
    lab.cluster.advance(100)
    lab.cluster.machines.power_on("node-2")
    lab.cluster.machines.start_kubelet("node-1")
    lab.cluster.machines.take("node-3", memory=65400 * MIB)
    lab.cluster.advance(900)


def everything(lab: RichLab) -> str:
    return json.dumps({kind: list(lab.cluster.objects(kind)) for kind in BY_KIND})


def test_an_eventful_hour_is_repeatable_to_the_byte() -> None:
    found = []
    for seed in (3, 3, 4):
        lab = rich_lab(seed=seed)
        eventful(lab)
        found.append(everything(lab))
    assert found[0] == found[1] != found[2]
    assert "Evicted" in found[0] and "TaintManagerEviction" in found[0]


def test_another_emulator_in_the_process_changes_nothing() -> None:
    alone = rich_lab(seed=3)
    eventful(alone)
    beside, other = rich_lab(seed=3), rich_lab(seed=9)
    other.cluster.create(deployment("noise", replicas=5))
    other.cluster.advance(77)
    eventful(beside)
    other.cluster.machines.power_off("node-1")
    other.cluster.advance(120)
    assert everything(beside) == everything(alone)


def test_a_hundred_services_come_up_in_seconds_of_virtual_time() -> None:
    lab = rich_lab(nodes=17)
    for number in range(100):
        lab.cluster.create(deployment(f"s{number}", replicas=5))
        lab.cluster.create(service(f"s{number}"))
    lab.cluster.advance(15)
    pods = lab.cluster.objects("Pod", "shop")
    # the pods of kube-system take their share of three nodes
    busy = {pod["spec"]["nodeName"] for pod in lab.cluster.objects("Pod", "kube-system")}
    counts = Counter(pod["spec"]["nodeName"] for pod in pods)
    plain_nodes = [count for node, count in counts.items() if node not in busy]
    assert len(pods) == 500 and len(plain_nodes) == 14
    assert max(plain_nodes) - min(plain_nodes) <= 1
    assert all(len(lab.cluster.endpoints("shop", f"s{n}", 80) or ()) == 5 for n in range(100))
