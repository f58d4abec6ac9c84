"""Repairs with all that they need: what is paused is resumed, what waits is started, what is written fits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from copilot.model.action import (
    Manual,
    PatchServicePort,
    Restart,
    RollBack,
    Scale,
    SetField,
    SetImage,
    parts,
)
from copilot.model.scope import ObjectRef
from tests.copilot.evidence.test_repairs import API, container, first, ref, repairs, revision
from tests.copilot.evidence.worlds import World, ago, three_services

STORE = ref("Service", "store")


def edited(field: str, key: str, seconds: float) -> dict[str, Any]:
    """Return metadata that tell of an edit of one field."""
    entry = {"manager": "kubectl", "time": ago(seconds), "fieldsV1": {field: {f"f:{key}": {}}}}
    return {"managedFields": [entry]}


def test_a_paused_rollout_is_resumed_with_the_repair_and_by_a_person_before_it() -> None:
    world = three_services()
    world.deployment("api")["spec"]["paused"] = True
    revision(world, "api", 2, 120, image="registry/app:none")
    container(world)["image"] = "registry/app:none"
    found = repairs(world, API, "image.not_found", container="api", previous_image="registry/app:1")
    steps = parts(found[0].action)
    assert isinstance(steps[0], RollBack | SetImage)
    assert steps[1] == SetField(API, "/spec/paused", "false")
    assert found[0].kubectl.startswith("kubectl rollout resume deployment/api -n shop\n")


def test_a_rollout_that_is_not_paused_needs_no_more() -> None:
    action = first(three_services(), API, "image.not_found", container="api", previous_image="a:1")
    assert isinstance(action, SetImage)


def test_who_crashed_for_lack_of_a_service_is_started_with_its_repair() -> None:
    world = three_services()
    world.crash("api")
    repair = PatchServicePort(STORE, 9000, 9000)
    facts: dict[str, Any] = {"port": 9000, "target_port": 9000}
    assert parts(first(world, STORE, "service.target_port_mismatch", **facts)) == (
        repair,
        Restart(API),
    )
    # After its first crashes it comes back by itself, sooner than a rollout.
    world.get("Pod", "api-abc12-x1")["status"]["containerStatuses"][0]["restartCount"] = 1
    assert first(world, STORE, "service.target_port_mismatch", **facts) == repair


def test_who_does_not_use_it_is_left_alone() -> None:
    world = three_services()
    world.service("lone")
    world.crash("lone")
    action = first(world, STORE, "service.target_port_mismatch", port=9000, target_port=9000)
    assert action == PatchServicePort(STORE, 9000, 9000)


@pytest.mark.parametrize(
    ("value", "named", "right"),
    [
        ("https://store", "", "http://store:9000"),
        ("https://store/quotes", "http", "http://store:9000/quotes"),
        ("https://store", "https", "https://store:9000"),
        ("http://store", "", "http://store:9000"),
        ("https://store:8443/x", "", "http://store:9000/x"),
        ("http://u:p@store/x", "", "http://u:p@store:9000/x"),
    ],
)
def test_a_url_is_given_the_scheme_and_the_port_that_there_are(
    value: str, named: str, right: str
) -> None:
    world = three_services()
    world.get("Service", "store")["spec"]["ports"][0]["name"] = named
    container(world)["env"] = [{"name": "STORE_URL", "value": value}]
    action = first(world, API, "config.env_wrong", container="api")
    assert json.loads(action.value) == right


def test_all_addresses_of_one_value_are_corrected() -> None:
    world = three_services()
    container(world)["env"] = [{"name": "PEERS", "value": "store:9009,web:9090"}]
    action = first(world, API, "config.env_wrong", container="api")
    assert json.loads(action.value) == "store:9000,web:8080"


@pytest.mark.parametrize("whole", [False, True])
def test_an_address_in_a_key_is_corrected_there_and_its_reader_restarted(whole: bool) -> None:
    world = three_services()
    world.add("ConfigMap", "ends", data={"STORE_URL": "https://store"})
    source = {"configMapKeyRef": {"name": "ends", "key": "STORE_URL"}}
    container(world)["env"] = [] if whole else [{"name": "STORE_URL", "valueFrom": source}]
    container(world)["envFrom"] = [{"configMapRef": {"name": "ends"}}] if whole else []
    found = repairs(world, API, "config.env_wrong", container="api")[0]
    assert found.action == SetField(
        ref("ConfigMap", "ends"), "/data/STORE_URL", '"http://store:9000"', "Deployment/api"
    )
    assert found.kubectl.endswith("kubectl rollout restart deployment/api -n shop")


def test_the_port_that_led_where_callers_want_to_is_offered_again() -> None:
    world = three_services()
    ports = [{"port": 9000 + n, "targetPort": 9000 + n % 100} for n in (100, 1)]
    world.get("Service", "store")["spec"]["ports"] = ports
    action = first(world, STORE, "service.port_mismatch")
    assert action == SetField(STORE, "/spec/ports/0/port", "9000")


def test_a_service_that_leads_out_of_the_cluster_leads_to_its_pods_again() -> None:
    world = three_services()
    spec = world.get("Service", "store")["spec"]
    spec |= {"type": "ExternalName", "externalName": "store.example.com"}
    del spec["selector"]
    steps = parts(first(world, STORE, "dependency.unreachable"))
    assert steps == (
        SetField(STORE, "/spec/selector", '{"app": "store"}'),
        SetField(STORE, "/spec/type", '"ClusterIP"'),
    )


@pytest.mark.parametrize(("pod", "lost"), [("store-gone-x9", True), ("store-abc12-x1", False)])
def test_a_service_without_a_selector_gets_one_where_its_endpoints_are_stale(
    pod: str, lost: bool
) -> None:
    world = three_services()
    del world.get("Service", "store")["spec"]["selector"]
    address = {"ip": "10.1.0.9", "targetRef": {"kind": "Pod", "name": pod}}
    world.add("Endpoints", "store", subsets=[{"addresses": [address]}])
    action = first(world, STORE, "dependency.unreachable")
    right = SetField(STORE, "/spec/selector", '{"app": "store"}')
    assert action == right if lost else isinstance(action, Manual)


def refused(world: World, seconds: float) -> Any:
    """Let api take its password from a Secret that was edited, and be refused."""
    world.add("Secret", "login", metadata=edited("f:data", "pass.word", seconds))
    source = {"secretKeyRef": {"name": "login", "key": "pass.word"}}
    container(world)["env"] = [{"name": "STORE_PASSWORD", "valueFrom": source}]
    return repairs(world, API, "database.wrong_password")[0]


def test_who_started_before_a_secrets_edit_is_restarted() -> None:
    assert refused(three_services(), 300).action == Restart(API)


def test_who_started_since_a_secrets_edit_gains_nothing_from_a_restart() -> None:
    world = three_services()
    world.crash("api")  # started a minute ago
    found = refused(world, 300)
    assert isinstance(found.action, Manual)
    assert "key pass.word of Secret login" in found.action.instructions
    assert "kubectl patch secret login -n shop" in found.kubectl
    assert r"{.data.pass\.word}" in found.kubectl
    assert found.kubectl.endswith("kubectl rollout restart deployment/api -n shop")


@pytest.mark.parametrize(
    ("data", "right"),
    [
        ({"conf.yaml": '{"a": 1}', "other.txt": "-"}, '{"a": 1}'),
        ({"conf.yaml": "a: 1", "other.txt": "-"}, None),
    ],
)
def test_a_key_that_was_renamed_is_put_back(data: dict[str, str], right: str | None) -> None:
    world = three_services()
    world.add("ConfigMap", "api-config", data=data)
    world.deployment("api")["spec"]["template"]["spec"]["volumes"] = [
        {"name": "c", "configMap": {"name": "api-config"}}
    ]
    action = first(
        world, API, "config.configmap_missing",
        kind="ConfigMap", name="api-config", key="conf.json", missing="it",
    )  # fmt: skip
    if right is None:
        assert isinstance(action, Manual)
    else:
        assert (action.path, json.loads(action.value)) == ("/data/conf.json", right)


@pytest.mark.parametrize("users", [[API], []])
def test_of_a_config_map_its_users_are_restarted(users: list[ObjectRef]) -> None:
    world = three_services()
    world.add("ConfigMap", "api-config", data={"conf.yaml": "{}", "other.txt": "-"})
    volumes = [{"name": "c", "configMap": {"name": "api-config"}}]
    world.deployment("api")["spec"]["template"]["spec"]["volumes"] = volumes
    world.crash("api")
    config = ref("ConfigMap", "api-config")
    action = first(world, config, "config.configmap_missing", *users,
                   kind="ConfigMap", name="api-config", key="conf.json", missing="it")  # fmt: skip
    found = [(p.object, getattr(p, "restarts", "restart")) for p in parts(action)]
    assert found == ([(config, "Deployment/api")] if users else [(config, ""), (API, "restart")])


def test_an_autoscaler_that_was_cut_goes_as_high_as_it_was() -> None:
    world = three_services()
    metric = {"type": "Resource", "resource": {"name": "cpu"}}
    world.add(
        "HorizontalPodAutoscaler", "api", metadata=edited("f:spec", "maxReplicas", 300),
        spec={"maxReplicas": 2, "scaleTargetRef": {"kind": "Deployment", "name": "api"},
              "metrics": [{**metric, "resource": {"name": "cpu", "target": {"averageUtilization": 50}}}]},
        status={"currentReplicas": 2,
                "currentMetrics": [{**metric, "resource": {"name": "cpu", "current": {"averageUtilization": 140}}}]},
    )  # fmt: skip
    scaler = ref("HorizontalPodAutoscaler", "api")
    assert first(world, scaler, "autoscaling.at_limit", API).value == "6"
    world.event("Deployment", "api", "ScalingReplicaSet",
                "Scaled down replica set api-abc12 from 9 to 2", type="Normal", last=290)  # fmt: skip
    assert first(world, scaler, "autoscaling.at_limit", API).value == "9"


def test_a_store_is_not_scaled() -> None:
    world = three_services()
    assert first(world, API, "queue.consumer_lag") == Scale(API, 2)
    container(world, "store")["image"] = "redis:7"
    store = ref("Deployment", "store")
    assert isinstance(first(world, store, "queue.consumer_lag"), Manual)


@pytest.mark.parametrize(
    ("second", "expected"),
    [(240, [RollBack(API, 1)]), (330, [RollBack(API, 1), Scale(API, 1)])],
)
def test_a_rollout_scaling_its_own_sets_on_the_way_changes_no_number_of_replicas(
    second: float, expected: list[Any]
) -> None:
    world = three_services()
    world.deployment("api")["spec"]["replicas"] = 2
    revision(world, "api", 2, 300, image="api:2")
    message = "Scaled {} replica set {} to {}"
    world.event("Deployment", "api", "ScalingReplicaSet", message.format("down", "api-abc12", 1),
                type="Normal", first=second, last=second)  # fmt: skip
    world.event("Deployment", "api", "ScalingReplicaSet", message.format("up", "api-r2", 2),
                type="Normal", first=235, last=235)  # fmt: skip
    found = first(world, API, "workload.bad_rollout")
    assert list(parts(found)) == expected
