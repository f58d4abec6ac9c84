"""Setting a field, creating and deleting an object: what is written, how it is undone, what is refused."""

import json

import pytest

from copilot.mitigation.policy import Policy
from copilot.model.action import Action, CreateObject, DeleteObject, Restart, SetField
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


@pytest.mark.parametrize(
    "action",
    [
        SetField(SERVICE, "/metadata/labels/x", '"y"'),
        SetField(WORKLOAD, f"{POD}/hostNetwork", "true"),
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
