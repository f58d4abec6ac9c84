"""Edited ConfigMaps: who uses them, which keys were written, and what they said before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.edits import edited, written
from copilot.evidence.ledger import Ledger
from copilot.evidence.snapshot import Snapshot
from tests.copilot.evidence.reasoned import failing, reasoned, shop
from tests.copilot.evidence.test_own_words import specs
from tests.copilot.evidence.worlds import NOW, World, ago, scope

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def config(world: World, data: dict[str, str], keys: list[str], applied: Any = None) -> Json:
    edit = {
        "manager": "edit",
        "time": ago(200),
        "fieldsV1": {"f:data": {f"f:{k}": {} for k in keys}},
    }
    notes = {APPLIED: json.dumps({"data": applied})} if applied else {}
    return world.add(
        "ConfigMap", "tuning", data=data, metadata={"managedFields": [edit], "annotations": notes}
    )


def case_of(world: World) -> Case:
    return Case(Snapshot(scope(), NOW, world.objects), Ledger(scope(), NOW))


def test_the_last_writer_s_keys_are_named() -> None:
    world = World()
    made = config(world, {"a": "1", "lookup_ms": "300", "z": "9"}, ["lookup_ms"])
    assert written(made) == ["lookup_ms"]
    assert edited(case_of(world), made) == "key lookup_ms"


def test_one_who_wrote_all_keys_tells_nothing() -> None:
    world = World()
    made = config(world, {"a": "1", "b": "2"}, ["a", "b"])
    assert edited(case_of(world), made) == ""


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("20", "0", "x: 20 -> 0"),
        ('{"lookup": {"ms": 0}, "k": 1}', '{"lookup": {"ms": 300}, "k": 1}', "x: lookup/ms: 0 -> 300"),
        ("a=1\nb=2", "a=1\nb=3", "x: b=2 -> b=3"),
    ],
)  # fmt: skip
def test_the_values_that_were_applied_are_compared(before: str, now: str, told: str) -> None:
    world = World()
    assert edited(case_of(world), config(world, {"x": now}, ["x"], {"x": before})) == told


def test_what_looks_like_a_secret_is_not_shown() -> None:
    world = World()
    made = config(
        world, {"DB_PASSWORD": "hunter2-new"}, ["DB_PASSWORD"], {"DB_PASSWORD": "hunter2"}
    )
    assert "hunter2" not in edited(case_of(world), made)
    assert "DB_PASSWORD" in edited(case_of(world), made)


def test_every_user_of_an_edited_config_map_is_told() -> None:
    world = shop()
    for name in ("orders", "users"):
        for spec in specs(world, name):
            spec["containers"][0]["envFrom"] = [{"configMapRef": {"name": "tuning"}}]
    config(world, {"LOOKUP_MS": "300"}, ["LOOKUP_MS"])
    found = [
        f for f in reasoned(world, failing("web")).plain().findings if f.code == "config.edited"
    ]
    assert len(found) == 2
    assert all("LOOKUP_MS" in f.summary for f in found)
    assert {f.summary.rpartition(" and ")[2] for f in found} == {"orders uses it", "users uses it"}
