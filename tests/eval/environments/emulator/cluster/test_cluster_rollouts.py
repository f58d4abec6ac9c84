from __future__ import annotations

import pytest

from eval.environments.emulator.cluster.errors import ApiError
from eval.environments.emulator.cluster.objects import condition, is_true, terminating
from eval.environments.emulator.cluster.resources import BY_KIND
from eval.environments.emulator.seams import ClusterState, Run
from tests.eval.environments.emulator.cluster.cluster_fakes import (
    container,
    deployment,
    plain,
    service,
    workload,
)
from tests.eval.environments.emulator.cluster.conftest import Lab


def set_image(lab: Lab, name: str, image: str) -> None:
    wanted = deployment(name, container(image), replicas=4)
    lab.cluster.apply([wanted])


def test_a_deployment_comes_up_with_hash_and_revision(lab: Lab) -> None:
    lab.cluster.create(deployment("web", replicas=3))
    lab.cluster.advance(30)
    web = lab.get("Deployment", "web")
    assert web["status"]["availableReplicas"] == 3
    assert condition(web, "Progressing")["reason"] == "NewReplicaSetAvailable"
    (replica_set,) = lab.cluster.objects("ReplicaSet", "shop")
    hashed = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{hashed}"
    assert replica_set["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    assert {pod["spec"]["nodeName"] for pod in lab.pods("web")} == {"node-1", "node-2", "node-3"}
    (scaled,) = lab.events("ScalingReplicaSet")
    assert scaled["message"] == f"Scaled up replica set web-{hashed} from 0 to 3"


def test_a_rolling_update_stays_within_its_limits(lab: Lab) -> None:
    lab.cluster.create(deployment("web", replicas=4))
    lab.cluster.advance(30)
    set_image(lab, "web", "app:2")
    seen = set()
    for _ in range(60):
        lab.cluster.advance(0.5)
        pods = [pod for pod in lab.pods("web") if not terminating(pod)]
        ready = sum(is_true(pod, "Ready") for pod in pods)
        assert ready >= 3 and len(pods) <= 5
        seen.add(len(pods))
    assert 5 in seen
    assert {p["spec"]["containers"][0]["image"] for p in lab.pods("web")} == {"app:2"}
    revisions = {
        rs["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: rs["spec"]["replicas"]
        for rs in lab.cluster.objects("ReplicaSet", "shop")
    }
    assert revisions == {"1": 0, "2": 4}
    set_image(lab, "web", "app:1")
    lab.cluster.advance(30)
    assert lab.get("Deployment", "web")["metadata"]["annotations"] == {
        "deployment.kubernetes.io/revision": "3"
    }
    assert len(lab.cluster.objects("ReplicaSet", "shop")) == 2


def test_a_bad_image_stops_the_rollout_and_the_old_pods_serve_on(lab: Lab) -> None:
    lab.programs.missing.add("app:none")
    lab.cluster.create(deployment("web", replicas=4))
    lab.cluster.advance(30)
    set_image(lab, "web", "app:none")
    lab.cluster.advance(300)
    web = lab.get("Deployment", "web")
    assert web["status"]["availableReplicas"] == 3 and web["status"]["updatedReplicas"] == 2
    assert condition(web, "Progressing")["reason"] == "ReplicaSetUpdated"
    lab.cluster.advance(400)
    progressing = condition(lab.get("Deployment", "web"), "Progressing")
    assert progressing["status"] == "False"
    assert progressing["reason"] == "ProgressDeadlineExceeded"


def test_recreate_never_mixes_two_versions(lab: Lab) -> None:
    lab.cluster.create(deployment("web", replicas=2, strategy={"type": "Recreate"}))
    lab.cluster.advance(30)
    lab.cluster.apply(
        [deployment("web", container("app:2"), replicas=2, strategy={"type": "Recreate"})]
    )
    for _ in range(40):
        lab.cluster.advance(0.5)
        images = {p["spec"]["containers"][0]["image"] for p in lab.pods("web")}
        assert len(images) <= 1
    assert images == {"app:2"}


def test_a_new_size_comes_before_a_new_template(lab: Lab) -> None:
    lab.cluster.create(deployment("web", replicas=1))
    lab.cluster.advance(30)
    lab.cluster.apply([deployment("web", container("app:2"), replicas=3)])
    lab.cluster.advance(60)
    said = [
        event["message"].split("replica set web-")[1] for event in lab.events("ScalingReplicaSet")
    ]
    old, new = said[0].split()[0], lab.pods("web")[0]["metadata"]["labels"]["pod-template-hash"]
    assert said[1] == f"{old} from 1 to 3"
    assert said[2] == f"{new} from 0 to 1"
    assert {pod["spec"]["containers"][0]["image"] for pod in lab.pods("web")} == {"app:2"}


def test_scaling_to_zero_and_back(lab: Lab) -> None:
    lab.cluster.create(deployment("web", replicas=2))
    lab.cluster.advance(30)
    for replicas in (0, 3):
        lab.cluster.apply([deployment("web", replicas=replicas)])
        lab.cluster.advance(30)
        assert len(lab.pods("web")) == replicas
        assert lab.get("Deployment", "web")["status"].get("availableReplicas", 0) == replicas


def test_quota_stops_new_pods_with_the_real_words(lab: Lab) -> None:
    lab.cluster.create(plain("ResourceQuota", "limit", spec={"hard": {"pods": "2"}}))
    lab.cluster.create(deployment("web", replicas=3))
    lab.cluster.advance(60)
    assert len(lab.pods("web")) == 2
    message = lab.events("FailedCreate")[0]["message"]
    assert message.startswith('Error creating: pods "web-')
    assert message.endswith(
        "is forbidden: exceeded quota: limit, requested: pods=1, used: pods=2, limited: pods=2"
    )
    combined = [e for e in lab.events("FailedCreate") if "combined from" in e["message"]]
    assert combined and combined[0]["count"] > 1
    assert lab.get("ResourceQuota", "limit")["status"]["used"] == {"pods": "2"}
    assert condition(lab.get("Deployment", "web"), "ReplicaFailure")["reason"] == "FailedCreate"


def test_deleting_the_deployment_takes_everything_with_it(lab: Lab) -> None:
    lab.cluster.create(deployment("web", replicas=2))
    lab.cluster.advance(30)
    registry = lab.cluster.world.registry
    registry.delete(BY_KIND["Deployment"], "shop", "web")
    lab.cluster.world.manager.settle()
    assert not lab.cluster.objects("ReplicaSet", "shop")
    assert all(terminating(pod) for pod in lab.pods("web"))
    lab.cluster.advance(5)
    assert not lab.pods("web")


def test_an_orphaning_delete_leaves_the_pods(lab: Lab) -> None:
    lab.cluster.create(deployment("web", replicas=2))
    lab.cluster.advance(30)
    registry = lab.cluster.world.registry
    registry.delete(BY_KIND["Deployment"], "shop", "web", propagation="Orphan")
    lab.cluster.advance(30)
    assert len(lab.pods("web")) == 2
    (replica_set,) = lab.cluster.objects("ReplicaSet", "shop")
    assert replica_set["metadata"]["ownerReferences"] == []
    lab.cluster.create(deployment("web", replicas=2))
    lab.cluster.advance(30)
    (adopted,) = lab.cluster.objects("ReplicaSet", "shop")
    assert adopted["metadata"]["uid"] == replica_set["metadata"]["uid"]
    assert lab.get("Deployment", "web")["status"]["availableReplicas"] == 2


def test_a_controller_that_is_refused_tries_again(lab: Lab) -> None:
    quota = plain("ResourceQuota", "none", spec={"hard": {"count/replicasets.apps": "0"}})
    lab.cluster.create(quota)
    lab.cluster.create(deployment("web"))
    lab.cluster.advance(10)
    assert not lab.pods("web")
    lab.cluster.world.registry.delete(BY_KIND["ResourceQuota"], "shop", "none")
    lab.cluster.advance(60)
    assert len(lab.pods("web")) == 1


def test_a_pod_that_loses_its_label_is_replaced_and_released(lab: Lab) -> None:
    lab.cluster.create(deployment("web", replicas=2))
    lab.cluster.advance(30)
    victim = lab.pods("web")[0]["metadata"]["name"]

    def relabel(new: dict) -> None:
        new["metadata"]["labels"]["app"] = "quarantine"

    lab.cluster.world.store.edit("Pod", ("shop", victim), relabel)
    lab.cluster.world.manager.settle()
    lab.cluster.advance(10)
    assert len(lab.pods("web")) == 2
    assert lab.get("Pod", victim)["metadata"]["ownerReferences"] == []


def test_endpoints_follow_readiness_selectors_and_named_ports(lab: Lab) -> None:
    state: ClusterState = lab.cluster
    probe = {"httpGet": {"port": "http", "path": "/health"}, "periodSeconds": 5}
    lab.cluster.create(deployment("web", container(readinessProbe=probe), replicas=2))
    lab.cluster.create(service("web"))
    lab.cluster.create(service("lost", selector={"app": "nobody"}))
    assert state.endpoints("shop", "web", 80) == ()
    lab.cluster.advance(30)
    assert [port for _, port in state.endpoints("shop", "web", 80) or ()] == [8080, 8080]
    assert state.endpoints("shop", "lost", 80) == ()
    assert state.endpoints("shop", "web", 81) is None
    assert state.endpoints("shop", "nope", 80) is None
    assert "subsets" not in lab.get("Endpoints", "lost")

    lab.programs.statuses["/health"] = 503
    lab.cluster.advance(20)
    (subset,) = lab.get("Endpoints", "web")["subsets"]
    assert "addresses" not in subset and len(subset["notReadyAddresses"]) == 2
    assert state.endpoints("shop", "web", 80) == ()
    (piece,) = [
        s
        for s in lab.cluster.objects("EndpointSlice", "shop")
        if s["metadata"]["name"][:4] == "web-"
    ]
    assert [e["conditions"]["ready"] for e in piece["endpoints"]] == [False, False]
    assert piece["ports"] == [{"name": "", "port": 8080, "protocol": "TCP"}]

    lab.programs.statuses["/health"] = 200
    lab.cluster.apply([service("web", "nope")])
    lab.cluster.advance(20)
    assert state.endpoints("shop", "web", 80) == ()
    lab.cluster.apply([service("web", 9999)])
    pairs = state.endpoints("shop", "web", 80) or ()
    assert [port for _, port in pairs] == [9999, 9999]
    assert all(9999 not in state.listening(pod) for pod, _ in pairs)


def test_a_headless_service_gives_the_port_that_was_asked(lab: Lab) -> None:
    lab.cluster.create(deployment("db"))
    lab.cluster.create(service("db", clusterIP="None"))
    lab.cluster.advance(10)
    ((pod, port),) = lab.cluster.endpoints("shop", "db", 27017) or ()
    assert port == 27017 and pod["metadata"]["labels"]["app"] == "db"


def test_a_stateful_set_starts_in_order_and_keeps_its_claims(lab: Lab) -> None:
    claim = {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    mounted = container(volumeMounts=[{"name": "data", "mountPath": "/data"}])
    body = workload("StatefulSet", "db", mounted, replicas=3, serviceName="db")
    body["spec"]["volumeClaimTemplates"] = [claim]
    lab.cluster.create(body)
    seen = []
    for _ in range(60):
        lab.cluster.advance(1)
        ready = [pod["metadata"]["name"] for pod in lab.pods("db") if is_true(pod, "Ready")]
        if ready not in seen:
            seen.append(ready)
    assert seen == [[], ["db-0"], ["db-0", "db-1"], ["db-0", "db-1", "db-2"]]
    claims = lab.cluster.objects("PersistentVolumeClaim", "shop")
    assert [c["metadata"]["name"] for c in claims] == ["data-db-0", "data-db-1", "data-db-2"]
    assert {c["status"]["phase"] for c in claims} == {"Bound"}
    before = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in lab.pods("db")}

    body["spec"]["template"]["spec"]["containers"][0]["image"] = "app:2"
    lab.cluster.apply([body])
    lab.cluster.advance(90)
    after = {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in lab.pods("db")}
    assert after.keys() == before.keys() and not set(after.values()) & set(before.values())
    assert lab.get("StatefulSet", "db")["status"]["updatedReplicas"] == 3


def test_a_daemon_set_runs_once_per_fitting_node(lab: Lab) -> None:
    lab.cluster.create(workload("DaemonSet", "agent"))
    lab.cluster.advance(20)
    assert sorted(p["spec"]["nodeName"] for p in lab.pods("agent")) == [
        "node-1",
        "node-2",
        "node-3",
    ]
    taint = {"key": "dedicated", "value": "db", "effect": "NoExecute"}

    def tainted(new: dict) -> None:
        new["spec"]["taints"] = [taint]

    lab.cluster.world.store.edit("Node", ("", "node-2"), tainted)
    lab.cluster.world.manager.settle()
    lab.cluster.advance(10)
    assert sorted(p["spec"]["nodeName"] for p in lab.pods("agent")) == ["node-1", "node-3"]
    assert lab.get("DaemonSet", "agent")["status"]["desiredNumberScheduled"] == 2


def test_a_job_completes_and_a_failing_one_gives_up(lab: Lab) -> None:
    lab.programs.runs["ok:1"] = Run(exits_after=5)
    lab.programs.runs["bad:1"] = Run(exits_after=1, exit_code=3)
    for name, image in (("good", "ok:1"), ("evil", "bad:1")):
        spec = {
            "backoffLimit": 2,
            "template": {
                "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}
            },
        }
        lab.cluster.create(plain("Job", name, "batch/v1", spec=spec))
    lab.cluster.advance(300)
    good, evil = lab.get("Job", "good"), lab.get("Job", "evil")
    assert is_true(good, "Complete") and good["status"]["succeeded"] == 1
    assert condition(evil, "Failed")["reason"] == "BackoffLimitExceeded"
    assert evil["status"]["failed"] == 3


def test_a_namespace_is_born_complete_and_dies_empty(lab: Lab) -> None:
    assert lab.get("ServiceAccount", "default")
    lab.cluster.create(deployment("web", replicas=2))
    lab.cluster.advance(20)
    lab.cluster.world.registry.delete(BY_KIND["Namespace"], "", "shop")
    lab.cluster.world.manager.settle()
    assert lab.get("Namespace", "shop", "")["status"]["phase"] == "Terminating"
    with pytest.raises(ApiError, match="because it is being terminated"):
        lab.cluster.create(plain("ConfigMap", "late"))
    lab.cluster.advance(10)
    for kind in BY_KIND:
        assert not lab.cluster.objects(kind, "shop"), kind
