from datetime import timedelta

import pytest

from copilot.model.action import Manual, PatchServicePort, Scale
from copilot.model.errors import ActionError, ApprovalError, CopilotError, PolicyError
from copilot.model.events import ActionFinished, ActionProgress
from copilot.model.scope import ObjectRef
from tests.copilot.mitigation.conftest import Rig

PORT = 9090


async def break_port(rig: Rig) -> PatchServicePort:
    await rig.environment.writer.patch(
        "Service",
        rig.broken.namespace,
        rig.broken.name,
        [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 9}],
        type="json",
    )
    await rig.environment.clock.sleep(120)
    assert not await rig.environment.healthy()
    return PatchServicePort(rig.broken, PORT, PORT)


async def target_port(rig: Rig) -> int:
    port = (await rig.get(rig.broken))["spec"]["ports"][0]["targetPort"]
    assert isinstance(port, int)
    return port


async def test_a_fix_is_dry_run_approved_applied_and_verified(rig: Rig) -> None:
    action = await break_port(rig)
    approval = await rig.propose(action)
    proposal = rig.ledger.entry(approval).proposal
    assert "-    targetPort: 9" in proposal.diff
    assert f"+    targetPort: {PORT}" in proposal.diff
    assert await target_port(rig) == 9
    events = await rig.decide(approval)
    finished = events[-1]
    assert isinstance(finished, ActionFinished)
    assert finished.verified
    assert not finished.undone
    assert [e.stage for e in events if isinstance(e, ActionProgress)] == [
        "dry run",
        "applied",
        "verified",
    ]
    assert await target_port(rig) == PORT
    assert await rig.environment.healthy()
    assert rig.ledger.entry(approval).state == "verified"


async def test_a_fix_that_does_not_cure_is_taken_back(rig: Rig) -> None:
    await break_port(rig)
    approval = await rig.propose(PatchServicePort(rig.broken, PORT, 10))
    finished = (await rig.decide(approval))[-1]
    assert isinstance(finished, ActionFinished)
    assert not finished.verified
    assert finished.undone
    assert "users.errors" in finished.detail
    assert await target_port(rig) == 9
    assert rig.ledger.entry(approval).state == "undone"


async def test_a_fix_that_makes_something_else_worse_is_taken_back(rig: Rig) -> None:
    action = await break_port(rig)
    approval = await rig.propose(action)
    events = []
    async for event in rig.door.decide(approval, approved=True, by="ann"):
        events.append(event)
        if isinstance(event, ActionProgress) and event.stage == "applied":
            rig.worse = True
    finished = events[-1]
    assert isinstance(finished, ActionFinished)
    assert finished.undone
    assert "new:" in finished.detail
    assert await target_port(rig) == 9


async def test_an_approval_is_good_for_one_use(rig: Rig) -> None:
    approval = await rig.propose(await break_port(rig))
    await rig.decide(approval)
    with pytest.raises(ApprovalError, match="verified"):
        await rig.decide(approval)
    with pytest.raises(ApprovalError, match="no approval"):
        await rig.decide("ap-forged")


async def test_declining_changes_nothing_and_is_final(rig: Rig) -> None:
    approval = await rig.propose(await break_port(rig))
    await rig.decide(approval, approved=False)
    assert await target_port(rig) == 9
    with pytest.raises(ApprovalError, match="declined"):
        await rig.decide(approval)


async def test_an_approval_lapses_with_time_and_with_a_newer_one(rig: Rig) -> None:
    action = await break_port(rig)
    old = await rig.propose(action)
    new = await rig.propose(action)
    with pytest.raises(ApprovalError, match="superseded"):
        await rig.decide(old)
    await rig.environment.clock.sleep(timedelta(minutes=31).total_seconds())
    with pytest.raises(ApprovalError, match="expired"):
        await rig.decide(new)
    assert await target_port(rig) == 9


async def test_an_object_that_changed_since_the_dry_run_is_not_touched(rig: Rig) -> None:
    approval = await rig.propose(await break_port(rig))
    await rig.environment.writer.patch(
        "Service",
        rig.broken.namespace,
        rig.broken.name,
        [{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 11}],
        type="json",
    )
    with pytest.raises(ApprovalError, match="changed since"):
        await rig.decide(approval)
    assert await target_port(rig) == 11


async def test_one_writer_at_a_time(rig: Rig) -> None:
    approval = await rig.propose(await break_port(rig))
    now = rig.environment.clock.now()
    assert rig.ledger.lock(str(rig.broken), "ap-other", now, now + timedelta(minutes=5))
    with pytest.raises(ApprovalError, match="under way"):
        await rig.decide(approval)
    assert not rig.ledger.lock(str(rig.broken), approval, now, now + timedelta(minutes=5))
    later = now + timedelta(minutes=6)
    assert rig.ledger.lock(str(rig.broken), approval, later, later)


async def test_a_verified_fix_can_be_taken_back_later(rig: Rig) -> None:
    approval = await rig.propose(await break_port(rig))
    await rig.decide(approval)
    events = [e async for e in rig.door.undo(approval, by="ann")]
    assert isinstance(events[-1], ActionFinished)
    assert events[-1].undone
    assert await target_port(rig) == 9
    with pytest.raises(ApprovalError, match="nothing to undo"):
        [e async for e in rig.door.undo(approval, by="ann")]


async def test_a_write_whose_process_died_can_be_taken_back(rig: Rig) -> None:
    approval = await rig.propose(await break_port(rig))
    async for event in rig.door.decide(approval, approved=True, by="ann"):
        if isinstance(event, ActionProgress) and event.stage == "applied":
            break  # as after kill -9: nothing that follows is run
    assert rig.ledger.entry(approval).state == "applied"
    assert await target_port(rig) == PORT
    [e async for e in rig.door.undo(approval, by="ann")]
    assert await target_port(rig) == 9


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (
            Manual(ObjectRef("Deployment", "NS", "user-service"), "call the DBA"),
            PolicyError,
            "call the DBA",
        ),
        (Scale(ObjectRef("Deployment", "kube-system", "dns"), 1), PolicyError, "protected"),
        (Scale(ObjectRef("Deployment", "elsewhere", "x"), 1), PolicyError, "outside"),
        (Scale(ObjectRef("Deployment", "NS", "user-service"), 900), PolicyError, "900 replicas"),
        (Scale(ObjectRef("Node", "NS", "user-service"), 1), PolicyError, "not allowed on a Node"),
        (Scale(ObjectRef("Deployment", "NS", "user-service"), 1), ActionError, "change nothing"),
        (
            PatchServicePort(ObjectRef("Service", "NS", "user-service"), 1, 2),
            ActionError,
            "no port 1",
        ),
        (Scale(ObjectRef("Deployment", "NS", "nobody"), 1), CopilotError, "nobody"),
    ],
)
async def test_what_is_refused(
    rig: Rig, action: Scale, error: type[CopilotError], message: str
) -> None:
    namespace = action.object.namespace.replace("NS", rig.broken.namespace)
    target = ObjectRef(action.object.kind, namespace, action.object.name)
    fitted = type(action)(
        **{
            **{f: getattr(action, f) for f in action.__dataclass_fields__},
            "object": target,
        }
    )
    with pytest.raises(error, match=message):
        await rig.propose(fitted)
