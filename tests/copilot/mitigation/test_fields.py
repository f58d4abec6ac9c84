"""Setting a field, creating and deleting an object: what is written, how it is undone, what is refused."""

import json

import pytest

from copilot.mitigation.policy import Policy
from copilot.model.action import (
    Action,
    CreateObject,
    DeleteObject,
    Restart,
    SetField,
    SetImage,
    Several,
)
from copilot.model.errors import ActionError, PolicyError
from copilot.model.events import ActionFinished
from copilot.model.scope import ObjectRef, Scope, Window
from eval.environments.emulator.environment import START
from tests.copilot.mitigation.conftest import Rig

NAMESPACE = "test-social-network"
SERVICE = ObjectRef("Service", NAMESPACE, "text-service")
WORKLOAD = ObjectRef("Deployment", NAMESPACE, "text-service")
SCOPE = Scope("test", (NAMESPACE,), Window.last(START))
POD = "/spec/template/spec"


async def break_selector(rig: Rig) -> SetField:
    right = (await rig.get(SERVICE))["spec"]["selector"]
    wrong = [{"op": "replace", "path": "/spec/selector", "value": {"app": "gone"}}]
    await rig.environment.writer.patch("Service", NAMESPACE, SERVICE.name, wrong, type="json")
    await rig.environment.clock.sleep(120)
    assert not await rig.environment.healthy()
    return SetField(SERVICE, "/spec/selector", json.dumps(right))


async def test_a_field_is_set_verified_and_taken_back(rig: Rig) -> None:
    action = await break_selector(rig)
    approval = await rig.propose(action)
    assert "app: gone" in rig.ledger.entry(approval).proposal.diff
    finished = (await rig.decide(approval))[-1]
    assert isinstance(finished, ActionFinished) and finished.verified
    assert await rig.environment.healthy()
    [e async for e in rig.door.undo(approval, by="ann")]
    assert (await rig.get(SERVICE))["spec"]["selector"] == {"app": "gone"}


async def test_an_object_is_created_and_undoing_deletes_it(rig: Rig) -> None:
    body = await rig.get(SERVICE)
    keep = {k: body["spec"][k] for k in ("selector", "ports")}
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE.name},
        "spec": keep,
    }
    await rig.environment.writer.delete("Service", NAMESPACE, SERVICE.name)
    await rig.environment.clock.sleep(120)
    assert not await rig.environment.healthy()
    approval = await rig.propose(CreateObject(SERVICE, json.dumps(manifest)))
    finished = (await rig.decide(approval))[-1]
    assert isinstance(finished, ActionFinished) and finished.verified
    [e async for e in rig.door.undo(approval, by="ann")]
    names = [s["metadata"]["name"] for s in await rig.environment.reader.list("Service", NAMESPACE)]
    assert SERVICE.name not in names


async def test_what_is_deleted_comes_back_as_it_was(rig: Rig) -> None:
    policy = ObjectRef("NetworkPolicy", NAMESPACE, "deny")
    body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": policy.name, "namespace": NAMESPACE},
        "spec": {"podSelector": {"matchLabels": {"app": SERVICE.name}}, "policyTypes": ["Ingress"]},
    }
    await rig.environment.writer.create("NetworkPolicy", NAMESPACE, body)
    await rig.environment.clock.sleep(120)
    assert not await rig.environment.healthy()
    approval = await rig.propose(DeleteObject(policy))
    finished = (await rig.decide(approval))[-1]
    assert isinstance(finished, ActionFinished) and finished.verified
    [e async for e in rig.door.undo(approval, by="ann")]
    assert (await rig.get(policy))["spec"]["podSelector"] == body["spec"]["podSelector"]  # type: ignore[index]


