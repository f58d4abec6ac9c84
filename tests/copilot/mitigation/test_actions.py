"""Every action: its write, its inverse, and that the object is then what it was."""

import pytest

from connectors.api.values import Json
from copilot.mitigation.plans import plan
from copilot.model.action import (
    PatchServicePort,
    RemoveNodeSelector,
    Restart,
    RollBack,
    Scale,
    SetImage,
    Single,
)
from copilot.model.errors import ActionError
from copilot.model.scope import ObjectRef
from tests.copilot.mitigation.conftest import Rig

NAMESPACE = "test-social-network"
SERVICE = ObjectRef("Service", NAMESPACE, "text-service")
WORKLOAD = ObjectRef("Deployment", NAMESPACE, "text-service")


async def write(rig: Rig, ref: ObjectRef, patch: list[Json]) -> Json:
    done = await rig.environment.writer.patch(ref.kind, ref.namespace, ref.name, patch, type="json")
    await rig.environment.clock.sleep(60)
    return done


async def container(rig: Rig) -> Json:
    body = await rig.get(WORKLOAD)
    first = body["spec"]["template"]["spec"]["containers"][0]
    assert isinstance(first, dict)
    return first


@pytest.mark.parametrize(
    ("action", "path", "expected"),
    [
        (PatchServicePort(SERVICE, 9090, 8000), ("ports", 0, "targetPort"), 8000),
        (PatchServicePort(SERVICE, 9090, "http"), ("ports", 0, "targetPort"), "http"),
        (Scale(WORKLOAD, 3), ("replicas",), 3),
        (
            SetImage(WORKLOAD, "text-service", "example/search:2"),
            ("template", "spec", "containers", 0, "image"),
            "example/search:2",
        ),
    ],
)
async def test_doing_and_undoing(
    rig: Rig, action: Single, path: tuple[str | int, ...], expected: object
) -> None:
    before = (await rig.get(action.object))["spec"]
    planned = await plan(action, rig.environment.reader, rig.environment.clock.now())
    value = (await write(rig, action.object, planned.do))["spec"]
    for key in path:
        value = value[key]
    assert value == expected
    await write(rig, action.object, planned.undo)
    assert (await rig.get(action.object))["spec"] == before


async def test_a_restart_replaces_the_pods(rig: Rig) -> None:
    old = {p["metadata"]["name"] for p in await rig.environment.reader.list("Pod", NAMESPACE)}
    planned = await plan(Restart(WORKLOAD), rig.environment.reader, rig.environment.clock.now())
    await write(rig, WORKLOAD, planned.do)
    new = {p["metadata"]["name"] for p in await rig.environment.reader.list("Pod", NAMESPACE)}
    assert len(old - new) == len(new - old) == 1
    again = await plan(Restart(WORKLOAD), rig.environment.reader, rig.environment.clock.now())
    assert again.do[0]["op"] == "test"


async def test_a_rollback_returns_to_the_revision_before(rig: Rig) -> None:
    good = (await container(rig))["image"]
    image = "/spec/template/spec/containers/0/image"
    await write(rig, WORKLOAD, [{"op": "replace", "path": image, "value": "example/none:9"}])
    planned = await plan(RollBack(WORKLOAD), rig.environment.reader, rig.environment.clock.now())
    await write(rig, WORKLOAD, planned.do)
    assert (await container(rig))["image"] == good
    await write(rig, WORKLOAD, planned.undo)
    assert (await container(rig))["image"] == "example/none:9"


async def test_without_an_earlier_revision_there_is_no_way_back(rig: Rig) -> None:
    now = rig.environment.clock.now()
    with pytest.raises(ActionError, match="no earlier revision"):
        await plan(RollBack(WORKLOAD), rig.environment.reader, now)
    with pytest.raises(ActionError, match="no earlier revision 7"):
        await plan(RollBack(WORKLOAD, 7), rig.environment.reader, now)


@pytest.mark.parametrize("others", [{}, {"disk": "ssd"}])
async def test_a_node_selector_is_removed_and_put_back(rig: Rig, others: dict[str, str]) -> None:
    key = "kubernetes.io/hostname"
    selector = {key: "nowhere", **others}
    path = "/spec/template/spec/nodeSelector"
    await write(rig, WORKLOAD, [{"op": "add", "path": path, "value": selector}])
    action = RemoveNodeSelector(WORKLOAD, key)
    planned = await plan(action, rig.environment.reader, rig.environment.clock.now())
    await write(rig, WORKLOAD, planned.do)
    spec = (await rig.get(WORKLOAD))["spec"]["template"]["spec"]
    assert spec.get("nodeSelector", {}) == others
    await write(rig, WORKLOAD, planned.undo)
    spec = (await rig.get(WORKLOAD))["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == selector
    with pytest.raises(ActionError, match="no node selector 'zone'"):
        await plan(
            RemoveNodeSelector(WORKLOAD, "zone"),
            rig.environment.reader,
            rig.environment.clock.now(),
        )
