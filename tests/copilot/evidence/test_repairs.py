"""Which action each cause is answered with: sized, aimed and ordered by what the cluster itself tells."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Fact
from copilot.evidence.ledger import Ledger
from copilot.evidence.mitigations import at_once, order, propose
from copilot.evidence.ranking import Candidate
from copilot.evidence.snapshot import Snapshot
from copilot.model.action import (
    CreateObject,
    DeleteObject,
    Manual,
    Mitigation,
    ReplaceObject,
    Restart,
    RollBack,
    Scale,
    SetField,
    SetImage,
    parts,
)
from copilot.model.causes import CAUSES
from copilot.model.scope import ObjectRef
from tests.copilot.evidence.worlds import NOW, SPACE, World, ago, scope, three_services

POD = "/spec/template/spec"
API = ObjectRef("Deployment", SPACE, "api")


def ref(kind: str, name: str) -> ObjectRef:
    cluster = ("Node", "PersistentVolume", "ValidatingWebhookConfiguration")
    return ObjectRef(kind, "" if kind in cluster else SPACE, name)


def repairs(
    world: World, place: ObjectRef, cause: str, *also: ObjectRef, **facts: Fact
) -> tuple[Mitigation, ...]:
    """Return what is proposed for a cause, as if an analyzer had claimed it."""
    case = Case(Snapshot(scope(), NOW, world.objects), Ledger(scope(), NOW))
    claim = Claim(place, cause, 0.9, "so it is", also, facts)
    clue = case.clue("test.clue", place, "it is so", ["ev-1"], claims=[claim])
    return order(propose(case, Candidate(place, cause, claims=[(clue, claim)])))


def first(world: World, place: ObjectRef, cause: str, *also: ObjectRef, **facts: Fact) -> Any:
    return repairs(world, place, cause, *also, **facts)[0].action


def container(world: World, name: str = "api") -> Json:
    found: Json = world.deployment(name)["spec"]["template"]["spec"]["containers"][0]
    return found


def revision(world: World, name: str, number: int, seconds: float, **changes: Any) -> None:
    """Add a ReplicaSet of a Deployment, `seconds` old, whose container differs in `changes`."""
    spec = json.loads(json.dumps(world.deployment(name)["spec"]))
    spec["template"]["spec"]["containers"][0] |= changes
    world.add(
        "ReplicaSet",
        f"{name}-r{number}",
        spec=spec,
        metadata={
            "creationTimestamp": ago(seconds),
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
            "ownerReferences": [{"kind": "Deployment", "name": name, "controller": True}],
        },
    )


@pytest.mark.parametrize(
    ("image", "limit", "raised"),
    [
        ("registry/app:1", "6Mi", "128Mi"),
        ("registry/app:1", "300k", "128Mi"),
        ("registry/app:1", "200Mi", "800Mi"),
        ("mongo:5", "20Mi", "512Mi"),
        ("eclipse-temurin:21-jre", "64Mi", "1024Mi"),
        ("registry/app:1", "4Gi", "8192Mi"),
    ],
)
def test_a_memory_limit_is_raised_to_what_a_program_can_live_with(
    image: str, limit: str, raised: str
) -> None:
    world = three_services()
    container(world).update(image=image, resources={"limits": {"memory": limit}})
    action = first(world, API, "resources.memory_limit_too_low", container="api")
    assert action == SetField(
        API, f"{POD}/containers/0/resources/limits/memory", json.dumps(raised)
    )


def test_the_limit_of_an_earlier_revision_is_the_one_to_return_to() -> None:
    world = three_services()
    container(world)["resources"] = {"limits": {"memory": "8Mi"}}
    revision(world, "api", 2, 90_000, resources={"limits": {"memory": "384Mi"}})
    revision(world, "api", 3, 80_000)
    action = first(world, API, "resources.memory_limit_too_low", container="api")
    assert json.loads(action.value) == "384Mi"


def test_a_restart_after_the_bad_rollout_does_not_hide_the_good_revision() -> None:
    world = three_services()
    old = world.get("ReplicaSet", "api-abc12")
    old["spec"] = json.loads(json.dumps(old["spec"]))
    container(world)["image"] = "registry/app:bad"
    revision(world, "api", 2, 600, image="registry/app:bad")
    revision(world, "api", 3, 300, image="registry/app:bad")
    assert first(world, API, "image.not_found") == RollBack(API, 1)


def test_an_old_rollout_is_not_taken_back() -> None:
    world = three_services()
    revision(world, "api", 2, 200_000, image="registry/app:bad")
    revision(world, "api", 3, 100_000, image="registry/app:bad")
    assert not isinstance(first(world, API, "image.not_found"), RollBack)


@pytest.mark.parametrize(
    ("now", "others", "wanted"),
    [
        ("registry/app:9", "registry/app:1", "registry/app:1"),
        ("registry/ap:1", "registry/app:1", "registry/app:1"),
        ("other.host/app:1", "registry/app:1", "registry/app:1"),
    ],
)
def test_an_image_that_cannot_be_had_is_set_to_the_nearest_that_runs(
    now: str, others: str, wanted: str
) -> None:
    world = three_services()
    container(world)["image"] = now
    container(world, "web")["image"] = others
    assert first(world, API, "image.not_found", container="api") == SetImage(API, "api", wanted)


def family() -> World:
    world = World()
    for name in ("cache-geo", "cache-rate", "cache-user"):
        world.service(name, 11211, image="memcached:1", env={"OWN": f"{name}:1", "PART": name[6:]})
    return world


def test_a_wrong_program_is_set_to_the_familys_form_of_command() -> None:
    world = three_services()
    for name in ("web", "store"):
        container(world, name)["command"] = [f"/app/{name}", "serve"]
    container(world)["command"] = ["/bin/sh", "-c", "exit 3"]
    action = first(world, API, "workload.crash_on_start", container="api")
    assert json.loads(action.value) == ["/app/api", "serve"]


def gone(world: World, name: str) -> None:
    for kind in ("Deployment", "ReplicaSet", "Pod"):
        world.objects[kind] = [
            o for o in world.objects[kind] if not o["metadata"]["name"].startswith(name)
        ]


def test_a_workload_that_is_gone_is_made_in_the_likeness_of_its_family() -> None:
    world = family()
    gone(world, "cache-user")
    place = ref("Deployment", "cache-user")
    action = first(world, place, "workload.missing", ref("Service", "cache-user"))
    assert isinstance(action, CreateObject)
    body = json.loads(action.manifest)
    spec = body["spec"]["template"]["spec"]["containers"][0]
    assert body["metadata"]["name"] == "cache-user" and "uid" not in body["metadata"]
    assert body["spec"]["selector"]["matchLabels"] == {"app": "cache-user"}
    assert [e["value"] for e in spec["env"]] == ["cache-user:1", "user"]


def test_a_stranger_is_no_likeness() -> None:
    world = three_services()
    gone(world, "store")
    assert isinstance(first(world, ref("Deployment", "store"), "workload.missing"), Manual)


def test_a_neighbour_of_another_program_is_no_likeness() -> None:
    world = three_services()
    world.service("user-graph", 8080, image="registry/graph:1")
    world.service("user-graph-store", 27017, image="mongo:5")
    gone(world, "user-graph")
    world.service("user-graph-store", 27017, image="mongo:5")
    assert isinstance(first(world, ref("Deployment", "user-graph"), "workload.missing"), Manual)


def test_a_copy_refers_to_nothing_that_is_missing() -> None:
    world = family()
    for name in ("cache-geo", "cache-rate", "cache-user"):
        claim = {"name": "data", "persistentVolumeClaim": {"claimName": f"{name[6:]}-data"}}
        world.deployment(name)["spec"]["template"]["spec"]["volumes"] = [claim]
        if name != "cache-user":
            world.add("PersistentVolumeClaim", f"{name[6:]}-data")
    gone(world, "cache-user")
    assert isinstance(first(world, ref("Deployment", "cache-user"), "workload.missing"), Manual)


def test_a_reference_is_set_to_the_object_of_nearly_its_name() -> None:
    world = three_services()
    world.add("ConfigMap", "api-config", data={"a": "1"})
    world.deployment("api")["spec"]["template"]["spec"]["volumes"] = [
        {"name": "c", "configMap": {"name": "api-confg"}}
    ]
    action = first(
        world, API, "config.configmap_missing", kind="ConfigMap", name="api-confg", missing="it"
    )
    assert action == SetField(API, f"{POD}/volumes/0/configMap/name", '"api-config"')


def test_a_reference_is_set_to_the_key_of_nearly_its_name() -> None:
    world = three_services()
    world.add("Secret", "login", data={"password": "eA==", "user": "eA=="})
    source = {"secretKeyRef": {"name": "login", "key": "passwd"}}
    container(world)["env"] = [{"name": "P", "valueFrom": source}]
    action = first(
        world, API, "config.secret_missing", kind="Secret", name="login", key="passwd", missing="it"
    )
    assert action.path.endswith("/env/0/valueFrom/secretKeyRef/key")
    assert json.loads(action.value) == "password"


def test_a_lost_key_is_put_back_as_it_was_applied() -> None:
    world = three_services()
    applied = json.dumps({"data": {"a.json": "{}", "b": "1"}})
    note = {"kubectl.kubernetes.io/last-applied-configuration": applied}
    world.add("ConfigMap", "api-config", data={"b": "1"}, metadata={"annotations": note})
    action = first(
        world, API, "config.configmap_missing",
        kind="ConfigMap", name="api-config", key="a.json", missing="it",
    )  # fmt: skip
    assert action.object.kind == "ConfigMap" and action.path == "/data/a.json"
    assert action.restarts == "Deployment/api"


@pytest.mark.parametrize(
    ("value", "right"),
    [("stor:9000", "store:9000"), ("store:9009", "store:9000"), ("stor:9009", "store:9000")],
)
def test_an_address_is_corrected_by_the_services_there_are(value: str, right: str) -> None:
    world = three_services()
    container(world)["env"] = [{"name": "STORE_ADDR", "value": value}]
    action = first(world, API, "config.env_wrong", container="api")
    assert action == SetField(API, f"{POD}/containers/0/env/0/value", json.dumps(right))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('{"store": "stor:9000"}', '{"store": "store:9000"}'),
        ('{"store": "store:9009"}', '{"store": "store:9000"}'),
        ('{"store": "store:9000"', '{"store": "store:9000"}\n'),
    ],
)
def test_a_file_is_corrected(text: str, right: str) -> None:
    world = three_services()
    world.add("ConfigMap", "api-config", data={"c.json": text})
    volumes = [{"name": "c", "configMap": {"name": "api-config"}}]
    world.deployment("api")["spec"]["template"]["spec"]["volumes"] = volumes
    action = first(world, ref("ConfigMap", "api-config"), "config.value_wrong", API, key="c.json")
    assert json.loads(action.value) == right and action.restarts == "Deployment/api"


def test_a_file_that_is_right_is_left_alone() -> None:
    world = three_services()
    world.add("ConfigMap", "api-config", data={"c.json": '{"store": "store:9000"}'})
    assert isinstance(first(world, ref("ConfigMap", "api-config"), "config.value_wrong"), Manual)


def test_an_impatient_liveness_probe_is_given_time() -> None:
    world = three_services()
    container(world)["livenessProbe"] = {
        "tcpSocket": {"port": 8080}, "periodSeconds": 1, "timeoutSeconds": 1, "failureThreshold": 1,
    }  # fmt: skip
    action = first(
        world, API, "probe.liveness_misconfigured", container="api", probe="livenessProbe"
    )
    probe = json.loads(action.value)
    assert probe["tcpSocket"] == {"port": 8080}
    assert probe["timeoutSeconds"] >= 5 and probe["failureThreshold"] * probe["periodSeconds"] >= 60


def test_a_probe_of_a_missing_path_asks_as_the_other_probe_does() -> None:
    world = three_services()
    container(world).update(
        readinessProbe={"httpGet": {"port": 8080, "path": "/healthz"}},
        livenessProbe={"httpGet": {"port": 8080, "path": "/nope"}},
    )
    world.event("Pod", "api-abc12-x1", "Unhealthy",
                "Liveness probe failed: HTTP probe failed with statuscode: 404")  # fmt: skip
    action = first(
        world, API, "probe.liveness_misconfigured", container="api", probe="livenessProbe"
    )
    assert json.loads(action.value)["httpGet"]["path"] == "/healthz"


def test_a_startup_probe_is_given_five_minutes() -> None:
    world = three_services()
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 2, "failureThreshold": 2}
    container(world)["startupProbe"] = probe
    action = first(world, API, "probe.startup_misconfigured", container="api", probe="startupProbe")
    given = json.loads(action.value)
    assert given["periodSeconds"] * given["failureThreshold"] >= 300


def test_a_quota_is_raised_before_it_is_deleted_and_its_pods_tried_at_once() -> None:
    world = three_services()
    world.objects["Pod"] = [p for p in world.objects["Pod"] if "api" not in p["metadata"]["name"]]
    hard = {"requests.memory": "1Gi", "pods": "10"}
    world.add("ResourceQuota", "caps", spec={"hard": hard}, metadata={"creationTimestamp": ago(300)},
              status={"used": {"requests.memory": "900Mi", "pods": "3"}})  # fmt: skip
    detail = (
        "requested: requests.memory=2Gi, used: requests.memory=900Mi, limited: requests.memory=1Gi"
    )
    found = repairs(
        world, ref("ResourceQuota", "caps"), "resources.quota_exceeded", API, detail=detail
    )
    raised, restart = parts(found[0].action)
    assert isinstance(raised, SetField) and restart == Restart(API)
    assert json.loads(raised.value) == {"requests.memory": "6Gi", "pods": "10"}
    assert any(isinstance(p, DeleteObject) for p in parts(found[1].action))


def test_a_quota_that_demands_what_pods_do_not_state_no_longer_does() -> None:
    world = three_services()
    world.add(
        "ResourceQuota",
        "caps",
        spec={"hard": {"limits.memory": "1Gi", "requests.memory": "1Gi", "pods": "9"}},
    )
    detail = "must specify limits.memory for: api; requests.memory for: api"
    action = first(
        world, ref("ResourceQuota", "caps"), "resources.quota_exceeded", API, detail=detail
    )
    assert json.loads(action.value) == {"pods": "9"}


def test_a_request_is_lowered_to_what_the_neighbours_ask_for() -> None:
    world = three_services()
    container(world)["resources"] = {"requests": {"cpu": "100"}, "limits": {"memory": "1Gi"}}
    container(world, "web")["resources"] = {"requests": {"cpu": "150m"}}
    action = first(world, API, "resources.request_too_large", resource="cpu")
    assert json.loads(action.value) == {"requests": {"cpu": "150m"}, "limits": {"memory": "1Gi"}}


def test_resources_are_brought_within_a_limit_range_that_is_meant() -> None:
    world = three_services()
    container(world)["resources"] = {"requests": {"cpu": "3"}, "limits": {"cpu": "3"}}
    world.add("LimitRange", "range", spec={"limits": [{"type": "Container", "max": {"cpu": "2"}}]})
    world.event("ReplicaSet", "api-abc12", "FailedCreate",
                "pods is forbidden: maximum cpu usage per Container is 2, but limit is 3")  # fmt: skip
    action = first(world, ref("LimitRange", "range"), "resources.limit_range", API)
    assert json.loads(action.value) == {"requests": {"cpu": "2"}, "limits": {"cpu": "2"}}


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"a": 1}}}},
         "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution"),
        ({"nodeName": "node-77"}, "/nodeName"),
    ],
)  # fmt: skip
def test_rules_about_nodes_are_removed(spec: Json, path: str) -> None:
    world = three_services()
    world.deployment("api")["spec"]["template"]["spec"].update(spec)
    assert first(world, API, "scheduling.node_selector") == SetField(API, POD + path)


def test_spread_rules_are_removed() -> None:
    world = three_services()
    rule = [{"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]
    world.deployment("api")["spec"]["template"]["spec"]["topologySpreadConstraints"] = rule
    action = first(world, API, "scheduling.pod_affinity")
    assert action == SetField(API, f"{POD}/topologySpreadConstraints")


def test_the_second_container_of_one_port_goes() -> None:
    world = three_services()
    spec = world.deployment("api")["spec"]["template"]["spec"]
    spec["containers"].append({**spec["containers"][0], "name": "copy"})
    action = first(world, API, "config.port_conflict", container="api")
    assert action == SetField(API, f"{POD}/containers/1")


def test_the_clusters_name_servers_are_asked_again() -> None:
    world = three_services()
    spec = world.deployment("api")["spec"]["template"]["spec"]
    spec.update(dnsPolicy="None", dnsConfig={"nameservers": ["10.1.2.3"]})
    assert parts(first(world, API, "network.dns")) == (
        SetField(API, f"{POD}/dnsPolicy", '"ClusterFirst"'),
        SetField(API, f"{POD}/dnsConfig"),
    )


def volume(world: World, **spec: Any) -> None:
    world.add(
        "PersistentVolume",
        "vol",
        namespace="",
        spec={
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "own",
            "claimRef": {"namespace": SPACE, "name": "data", "uid": "old"}, **spec,
        },
        status={"phase": "Released"},
    )  # fmt: skip


def test_a_deleted_claim_is_made_again_for_the_volume_that_kept_its_data() -> None:
    world = three_services()
    volume(world)
    world.deployment("api")["spec"]["template"]["spec"]["volumes"] = [
        {"name": "d", "persistentVolumeClaim": {"claimName": "data"}}
    ]
    freed, created = parts(first(world, API, "storage.claim_missing"))
    assert freed == SetField(ref("PersistentVolume", "vol"), "/spec/claimRef/uid")
    assert isinstance(created, CreateObject)
    assert json.loads(created.manifest)["spec"]["storageClassName"] == "own"


@pytest.mark.parametrize(
    "wrong",
    [
        {"accessModes": ["ReadWriteMany"], "storageClassName": "own"},
        {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast"},
    ],
)
def test_a_claim_asks_for_what_its_volume_offers(wrong: Json) -> None:
    world = three_services()
    volume(world)
    world.add("PersistentVolumeClaim", "data", status={"phase": "Pending"},
              spec={"resources": {"requests": {"storage": "1Gi"}}, **wrong})  # fmt: skip
    place = ref("PersistentVolumeClaim", "data")
    cause = (
        "storage.class_missing" if wrong["storageClassName"] == "fast" else "storage.claim_unbound"
    )
    replaced, freed = parts(first(world, place, cause))
    assert isinstance(replaced, ReplaceObject) and isinstance(freed, SetField)
    spec = json.loads(replaced.manifest)["spec"]
    assert (spec["accessModes"], spec["storageClassName"]) == (["ReadWriteOnce"], "own")


def test_an_ingress_routes_to_the_service_of_nearly_its_name() -> None:
    world = three_services()
    path = {"path": "/", "backend": {"service": {"name": "stor", "port": {"number": 1}}}}
    world.add("Ingress", "in", spec={"rules": [{"http": {"paths": [path]}}]})
    action = first(world, ref("Ingress", "in"), "network.ingress_misroute")
    assert json.loads(action.value) == {"name": "store", "port": {"number": 9000}}


def test_an_old_policy_is_widened_and_a_new_one_deleted() -> None:
    world = three_services()
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": []}
    world.add("NetworkPolicy", "old", spec=spec)
    world.add("NetworkPolicy", "new", spec=spec, metadata={"creationTimestamp": ago(200)})
    action = first(world, ref("NetworkPolicy", "old"), "network.policy_blocks")
    assert json.loads(action.value) == [{"from": [{"podSelector": {}}]}]
    assert isinstance(
        first(world, ref("NetworkPolicy", "new"), "network.policy_blocks"), DeleteObject
    )


def test_a_webhook_whose_program_is_stopped_gets_it_back() -> None:
    world = three_services()
    place = ref("ValidatingWebhookConfiguration", "check")
    service = {"name": "store", "namespace": SPACE}
    world.objects[place.kind] = []
    world.add(place.kind, place.name, namespace="",
              webhooks=[{"name": "w", "clientConfig": {"service": service}}])  # fmt: skip
    ignored = first(world, place, "admission.webhook_failing", API)
    assert ignored == SetField(place, "/webhooks/0/failurePolicy", '"Ignore"')
    world.deployment("store")["spec"]["replicas"] = 0
    scaled = first(world, place, "admission.webhook_failing", API)
    assert scaled == Scale(ref("Deployment", "store"), 1)


@pytest.mark.parametrize(
    ("cause", "args", "right"),
    [
        ("database.tls_mismatch", ["--tlsMode", "requireTLS"], ["--tlsMode", "preferTLS"]),
        ("database.connection_limit", ["-c", "max_connections=3"], ["-c", "max_connections=100"]),
        ("database.connection_limit", ["--maxclients", "50"], ["--maxclients", "200"]),
        ("database.memory_full", ["--maxmemory", "10mb"], ["--maxmemory", "40mb"]),
    ],
)
def test_a_store_is_told_otherwise(cause: str, args: list[str], right: list[str]) -> None:
    world = three_services()
    container(world, "store")["args"] = args
    action = first(world, ref("Deployment", "store"), cause)
    assert json.loads(action.value) == right


def test_a_password_is_taken_from_where_the_store_takes_it() -> None:
    world = three_services()
    source = {"secretKeyRef": {"name": "login", "key": "password"}}
    container(world, "store")["env"] = [{"name": "DB_PASSWORD", "valueFrom": source}]
    container(world)["env"] = [
        {"name": "STORE_ADDR", "value": "store:9000"}, {"name": "DB_PASSWORD", "value": "guess"},
    ]  # fmt: skip
    action = first(world, API, "database.wrong_password")
    assert json.loads(action.value) == {"name": "DB_PASSWORD", "valueFrom": source}


def test_an_autoscalers_target_gets_the_request_it_scales_on() -> None:
    world = three_services()
    target = {"kind": "Deployment", "name": "api"}
    metrics = [{"type": "Resource", "resource": {"name": "cpu"}}]
    world.add("HorizontalPodAutoscaler", "api", spec={"scaleTargetRef": target, "metrics": metrics})
    action = first(world, ref("HorizontalPodAutoscaler", "api"), "autoscaling.no_metrics")
    assert json.loads(action.value) == {"requests": {"cpu": "100m"}}


def test_nothing_destructive_comes_first_where_something_milder_helps() -> None:
    world = three_services()
    world.deployment("api")["spec"]["template"]["spec"]["initContainers"] = [{"name": "wait"}]
    world.deployment("api")["spec"]["template"]["spec"]["hostAliases"] = [{"ip": "10.0.0.1"}]
    found = repairs(world, API, "dependency.wrong_address")
    assert [m.risk for m in found] == sorted(
        (m.risk for m in found), key=["low", "medium", "high"].index
    )
    assert all(m.undo and m.kubectl for m in found)


def test_a_wrong_selector_is_set_to_the_labels_of_the_namesake() -> None:
    world = three_services()
    world.get("Service", "store")["spec"]["selector"] = {"app": "web"}
    action = first(world, ref("Service", "store"), "service.selects_wrong_pods")
    assert json.loads(action.value) == {"app": "store"}


def test_a_key_is_known_from_those_who_read_it() -> None:
    world = three_services()
    world.add("Secret", "login")  # of Secrets only the names are read
    for name, key in (("api", "passwd"), ("web", "password")):
        source = {"secretKeyRef": {"name": "login", "key": key}}
        container(world, name)["env"] = [{"name": "P", "valueFrom": source}]
    action = first(
        world, API, "config.secret_missing", kind="Secret", name="login", key="passwd", missing="it"
    )
    assert json.loads(action.value) == "password"


def test_a_switched_on_flag_is_switched_off_before_anything_is_restarted() -> None:
    world = three_services()
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    edited = {"manager": "kubectl", "time": ago(300), "fieldsV1": {"f:data": {}}}
    world.add("ConfigMap", "flags", data={"flags.json": json.dumps({"flags": {"slow": flag}})},
              metadata={"managedFields": [edited]})  # fmt: skip
    volumes = [{"name": "f", "configMap": {"name": "flags"}}]
    world.deployment("store")["spec"]["template"]["spec"]["volumes"] = volumes
    action = first(world, API, "application.slow")
    assert json.loads(json.loads(action.value))["flags"]["slow"]["defaultVariant"] == "off"


def test_a_person_gets_the_command_that_reads_a_lost_file_where_it_still_is() -> None:
    world = three_services()
    volumes = [{"name": "c", "configMap": {"name": "shared"}}]
    pod = world.get("Pod", "web-abc12-x1")["spec"]
    pod["volumes"] = volumes
    pod["containers"][0]["volumeMounts"] = [{"name": "c", "mountPath": "/etc/shared"}]
    found = repairs(
        world, API, "config.configmap_missing", kind="ConfigMap", name="shared", missing="it"
    )[0]
    assert not found.automatic
    assert "kubectl exec web-abc12-x1 -n shop -c web -- tar chf - -C /etc/shared" in found.kubectl
    assert "kubectl create configmap shared -n shop" in found.kubectl


def test_what_a_person_must_do_does_not_keep_the_rest_from_being_done_at_once() -> None:
    world = three_services()
    world.deployment("web")["spec"]["template"]["spec"]["nodeName"] = "node-77"
    zero = repairs(world, API, "workload.scaled_to_zero", replicas=2)[0]
    bound = repairs(world, ref("Deployment", "web"), "scheduling.node_selector")[0]
    manual = repairs(world, ref("Job", "nightly"), "job.failing")[0]
    joined = at_once([zero, manual, bound])[0]
    assert [p.object.name for p in parts(joined.action)] == ["api", "web"]
    assert at_once([zero, manual]) == at_once([zero, zero]) == []


@pytest.mark.parametrize("cause", sorted(CAUSES))
def test_every_cause_is_answered(cause: str) -> None:
    kinds = {"workload": "Deployment", "WebhookConfiguration": "ValidatingWebhookConfiguration"}
    kind = kinds.get(CAUSES[cause].repairs, CAUSES[cause].repairs)
    found = repairs(three_services(), ref(kind, "api"), cause)
    assert found and all(m.title and m.undo and m.kubectl for m in found)
    assert "{" not in found[0].kubectl or "'" in found[0].kubectl