async def test_a_service_that_led_out_of_the_cluster_selects_again_and_can_be_set_back(
    rig: Rig,
) -> None:
    right = (await rig.get(SERVICE))["spec"]["selector"]
    away = {"spec": {"type": "ExternalName", "externalName": "text.example.com", "selector": None}}
    await rig.environment.writer.patch("Service", NAMESPACE, SERVICE.name, away)
    await rig.environment.clock.sleep(120)
    assert not await rig.environment.healthy()
    steps = (
        SetField(SERVICE, "/spec/selector", json.dumps(right)),
        SetField(SERVICE, "/spec/type", '"ClusterIP"'),
    )
    approval = await rig.propose(Several(SERVICE, steps))
    finished = (await rig.decide(approval))[-1]
    assert isinstance(finished, ActionFinished) and finished.verified
    assert "externalName" not in (await rig.get(SERVICE))["spec"]
    [e async for e in rig.door.undo(approval, by="ann")]
    spec = (await rig.get(SERVICE))["spec"]
    assert (spec["type"], spec["externalName"]) == ("ExternalName", "text.example.com")
    assert "selector" not in spec


async def test_a_paused_rollout_takes_its_repair_up_once_it_is_resumed(rig: Rig) -> None:
    image = "/spec/template/spec/containers/0/image"
    before = (await rig.get(WORKLOAD))["spec"]["template"]["spec"]["containers"][0]
    wrong = [{"op": "replace", "path": image, "value": "example/none:9"}]
    writer = rig.environment.writer
    await writer.patch("Deployment", NAMESPACE, WORKLOAD.name, wrong, type="json")
    await rig.environment.clock.sleep(30)
    await writer.patch("Deployment", NAMESPACE, WORKLOAD.name, {"spec": {"paused": True}})
    repair = SetImage(WORKLOAD, before["name"], before["image"])
    resumed = (repair, SetField(WORKLOAD, "/spec/paused", "false"))
    finished = (await rig.decide(await rig.propose(Several(WORKLOAD, resumed))))[-1]
    assert isinstance(finished, ActionFinished) and finished.verified
    body = await rig.get(WORKLOAD)
    assert body["status"]["updatedReplicas"] == body["status"]["availableReplicas"] == 1


@pytest.mark.parametrize(
    "action",
    [
        SetField(SERVICE, "/metadata/labels/x", '"y"'),
        SetField(SERVICE, "/spec/type", '"NodePort"'),
        SetField(WORKLOAD, f"{POD}/hostNetwork", "true"),
        SetField(WORKLOAD, "/spec/template/metadata/labels/app", '"y"'),
        SetField(WORKLOAD, f"{POD}/containers/0/securityContext", '{"privileged": true}'),
        SetField(ObjectRef("Secret", NAMESPACE, "s"), "/data/x", '"y"'),
        SetField(ObjectRef("ConfigMap", NAMESPACE, "c"), "/data/x", '"y"', "Pod/x"),
        SetField(ObjectRef("Namespace", "", "other"), "/metadata/labels/x", '"y"'),
        DeleteObject(WORKLOAD),
        DeleteObject(ObjectRef("NetworkPolicy", "elsewhere", "deny")),
        CreateObject(ObjectRef("Secret", NAMESPACE, "s"), "{}"),
        Restart(ObjectRef("Node", "", "node-1")),
    ],
)
def test_policy_refuses(action: Action) -> None:
    with pytest.raises(PolicyError):
        Policy().check(action, SCOPE)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (SetField(WORKLOAD, f"{POD}/containers/7/command", "[]"), "not in the list"),
        (SetField(WORKLOAD, f"{POD}/nothing/below", "1"), "part above"),
        (SetField(WORKLOAD, f"{POD}/hostAliases"), "nothing to remove"),
        (SetField(SERVICE, "/spec/selector", "{"), "not JSON"),
        (CreateObject(SERVICE, '{"kind": "Service", "metadata": {"name": "x"}}'), "not that of"),
    ],
)
async def test_what_does_not_fit_is_told(rig: Rig, action: Action, message: str) -> None:
    with pytest.raises(ActionError) as caught:
        await rig.propose(action)
    assert message in f"{caught.value} {caught.value.hint}"
