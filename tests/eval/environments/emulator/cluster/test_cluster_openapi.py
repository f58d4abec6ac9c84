"""Schemas: decoding, pruning, documents, and what strict validation says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.environments.emulator.cluster.catalog import Catalog
from eval.environments.emulator.cluster.openapi.decode import DecodeError, decode, prune
from eval.environments.emulator.cluster.openapi.documents import OpenApi
from eval.environments.emulator.cluster.openapi.schemas import schemas_of
from eval.environments.emulator.cluster.openapi.structural import defaulted, violations
from eval.environments.emulator.cluster.resources import BY_KIND, resources_of
from eval.environments.emulator.cluster.version import LEGACY, MODERN, Version
from tests.eval.environments.emulator.cluster.cluster_fakes import deployment

SCHEMAS = schemas_of(MODERN)


@pytest.mark.parametrize("version", [MODERN, LEGACY])
def test_every_served_resource_has_a_schema_with_descriptions(version: Version) -> None:
    schemas = schemas_of(version)
    for resource in resources_of(version.legacy):
        schema = schemas.of(resource)
        assert schema is not None and schema["description"], resource


@pytest.mark.parametrize(
    ("change", "unknown"),
    [
        ({"replicaz": 1}, ["spec.replicaz"]),
        ({"template": {"spec": {"containers": [{"nam": "x"}]}}}, None),
        ({"strategy": {"rolingUpdate": {}}}, ["spec.strategy.rolingUpdate"]),
    ],
)
def test_unknown_fields_are_named_by_their_path(change: dict, unknown: list[str] | None) -> None:
    body = deployment("web")
    body["spec"].update(change)
    found = decode(SCHEMAS, SCHEMAS.of(BY_KIND["Deployment"]) or {}, body)
    assert found.unknown == (unknown or ["spec.template.spec.containers[0].nam"])
    assert not set(change) & set(found.value["spec"]) or unknown is None or "strategy" in change


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        (
            "replicas",
            "many",
            "json: cannot unmarshal string into Go struct field"
            " DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "paused",
            3,
            "json: cannot unmarshal number into Go struct field"
            " DeploymentSpec.spec.paused of type bool",
        ),
        (
            "selector",
            [],
            "json: cannot unmarshal array into Go struct field"
            " DeploymentSpec.spec.selector of type LabelSelector",
        ),
    ],
)
def test_values_of_a_wrong_type_are_refused(field: str, value: Any, text: str) -> None:
    body = deployment("web")
    body["spec"][field] = value
    with pytest.raises(DecodeError) as caught:
        decode(SCHEMAS, SCHEMAS.of(BY_KIND["Deployment"]) or {}, body)
    assert str(caught.value) == text


def test_quantities_and_int_or_strings_take_both_kinds() -> None:
    body = deployment("web")
    container = body["spec"]["template"]["spec"]["containers"][0]
    container["resources"] = {"requests": {"cpu": 1, "memory": "64Mi"}}
    container["readinessProbe"] = {"tcpSocket": {"port": "http"}}
    found = decode(SCHEMAS, SCHEMAS.of(BY_KIND["Deployment"]) or {}, body)
    assert found.unknown == [] and found.value == body
    container["resources"]["requests"]["cpu"] = "a lot"
    with pytest.raises(DecodeError, match="quantities must match the regular expression"):
        decode(SCHEMAS, SCHEMAS.of(BY_KIND["Deployment"]) or {}, body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["spec", "template", "containers", "name", "x"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON)
def test_decoding_anything_either_works_twice_or_refuses(value: Any) -> None:
    schema = SCHEMAS.of(BY_KIND["Deployment"]) or {}
    try:
        once = decode(SCHEMAS, schema, {"spec": value})
    except DecodeError:
        return
    again = decode(SCHEMAS, schema, once.value)
    assert again.value == once.value and again.unknown == []
    assert prune(SCHEMAS, schema, once.value) == once.value


def _fields(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(data):
        tag = varint()
        size = varint()
        found.append((tag >> 3, data[at : at + size]))
        at += size
    return found


def test_the_protobuf_document_holds_every_definition() -> None:
    catalog = Catalog(LEGACY, dict(BY_KIND))
    document = _fields(OpenApi(catalog).v2_protobuf())
    assert (1, b"2.0") in document
    (definitions,) = [value for number, value in document if number == 9]
    names = {dict(_fields(item))[1].decode() for _, item in _fields(definitions)}
    assert names == set(schemas_of(LEGACY).definitions)


def test_the_documents_of_version_3_refer_only_to_what_they_contain() -> None:
    openapi = OpenApi(Catalog(MODERN, dict(BY_KIND)))
    for path in openapi.v3_index()["paths"]:
        document = openapi.v3(path)
        assert document is not None
        text = json.dumps(document)
        known = set(document["components"]["schemas"])
        used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
        assert used <= known, path


WIDGET = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["size"],
            "properties": {
                "size": {"type": "integer", "minimum": 1},
                "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
            },
        }
    },
}


def test_structural_schemas_fill_in_and_refuse() -> None:
    assert defaulted(WIDGET, {"spec": {"size": 2}}) == {"spec": {"size": 2, "color": "red"}}
    bad = violations(WIDGET, {"spec": {"size": 0, "color": "pink"}})
    assert [(reason, field) for reason, field, _ in bad] == [
        ("FieldValueInvalid", "spec.size"),
        ("FieldValueNotSupported", "spec.color"),
    ]
    (missing,) = violations(WIDGET, {"spec": {}})
    assert missing == ("FieldValueRequired", "spec.size", "Required value")
    (kind,) = violations(WIDGET, {"spec": {"size": "big"}})
    assert kind[2] == (
        'Invalid value: "string": spec.size in body must be of type integer: "string"'
    )
