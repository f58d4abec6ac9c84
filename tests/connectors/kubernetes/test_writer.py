from __future__ import annotations

from typing import Any

import pytest

from connectors.api.errors import SourceMissing, SourceRejected
from connectors.api.protocols import ClusterWriter
from connectors.kubernetes.writer import KubernetesWriter
from tests.connectors.kubernetes.loopback import LoopbackApi

CART = {"metadata": {"name": "cart", "namespace": "shop"}}


@pytest.mark.parametrize(
    ("kind", "patch", "content"),
    [
        ("merge", {"spec": {"replicas": None}}, "application/merge-patch+json"),
        ("strategic", {"spec": {"replicas": 1}}, "application/strategic-merge-patch+json"),
        ("json", [{"op": "remove", "path": "/spec/x"}], "application/json-patch+json"),
        ("merge", [{"op": "remove", "path": "/spec/x"}], "application/json-patch+json"),
    ],
)
async def test_a_patch_is_sent_as_its_type_says(
    api: LoopbackApi, writer: KubernetesWriter, kind: Any, patch: Any, content: str
) -> None:
    fits: ClusterWriter = writer
    api.objects["deployments"] = [CART]
    answer = await fits.patch("Deployment", "shop", "cart", patch, type=kind, dry_run=True)
    assert answer["patched"] == patch
    assert api.requests[-1].headers["Content-Type"] == content
    assert api.requests[-1].query["dryRun"] == "All"


async def test_a_real_write_carries_no_dry_run(api: LoopbackApi, writer: KubernetesWriter) -> None:
    api.objects["deployments"] = [CART]
    await writer.patch("Deployment", "shop", "cart", {"spec": {}})
    assert "dryRun" not in api.requests[-1].query
    await writer.delete("Deployment", "shop", "cart")
    assert api.requests[-1].method == "DELETE"
    assert api.requests[-1].query == {"propagationPolicy": "Background"}


async def test_created_and_replaced_objects_get_kind_and_version(
    api: LoopbackApi, writer: KubernetesWriter
) -> None:
    api.objects["deployments"] = [CART]
    made = await writer.create("Deployment", "shop", CART, dry_run=True)
    assert (made["apiVersion"], made["kind"]) == ("apps/v1", "Deployment")
    await writer.replace("Deployment", "shop", "cart", CART)
    assert api.requests[-1].method == "PUT"
    assert api.bodies[-1]["kind"] == "Deployment"


async def test_a_written_secret_is_returned_without_its_values(
    api: LoopbackApi, writer: KubernetesWriter
) -> None:
    body = {"metadata": {"name": "db"}, "stringData": {"password": "hunter2"}}
    assert "hunter2" not in str(await writer.create("Secret", "shop", body))
    assert api.bodies[-1]["stringData"] == {"password": "hunter2"}


async def test_errors_name_the_object(api: LoopbackApi, writer: KubernetesWriter) -> None:
    with pytest.raises(SourceMissing, match=r"cannot patch deployments.apps shop/nope: 404"):
        await writer.patch("Deployment", "shop", "nope", {})
    with pytest.raises(SourceRejected, match="must be a list"):
        await writer.patch("Deployment", "shop", "cart", {}, type="json")
    with pytest.raises(SourceRejected, match="a namespace is needed"):
        await writer.create("Deployment", "", CART)
