"""What earlier looks found, as causes and as repairs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from copilot.evidence.engine import EvidenceEngine
from copilot.model.action import CreateObject, SetField, parts
from copilot.model.diagnosis import Diagnosis, Verdict
from copilot.model.events import DiagnosisReady
from copilot.model.scope import ObjectRef
from copilot.sessions.database import open_database
from copilot.sessions.history import DatabaseHistory
from copilot.tools.sources import Sources
from tests.copilot.evidence.recorded import FixedClock
from tests.copilot.evidence.worlds import NOW, SPACE, World, scope, three_services


@pytest.fixture
def history(tmp_path: Path) -> DatabaseHistory:
    return DatabaseHistory(open_database(f"sqlite:///{tmp_path / 'state.db'}"), days=30)


async def look(world: World, history: DatabaseHistory | None, minutes: float = 0) -> Diagnosis:
    clock = FixedClock(NOW + timedelta(minutes=minutes))
    sources = Sources(clock, world.cluster, history=history)
    async for event in EvidenceEngine(sources).investigate("", scope()):
        if isinstance(event, DiagnosisReady):
            return event.diagnosis
    raise AssertionError("no diagnosis")


def without(world: World, kind: str, name: str) -> Mapping[str, Any]:
    found = next(o for o in world.objects[kind] if o["metadata"]["name"] == name)
    world.objects[kind].remove(found)
    return found


async def test_a_workload_that_is_gone_is_named_and_created_again_as_it_was(
    history: DatabaseHistory,
) -> None:
    world = three_services()
    assert (await look(world, history)).verdict is Verdict.HEALTHY
    lost = without(world, "Deployment", "store")
    without(world, "ReplicaSet", "store-abc12")
    without(world, "Pod", "store-abc12-x1")
    world.log("api", (20, "dial tcp 10.0.0.3:9000: connect: connection refused"))
    found = await look(world, history, 5)
    first = found.root_causes[0]
    assert (first.object, first.cause) == (
        ObjectRef("Deployment", SPACE, "store"),
        "workload.missing",
    )
    action = found.mitigations[0].action
    assert isinstance(action, CreateObject) and action.object == first.object
    assert json.loads(action.manifest)["spec"] == lost["spec"]


async def test_what_a_config_map_said_before_is_shown_and_can_be_put_back(
    history: DatabaseHistory,
) -> None:
    world = three_services()
    config = world.add("ConfigMap", "api-config", data={"mode": "fast", "limit": "10"})
    world.deployment("api")["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [
        {"configMapRef": {"name": "api-config"}}
    ]
    assert (await look(world, history)).verdict is Verdict.HEALTHY
    config["data"] = {"mode": "turbo", "limit": "10"}
    world.crash("api")
    world.log("api", (61, "fatal: unknown mode 'turbo'"), previous=True)
    found = await look(world, history, 5)
    drift = next(f for f in found.findings if f.code == "object.changed_since")
    assert "data/mode: fast -> turbo" in drift.summary and "limit" not in drift.summary
    cited = {item.id: item for item in found.evidence}
    assert "data/mode: fast -> turbo" in cited[drift.evidence[0]].text
    actions = [part for m in found.mitigations for part in parts(m.action)]
    back = [a for a in actions if isinstance(a, SetField) and a.path == "/data/mode"]
    assert back and back[0].value == '"fast"' and back[0].restarts == "Deployment/api"


async def test_a_change_that_turned_out_well_is_no_longer_told(history: DatabaseHistory) -> None:
    world = three_services()
    config = world.add("ConfigMap", "api-config", data={"mode": "fast"})
    await look(world, history)
    config["data"] = {"mode": "slow"}
    without(world, "Service", "web")
    told = await look(world, history, 5)
    assert {f.code for f in told.findings} >= {"object.changed_since", "object.gone"}
    assert told.verdict is Verdict.HEALTHY
    after = await look(world, history, 10)
    assert not {f.code for f in after.findings} & {"object.changed_since", "object.gone"}


async def test_without_a_history_nothing_is_remembered(history: DatabaseHistory) -> None:
    world = three_services()
    await look(world, None)
    without(world, "Service", "web")
    found = await look(world, None, 5)
    assert not any(f.code.startswith("object.") for f in found.findings)
    assert await history.seen(replace(scope())) == []
