"""Repairs of waiting workers, of who takes others' place, and of what only a person may do; and their undoing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from connectors.api.values import Json
from copilot.evidence.mitigations import at_once
from copilot.mitigation.plans import CREATE, DELETE, plan
from copilot.mitigation.policy import Policy
from copilot.model.action import (
    DeleteObject,
    Manual,
    Restart,
    RollBack,
    Scale,
    SetField,
    parts,
)
from copilot.model.causes import CAUSES
from copilot.model.errors import PolicyError
from copilot.model.scope import ObjectRef
from copilot.tools.sources import Sources
from tests.copilot.evidence.recorded import FixedClock, diagnose
from tests.copilot.evidence.test_repairs import (
    API,
    POD,
    container,
    first,
    ref,
    repairs,
    revision,
)
from tests.copilot.evidence.worlds import NOW, SPACE, World, ago, scope, three_services

WEB = ref("Deployment", "web")
STORE = ref("Service", "store")
HOLDER = "api-6b7c9d-x2v9k"


def patched(body: Json, patch: list[Json]) -> Json:
    """Apply a JSON patch (RFC 6902) as the API server does, which drops what is empty then."""
    body = copy.deepcopy(body)
    for step in patch:
        *above, last = [
            p.replace("~1", "/").replace("~0", "~") for p in step["path"].split("/")[1:]
        ]
        here: Any = body
        for part in above:
            here = here[int(part)] if isinstance(here, list) else here[part]
        key: Any = int(last) if isinstance(here, list) else last
        if step["op"] == "test":
            assert here[key] == step["value"]
        elif step["op"] == "remove":
            del here[key]
        elif isinstance(here, list) and step["op"] == "add":
            here.insert(key, step["value"])
        else:
            here[key] = step["value"]
        if not body.get("data", True):
            del body["data"]
    return body


async def undone(world: World, action: Any) -> Json:
    """Do an action that policy allows, and take it back; return what it made of the last object."""
    Policy().check(action, scope())
    after: Json = {}
    for part in parts(action):
        planned = await plan(part, world.cluster, NOW)
        before = planned.before
        if planned.do[0]["op"] == DELETE:
            assert planned.undo[0]["op"] == CREATE
            assert planned.undo[0]["value"]["spec"] == before["spec"]
            continue
        after = patched(before, planned.do)
        assert after != before
        assert patched(after, planned.undo) == before
    return after


def rolled_out(world: World, name: str, **changes: Any) -> None:
    """Let a Deployment have a second revision, two minutes old."""
    old = world.get("ReplicaSet", f"{name}-abc12")
    old["spec"] = copy.deepcopy(old["spec"])
    container(world, name).update(changes)
    revision(world, name, 2, 120)


def waiting(world: World, **data: str) -> ObjectRef:
    """Let api wait for a lock in a ConfigMap that it mounts."""
    world.add("ConfigMap", "leader", data=data)
    spec = world.deployment("api")["spec"]["template"]["spec"]
    spec["volumes"] = [{"name": "l", "configMap": {"name": "leader"}}]
    container(world)["volumeMounts"] = [{"name": "l", "mountPath": "/lease"}]
    return ref("ConfigMap", "leader")


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"leader.lock": HOLDER}, "/data"),
        ({"leader.lock": HOLDER, "other": "x"}, "/data/leader.lock"),
    ],
)
async def test_a_lock_whose_holder_is_gone_is_released(data: dict[str, str], path: str) -> None:
    world = three_services()
    lock = waiting(world, **data)
    found = repairs(
        world, API, "queue.consumer_lag", lock, stalled=1, lock="ConfigMap/leader", holder=HOLDER
    )
    assert found[0].action == SetField(lock, path)
    assert found[1].action == Restart(API)
    assert not any(isinstance(p, Scale) for m in found for p in parts(m.action))
    assert HOLDER not in str((await undone(world, found[0].action)).get("data"))


async def test_the_engine_releases_the_lock_first_and_scales_nothing() -> None:
    world = three_services()
    waiting(world, **{"leader.lock": HOLDER})
    line = f"waiting for leadership: lock /lease/leader.lock is held by {HOLDER}"
    world.log("api", *((120 - 5 * i, line) for i in range(24)))
    found = (await diagnose(Sources(FixedClock(NOW), world.cluster), scope())).mitigations
    assert found[0].action == SetField(ref("ConfigMap", "leader"), "/data")
    assert not any(isinstance(part, Scale) for m in found for part in parts(m.action))


async def test_a_key_that_the_volume_asks_for_is_emptied_and_not_removed() -> None:
    world = three_services()
    lock = waiting(world, **{"leader.lock": HOLDER})
    volume = world.deployment("api")["spec"]["template"]["spec"]["volumes"][0]
    volume["configMap"]["items"] = [{"key": "leader.lock", "path": "leader.lock"}]
    facts: dict[str, Any] = {"stalled": 1, "lock": "ConfigMap/leader", "holder": HOLDER}
    action = first(world, API, "queue.consumer_lag", lock, **facts)
    assert action == SetField(lock, "/data/leader.lock", '""')
    assert (await undone(world, action))["data"] == {"leader.lock": ""}


def test_a_lock_that_a_living_pod_holds_is_left_to_it() -> None:
    world = three_services()
    lock = waiting(world, **{"leader.lock": "web-abc12-x1"})
    facts: dict[str, Any] = {"stalled": 1, "lock": "ConfigMap/leader", "holder": "web-abc12-x1"}
    found = repairs(world, API, "queue.consumer_lag", lock, **facts)
    assert [m.action for m in found] == [Restart(API)]
    unknown = repairs(world, API, "unknown", lock, lock="ConfigMap/leader")[0]
    assert isinstance(unknown.action, Manual)
    assert unknown.kubectl.startswith("kubectl edit configmap leader -n shop")


async def test_a_lease_is_released_and_given_to_nobody() -> None:
    world = three_services()
    world.objects["Lease"] = []
    world.add("Lease", "work", spec={"holderIdentity": f"{HOLDER}_1f", "leaseDurationSeconds": 15})
    lease = ref("Lease", "work")
    action = first(world, API, "unknown", lease, lock="Lease/work", holder=HOLDER)
    assert action == SetField(lease, "/spec/holderIdentity")
    assert (await undone(world, action))["spec"] == {"leaseDurationSeconds": 15}
    for given in (SetField(lease, "/spec/holderIdentity", '"me"'), DeleteObject(lease)):
        with pytest.raises(PolicyError):
            Policy().check(given, scope())


def test_a_release_that_blocks_is_rolled_back_before_it_is_restarted_and_never_scaled() -> None:
    world = three_services()
    rolled_out(world, "api", env=[{"name": "MODE", "value": "blocking"}])
    found = [m.action for m in repairs(world, API, "queue.consumer_lag", stalled=1)]
    assert found == [RollBack(API, 1), Restart(API)]
    assert first(three_services(), API, "queue.consumer_lag") == Scale(API, 2)


def test_a_person_is_told_how_to_take_a_message_out_of_the_queue() -> None:
    world = three_services()
    container(world, "store")["image"] = "rabbitmq:3"
    found = repairs(world, API, "queue.poison_message")[0]
    assert found.kubectl == (
        "kubectl exec deployment/store -n shop -- rabbitmqadmin get queue=<queue> count=1 ackmode=ack_requeue_false"
    )
    container(world, "store")["image"] = "bitnami/kafka:3"
    stopped = repairs(world, API, "queue.poison_message")[0].kubectl
    assert stopped.startswith("kubectl scale deployment/api -n shop --replicas=0 && kubectl exec")
    assert stopped.endswith("--replicas=1")
    rolled_out(world, "api", image="registry/app:2")
    assert first(world, API, "queue.poison_message") == RollBack(API, 1)


@pytest.mark.parametrize(
    ("now", "grown", "new", "count"), [(6, True, False, 2), (6, False, True, 0), (6, False, False, 3)]
)  # fmt: skip
async def test_who_took_others_place_gets_fewer_pods(
    now: int, grown: bool, new: bool, count: int
) -> None:
    world = three_services()
    api = world.deployment("api")
    api["spec"]["replicas"] = now
    api["spec"]["template"]["spec"]["priorityClassName"] = "high"
    if new:
        api["metadata"]["creationTimestamp"] = ago(200)
    if grown:
        world.event("Deployment", "api", "ScalingReplicaSet", "Scaled up replica set api-abc12 to 6 from 2",
                    type="Normal", first=200, last=200)  # fmt: skip
    rolled_out(world, "web", priorityClassName="low")
    found = repairs(world, API, "scheduling.preempted", ObjectRef("PriorityClass", "", "high"), WEB)
    assert [m.action for m in found] == [
        Scale(API, count),
        SetField(API, f"{POD}/priorityClassName"),
    ]
    for mitigation in found:
        await undone(world, mitigation.action)


def test_a_victim_is_never_touched() -> None:
    found = repairs(three_services(), WEB, "scheduling.preempted")
    assert [m.automatic for m in found] == [False]
    assert "priorityClassName" in found[0].kubectl
    preemptor = repairs(three_services(), ref("Pod", "api"), "scheduling.preempted", WEB)[0]
    assert preemptor.kubectl == "kubectl delete pod api -n shop"
    assert "must not be touched" in preemptor.action.instructions  # type: ignore[union-attr]


async def test_a_renamed_key_gets_its_name_back_where_the_config_map_was_edited() -> None:
    world = three_services()
    world.add("ConfigMap", "conf", data={"db_host_name": "store", "x": "1"})
    source = {"configMapKeyRef": {"name": "conf", "key": "db_host"}}
    container(world)["env"] = [{"name": "H", "valueFrom": source}]
    facts = {"kind": "ConfigMap", "name": "conf", "key": "db_host", "missing": "key db_host"}
    place = ref("ConfigMap", "conf")
    action = first(world, place, "config.configmap_missing", API, **facts)
    assert action == SetField(place, "/data/db_host", '"store"', "Deployment/api")
    assert (await undone(world, action))["data"]["db_host"] == "store"
    # Where it is the workload that changed, it is that which reads another key.
    changed = first(world, API, "config.configmap_missing", place, **facts)
    assert changed.object == API


def test_a_key_that_is_like_no_other_is_put_in_by_a_person() -> None:
    world = three_services()
    world.add("ConfigMap", "conf", data={"x": "1", "y": "2"})
    facts = {"kind": "ConfigMap", "name": "conf", "key": "db_host", "missing": "key db_host"}
    found = repairs(world, ref("ConfigMap", "conf"), "config.configmap_missing", API, **facts)[0]
    assert found.kubectl == (
        'kubectl patch configmap conf -n shop --type=merge -p \'{"data": {"db_host": "<content>"}}\''
    )


TAINTS = [
    {"key": "dedicated", "value": "db", "effect": "NoSchedule"},
    {"key": "dedicated", "value": "db", "effect": "PreferNoSchedule"},
    {"key": "spot", "effect": "NoSchedule"},
]


@pytest.mark.parametrize("count", [1, 3])
async def test_one_taint_is_taken_off_and_no_other(count: int) -> None:
    world = three_services()
    node = world.get("Node", "node-1")
    node["spec"] = {"taints": TAINTS[:count], "podCIDR": "10.0.0.0/24"}
    place = ref("Node", "node-1")
    found = repairs(world, place, "scheduling.taint", taint="dedicated", effect="NoSchedule", value="db")[0]  # fmt: skip
    after = await undone(world, found.action)
    assert after["spec"].get("taints", []) == TAINTS[1:count]
    assert found.kubectl == "kubectl taint node node-1 dedicated:NoSchedule-"


async def test_a_cordoned_node_is_uncordoned() -> None:
    world = three_services()
    world.get("Node", "node-1")["spec"] = {"unschedulable": True}
    found = repairs(world, ref("Node", "node-1"), "scheduling.cordoned")[0]
    assert found.kubectl == "kubectl uncordon node-1"
    assert (await undone(world, found.action))["spec"] == {}


DENIED = (
    'inventory failed: pods is forbidden: User "system:serviceaccount:shop:agent" cannot list resource'
    ' "pods" in API group "" in the namespace "shop"'
)


def test_a_person_is_told_which_role_to_bind_to_whom() -> None:
    world = three_services()
    world.event("Deployment", "api", "Failed", DENIED)
    place, account = ref("Role", "agent"), ref("ServiceAccount", "agent")
    found = repairs(world, place, "security.rbac_denied", account, API)[0]
    assert isinstance(found.action, Manual) and "list pods" in found.action.instructions
    assert found.kubectl.splitlines() == [
        "kubectl get role agent -n shop || kubectl create role agent -n shop --verb=list --resource=pods",
        "kubectl create rolebinding agent -n shop --role=agent --serviceaccount=shop:agent",
        "kubectl auth can-i list pods -n shop --as=system:serviceaccount:shop:agent",
    ]
    # Rights are a person's to give.
    binding = ref("RoleBinding", "agent")
    with pytest.raises(PolicyError):
        Policy().check(SetField(binding, "/roleRef", "{}"), scope())


@pytest.mark.parametrize("issuer", [False, True])
def test_a_person_is_told_which_certificate_to_renew_and_whom_to_restart(issuer: bool) -> None:
    world = three_services()
    notes = {"cert-manager.io/certificate-name": "api-cert"} if issuer else {}
    world.add("Secret", "api-tls", metadata={"annotations": notes})
    spec = world.deployment("api")["spec"]["template"]["spec"]
    spec["volumes"] = [{"name": "t", "secret": {"secretName": "api-tls"}}]
    container(world)["volumeMounts"] = [{"name": "t", "mountPath": "/tls"}]
    found = repairs(world, ref("Secret", "api-tls"), "security.certificate_expired", API, WEB)[0]
    made, again = found.kubectl.splitlines()
    assert made == (
        "cmctl renew api-cert -n shop"
        if issuer
        else "kubectl create secret tls api-tls -n shop --cert=<new.crt> --key=<new.key>"
        " --dry-run=client -o yaml | kubectl apply -f -"
    )
    assert again == "kubectl rollout restart deployment/api -n shop"


def scaler(world: World, name: str, seconds: float) -> ObjectRef:
    target = {"kind": "Deployment", "name": "api"}
    spec = {"scaleTargetRef": target, "minReplicas": 2, "maxReplicas": 4}
    world.add(
        "HorizontalPodAutoscaler", name, spec=spec, metadata={"creationTimestamp": ago(seconds)}
    )
    return ref("HorizontalPodAutoscaler", name)


async def test_who_scales_against_an_autoscaler_is_stopped() -> None:
    world = three_services()
    place = scaler(world, "api", 90_000)
    contest = (place, "autoscaling.contested", API)
    manual = repairs(world, *contest, replicas=2)[0]
    assert isinstance(manual.action, Manual)
    assert "kubectl scale deployment/api -n shop --replicas=2" in manual.kubectl
    line = ["sh", "-c", "kubectl scale deployment/api --replicas=1"]
    template = {"spec": {"containers": [{"name": "k", "command": line}]}}
    world.add(
        "CronJob", "saver", spec={"suspend": False, "jobTemplate": {"spec": {"template": template}}}
    )
    job = first(world, *contest, replicas=2)
    assert job == SetField(ref("CronJob", "saver"), "/spec/suspend", "true")
    await undone(world, job)
    world.objects["CronJob"] = []
    container(world, "web")["command"] = line
    assert first(world, *contest, replicas=2) == Scale(WEB, 0)
    container(world, "web")["command"] = ["serve", "--scale", "api-gateway"]
    second = scaler(world, "api-two", 200)
    deleted = first(world, *contest, replicas=2)
    assert deleted == DeleteObject(second)
    await undone(world, deleted)


async def test_a_service_selects_by_a_label_that_only_its_own_pods_have() -> None:
    world = three_services()
    for name, own in (("store", "store"), ("web", "admin")):
        for kind, obj in (("Deployment", name), ("Pod", f"{name}-abc12-x1")):
            made = world.get(kind, obj)
            meta = (
                made["spec"]["template"]["metadata"] if kind == "Deployment" else made["metadata"]
            )
            meta["labels"] = {"app": name, "k8s-app": "store", "component": own, "version": name}
    world.get("Service", "store")["spec"]["selector"] = {"k8s-app": "store"}
    found = repairs(world, STORE, "service.selects_wrong_pods", WEB)
    wanted = {"k8s-app": "store", "app": "store"}
    assert json.loads(found[0].action.value) == wanted  # type: ignore[union-attr]
    assert (await undone(world, found[0].action))["spec"]["selector"] == wanted
    assert found[1].action == SetField(WEB, "/spec/template/metadata/labels/k8s-app")
    after = await undone(world, found[1].action)
    assert "k8s-app" not in after["spec"]["template"]["metadata"]["labels"]


@pytest.mark.parametrize(
    ("message", "before", "raised"),
    [
        ('Usage of EmptyDir volume "tmp" exceeds the limit "5Mi".', "", "20Mi"),
        ('Usage of EmptyDir volume "tmp" exceeds the limit "5Mi".', "64Mi", "64Mi"),
        ('Container api exceeded its local ephemeral storage limit "10Mi".', "", "40Mi"),
    ],
)
async def test_what_outgrew_its_own_limit_gets_more(message: str, before: str, raised: str) -> None:
    world = three_services()
    spec = world.deployment("api")["spec"]["template"]["spec"]
    spec["volumes"] = [{"name": "tmp", "emptyDir": {"sizeLimit": "5Mi"}}]
    container(world)["resources"] = {"limits": {"ephemeral-storage": "10Mi"}}
    if before:
        revision(world, "api", 2, 90_000)
        old = world.get("ReplicaSet", "api-r2")["spec"]["template"]["spec"]
        old["volumes"] = [{"name": "tmp", "emptyDir": {"sizeLimit": before}}]
        revision(world, "api", 3, 80_000)
    world.get("Pod", "api-abc12-x1")["status"]["message"] = message
    found = repairs(world, API, "pod.evicted", ref("Node", "node-1"))
    raise_ = next(m.action for m in found if isinstance(m.action, SetField))
    assert json.loads(raise_.value) == raised
    await undone(world, raise_)
    assert all("node" not in m.kubectl for m in found)


def test_a_new_limit_is_rolled_back_before_it_is_raised() -> None:
    world = three_services()
    spec = world.deployment("api")["spec"]["template"]["spec"]
    spec["volumes"] = [{"name": "tmp", "emptyDir": {}}]
    rolled_out(world, "api")
    latest = world.get("ReplicaSet", "api-r2")["spec"]["template"]["spec"]
    for tight in (spec, latest):
        tight["volumes"] = [{"name": "tmp", "emptyDir": {"sizeLimit": "5Mi"}}]
    assert first(world, API, "pod.evicted", ref("Node", "node-1")) == RollBack(API, 1)


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_a_person_is_never_only_told_to_look(cause: str) -> None:
    kinds = {"workload": "Deployment", "WebhookConfiguration": "ValidatingWebhookConfiguration"}
    kind = kinds.get(CAUSES[cause].repairs, CAUSES[cause].repairs)
    found = repairs(three_services(), ref(kind, "api"), cause)[0]
    assert "kubectl describe" not in found.kubectl
    assert "None" not in found.kubectl and " -n  " not in found.kubectl


def test_the_repairs_of_two_sure_causes_are_one() -> None:
    world = three_services()
    world.deployment("web")["spec"]["template"]["spec"]["nodeName"] = "node-77"
    lock = waiting(world, **{"leader.lock": HOLDER})
    facts: dict[str, Any] = {"stalled": 1, "lock": "ConfigMap/leader", "holder": HOLDER}
    released = repairs(world, API, "queue.consumer_lag", lock, **facts)[0]
    bound = repairs(world, WEB, "scheduling.node_selector")[0]
    joined = at_once([released, bound])[0]
    assert [p.object for p in parts(joined.action)] == [lock, WEB]
    assert SPACE in joined.kubectl
