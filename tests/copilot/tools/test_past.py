"""What differs from what an earlier look found, also as the agent's tool tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from copilot.model.history import Seen
from copilot.model.scope import ObjectRef, Scope
from copilot.tools.manifests import fingerprint, manifest
from copilot.tools.past import Past, since
from tests.copilot.tools.worlds import NOW, Cluster, app, told, toolbox


def config(**data: str) -> dict[str, Any]:
    metadata = {"name": "settings", "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def seen(obj: Mapping[str, Any], minutes: float, *, well: bool = True, whole: bool = True) -> Seen:
    written, at = manifest(dict(obj)), NOW - timedelta(minutes=minutes)
    assert written is not None
    ref = ObjectRef(obj["kind"], "shop", obj["metadata"]["name"])
    return Seen(ref, written, fingerprint(written), at, at, at if well else None, whole)


class History:
    def __init__(self, *versions: Seen) -> None:
        self.versions = versions

    async def note(
        self, scope: Scope, objects: Sequence[Mapping[str, Any]], at: object, *, well: bool
    ) -> None:
        raise AssertionError("a tool only reads")

    async def seen(self, scope: Scope) -> Sequence[Seen]:
        return self.versions


def past(now: dict[str, Any] | None, *versions: Seen) -> Past:
    return Past(versions, lambda _: now, lambda _: True)


def test_the_last_good_version_is_compared_with_not_the_last() -> None:
    good, bad = seen(config(a="1"), 60), seen(config(a="2"), 5, well=False)
    found = past(config(a="3"), bad, good).changed()
    assert found == [good]
    assert past(config(a="3"), bad, good).differences(good) == ["data/a: 1 -> 3"]
    assert past(config(a="3"), bad).changed() == [bad]


def test_what_was_well_as_it_is_did_not_change() -> None:
    assert past(config(a="1"), seen(config(a="1"), 60), seen(config(a="2"), 90)).changed() == []


def test_what_a_healthy_look_did_not_miss_is_not_gone() -> None:
    lost, other = seen(config(a="1"), 60), seen(app("cart")[0], 5)
    assert past(None, lost).gone() == [lost]
    assert lost not in past(None, lost, other).gone()


def test_a_kind_that_was_not_listed_tells_of_nothing_gone() -> None:
    assert Past([seen(config(a="1"), 60)], lambda _: None, lambda _: False).gone() == []


def test_the_day_is_written_where_it_is_another_one() -> None:
    assert since(seen(config(a="1"), 5), NOW) == "at 02:55:00 UTC, when all was well"
    assert " on " in since(seen(config(a="1"), 60 * 24), NOW)


async def test_the_tool_tells_what_changed_since_all_was_well_and_what_is_gone() -> None:
    history = History(seen(config(mode="fast"), 30), seen(app("gone")[0], 30))
    box = toolbox(Cluster([*app("cart"), config(mode="turbo")]), history=history)
    text = await told(box, "get_changes")
    assert (
        "ConfigMap shop/settings: not as it was at 02:30:00 UTC, when all was well: data/mode: fast -> turbo"
        in text
    )
    assert "shop/gone: there at 02:30:00 UTC, when all was well, and gone now" in text
