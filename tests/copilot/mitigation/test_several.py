"""Several writes as one: all or none, undone in reverse; and an object that is replaced."""

import json

import pytest

from connectors.api.values import Json
from copilot.mitigation.plans import REPLACE, plan
from copilot.mitigation.policy import Policy
from copilot.mitigation.verify import symptoms_of
from copilot.model.action import DeleteObject, ReplaceObject, Scale, SetField, Several, parts
from copilot.model.errors import ActionError, ApprovalError, CopilotError, PolicyError
from copilot.model.events import ActionFinished
from copilot.model.scope import ObjectRef, Scope, Window
from eval.environments.emulator.environment import START
from tests.copilot.mitigation.conftest import Rig

NAMESPACE = "test-social-network"
ONE = ObjectRef("Service", NAMESPACE, "text-service")
TWO = ObjectRef("Service", NAMESPACE, "user-service")
SCOPE = Scope("test", (NAMESPACE,), Window.last(START))


async def both_broken(rig: Rig) -> Several:
    actions = []
    for ref in (ONE, TWO):
        right = (await rig.get(ref))["spec"]["selector"]
        wrong = [{"op": "replace", "path": "/spec/selector", "value": {"app": "gone"}}]
        await rig.environment.writer.patch("Service", NAMESPACE, ref.name, wrong, type="json")
        actions.append(SetField(ref, "/spec/selector", json.dumps(right)))
    await rig.environment.clock.sleep(120)
    return Several(ONE, tuple(actions))


async def selectors(rig: Rig) -> list[Json]:
    return [(await rig.get(ref))["spec"]["selector"] for ref in (ONE, TWO)]


async def test_all_are_done_verified_and_taken_back(rig: Rig) -> None:
    action = await both_broken(rig)
    approval = await rig.propose(action)
    diff = rig.ledger.entry(approval).proposal.diff
    assert all(f"Service/{ref.name} (after)" in diff for ref in (ONE, TWO))
    finished = (await rig.decide(approval))[-1]
    assert isinstance(finished, ActionFinished) and finished.verified
    assert {"app": "gone"} not in await selectors(rig)
    [e async for e in rig.door.undo(approval, by="ann")]
    assert await selectors(rig) == [{"app": "gone"}] * 2


async def test_what_was_done_is_taken_back_when_a_later_one_is_refused(rig: Rig) -> None:
    # The second holds itself to the value that the first one has just changed.
    action = Several(ONE, (SetField(ONE, "/spec/sessionAffinity", '"ClientIP"'),) * 2)
    before = (await rig.get(ONE))["spec"].get("sessionAffinity")
    approval = await rig.propose(action)
    with pytest.raises(CopilotError):
        await rig.decide(approval)
    assert (await rig.get(ONE))["spec"].get("sessionAffinity") == before
    assert rig.ledger.entry(approval).state == "failed"


async def test_every_object_is_locked(rig: Rig) -> None:
    action = await both_broken(rig)
    approval = await rig.propose(action)
    now = rig.environment.clock.now()
    assert rig.ledger.lock(str(TWO), "another", now, now.replace(year=now.year + 1))
    with pytest.raises(ApprovalError, match="under way"):
        await rig.decide(approval)
    assert rig.ledger.lock(str(ONE), "third", now, now)
    assert await selectors(rig) == [{"app": "gone"}] * 2


def test_policy_looks_at_each() -> None:
    fine = Scale(ObjectRef("Deployment", NAMESPACE, "text-service"), 1)
    bad = DeleteObject(ObjectRef("Deployment", NAMESPACE, "text-service"))
    Policy().check(Several(fine.object, (fine,)), SCOPE)
    with pytest.raises(PolicyError):
        Policy().check(Several(fine.object, (fine, bad)), SCOPE)


async def test_the_symptoms_of_all_objects_must_go(rig: Rig) -> None:
    action = Several(rig.broken, (Scale(rig.broken, 1), Scale(TWO, 1)))
    diagnosis, mitigation = rig.diagnosis(action)
    assert symptoms_of(diagnosis, mitigation) == (diagnosis.findings[0].key,)
    assert [p.object for p in parts(action)] == [rig.broken, TWO]


class OneClaim:
    """A reader that knows one claim."""

    def __init__(self, phase: str) -> None:
        self.body: Json = {
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": NAMESPACE, "uid": "u"},
            "spec": {"resources": {"requests": {"storage": "9Ti"}}},
            "status": {"phase": phase},
        }

    async def get(self, kind: str, namespace: str, name: str) -> Json:
        return self.body


async def test_only_a_claim_without_a_volume_is_replaced() -> None:
    ref = ObjectRef("PersistentVolumeClaim", NAMESPACE, "data")
    body = {"kind": ref.kind, "metadata": {"name": "data"}, "spec": {"resources": {}}}
    action = ReplaceObject(ref, json.dumps(body))
    planned = await plan(action, OneClaim("Pending"), START)  # type: ignore[arg-type]
    assert planned.do[0]["op"] == planned.undo[0]["op"] == REPLACE
    assert planned.undo[0]["value"]["spec"]["resources"]["requests"]["storage"] == "9Ti"
    with pytest.raises(ActionError, match="bound"):
        await plan(action, OneClaim("Bound"), START)  # type: ignore[arg-type]
    with pytest.raises(PolicyError):
        Policy().check(ReplaceObject(ONE, "{}"), SCOPE)
