"""Differences between objects, and the patches that make one of the other."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from eval.environments.emulator.cluster.patches import json_patch as apply_json_patch
from eval.faults.paths import ABSENT, Item, covers, differences, json_patch, put, value_at

_SCALARS = st.one_of(st.integers(-3, 3), st.text("ab/~", max_size=3), st.booleans())
_NAMED = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abcd"), "value": _SCALARS}),
    unique_by=lambda item: item["name"],
    max_size=4,
)
_OBJECTS = st.recursive(
    st.dictionaries(st.sampled_from(["a", "b", "c/d", "e~f"]), _SCALARS, max_size=3),
    lambda inner: st.dictionaries(
        st.sampled_from(["a", "b", "list", "c/d"]),
        st.one_of(inner, _SCALARS, st.lists(_SCALARS, max_size=3), _NAMED),
        max_size=4,
    ),
    max_leaves=12,
)


@given(_OBJECTS, _OBJECTS)
def test_the_patch_makes_one_of_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert apply_json_patch(deepcopy(old), json_patch(old, new)) == new


@given(_OBJECTS, _OBJECTS)
def test_putting_the_differences_back(good: dict[str, Any], bad: dict[str, Any]) -> None:
    mended = deepcopy(bad)
    found = differences(good, bad)
    for difference in found:
        assert value_at(good, difference.path) is difference.good or covers(
            value_at(good, difference.path), difference.good
        )
        put(mended, difference.path, deepcopy(difference.good))
    assert not differences(good, mended)
    assert bool(found) == (good != bad) or not found


@given(_OBJECTS)
def test_an_object_covers_itself_and_does_not_differ(item: dict[str, Any]) -> None:
    assert covers(item, item)
    assert differences(item, deepcopy(item)) == []
    assert json_patch(item, deepcopy(item)) == []


def test_a_path_holds_whatever_else_is_in_the_list() -> None:
    good = {"containers": [{"name": "a", "image": "x:1"}]}
    bad = {"containers": [{"name": "a", "image": "x:2"}]}
    (found,) = differences(good, bad)
    assert found.path == ("containers", Item("name", "a"), "image")
    live = {"containers": [{"name": "sidecar", "image": "s"}, {"name": "a", "image": "x:2"}]}
    put(live, found.path, found.good)
    assert [c["image"] for c in live["containers"]] == ["s", "x:1"]


def test_an_absent_value_stays_itself() -> None:
    assert deepcopy(ABSENT) is ABSENT
    item: dict[str, Any] = {"a": {"b": 1}}
    put(item, ("a", "b"), ABSENT)
    put(item, ("c", "d"), ABSENT)
    assert item == {"a": {}}


def test_what_a_server_adds_does_not_count() -> None:
    assert covers({"port": 1, "protocol": "TCP"}, {"port": 1})
    assert not covers({"port": 1}, {"port": True})
    assert not covers([{"port": 1}, {"port": 2}], [{"port": 1}])
