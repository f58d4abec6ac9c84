from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.environments.emulator.cluster.openapi.schemas import schemas_of
from eval.environments.emulator.cluster.patches import (
    PatchError,
    json_patch,
    merge_patch,
    strategic_merge,
)
from eval.environments.emulator.cluster.version import MODERN

SCHEMAS = schemas_of(MODERN)
POD_SPEC = SCHEMAS.definitions["io.k8s.api.core.v1.PodSpec"]
SERVICE_SPEC = SCHEMAS.definitions["io.k8s.api.core.v1.ServiceSpec"]
META = SCHEMAS.definitions["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]

SPEC = {
    "containers": [
        {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}], "args": ["--one"]},
        {"name": "b", "image": "b:1", "ports": [{"containerPort": 80}, {"containerPort": 81}]},
    ],
    "volumes": [{"name": "v", "emptyDir": {}}],
}
VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab/~", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_strategic_merge_joins_lists_by_their_keys() -> None:
    patch = {
        "containers": [
            {"name": "b", "ports": [{"containerPort": 81, "name": "x"}]},
            {"name": "a", "env": [{"name": "Y", "value": "2"}], "args": ["--two"]},
        ]
    }
    a, b = strategic_merge(SPEC, patch, SCHEMAS, POD_SPEC)["containers"]
    assert a["image"] == "a:1" and a["args"] == ["--two"]
    assert a["env"] == [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]
    assert b["ports"] == [{"containerPort": 80}, {"containerPort": 81, "name": "x"}]
    assert SPEC["containers"][0]["args"] == ["--one"], "the target must not change"


def test_strategic_merge_directives() -> None:
    patch = {
        "containers": [{"name": "a", "$patch": "delete"}],
        "volumes": [{"$patch": "replace"}, {"name": "w"}],
        "$setElementOrder/volumes": [{"name": "w"}],
    }
    merged = strategic_merge(SPEC, patch, SCHEMAS, POD_SPEC)
    assert [item["name"] for item in merged["containers"]] == ["b"]
    assert merged["volumes"] == [{"name": "w"}]
    kept = strategic_merge({"a": 1, "b": 2}, {"b": 3, "$retainKeys": ["b"]}, SCHEMAS)
    assert kept == {"b": 3}
    finalizers = strategic_merge(
        {"finalizers": ["x", "y"]},
        {"$deleteFromPrimitiveList/finalizers": ["x"]},
        SCHEMAS,
        META,
    )
    assert finalizers == {"finalizers": ["y"]}


def test_element_order_puts_new_elements_where_they_are_wanted() -> None:
    patch = {
        "$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}],
        "containers": [{"name": "c", "image": "c:1"}],
    }
    merged = strategic_merge(SPEC, patch, SCHEMAS, POD_SPEC)
    assert [item["name"] for item in merged["containers"]] == ["c", "b", "a"]


def test_service_ports_are_merged_by_port() -> None:
    ports = {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    merged = strategic_merge(
        ports, {"ports": [{"port": 80, "targetPort": 9999}]}, SCHEMAS, SERVICE_SPEC
    )
    assert merged["ports"] == [{"name": "http", "port": 80, "targetPort": 9999}]


def test_merge_patch_replaces_lists_and_removes_nulls() -> None:
    merged = merge_patch({"a": {"b": [1], "c": 2}, "d": 1}, {"a": {"b": [3], "c": None}, "d": {}})
    assert merged == {"a": {"b": [3]}, "d": {}}


def test_json_patch_operations() -> None:
    document = {"a": [1, 2], "b/c": {"~": 1}}
    operations = [
        {"op": "add", "path": "/a/1", "value": 9},
        {"op": "add", "path": "/a/-", "value": 8},
        {"op": "remove", "path": "/a/0"},
        {"op": "replace", "path": "/b~1c/~0", "value": 2},
        {"op": "copy", "from": "/a", "path": "/d"},
        {"op": "move", "from": "/b~1c", "path": "/e"},
        {"op": "test", "path": "/e/~0", "value": 2},
    ]
    assert json_patch(document, operations) == {"a": [9, 2, 8], "d": [9, 2, 8], "e": {"~": 2}}
    assert document == {"a": [1, 2], "b/c": {"~": 1}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/nope"},
        {"op": "replace", "path": "/nope", "value": 1},
        {"op": "test", "path": "/a", "value": [1]},
        {"op": "add", "path": "/a/7", "value": 1},
        {"op": "explode", "path": "/a"},
    ],
)
def test_json_patch_refuses(operation: dict) -> None:
    with pytest.raises(PatchError):
        json_patch({"a": [1, 2]}, [operation])


@settings(deadline=None)
@given(st.dictionaries(st.text("ab", max_size=3), VALUES, max_size=4))
def test_merging_a_document_into_nothing_gives_it_without_its_nulls(document: dict) -> None:
    once = merge_patch({}, document)
    assert merge_patch(once, document) == once


@settings(deadline=None)
@given(st.dictionaries(st.text("ab/~", max_size=3), VALUES, max_size=4), VALUES)
def test_json_patch_add_then_remove_is_identity(document: dict, value: object) -> None:
    path = "/new~1key"
    added = json_patch(document, [{"op": "add", "path": path, "value": value}])
    assert added["new/key"] == value
    assert json_patch(added, [{"op": "remove", "path": path}]) == document
