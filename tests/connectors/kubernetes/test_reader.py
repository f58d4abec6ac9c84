from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.api.errors import (
    ConnectorError,
    SourceForbidden,
    SourceMissing,
    SourceRejected,
    SourceUnreachable,
)
from connectors.api.protocols import ClusterReader
from connectors.kubernetes.reader import KubernetesReader, open_reader
from connectors.kubernetes.settings import KubernetesSettings
from tests.connectors.kubernetes.loopback import LoopbackApi

PODS = "/api/v1/namespaces/shop/pods"


def item(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop"}, **more}


async def test_it_fits_the_protocol_and_names_its_context(reader: KubernetesReader) -> None:
    fits: ClusterReader = reader
    assert fits.name == "kubernetes (context here)"
    assert reader.default_namespace == "shop"


async def test_a_list_follows_its_pages_and_names_kind_and_version(
    api: LoopbackApi, reader: KubernetesReader
) -> None:
    api.objects["pods"] = [item(f"p{number}") for number in range(1234)]
    pods = await reader.list("Pod", "shop", labels="app=x", fields="status.phase=Running")
    assert [pod["metadata"]["name"] for pod in pods] == [f"p{number}" for number in range(1234)]
    assert pods[0]["kind"] == "Pod"
    assert pods[0]["apiVersion"] == "v1"
    pages = [request for request in api.requests if request.path == PODS]
    assert [page.query["limit"] for page in pages] == ["500", "2500"]
    assert {page.query["labelSelector"] for page in pages} == {"app=x"}
    assert {page.query["fieldSelector"] for page in pages} == {"status.phase=Running"}
    assert pages[0].headers["Authorization"] == "Bearer t0ken"
    assert pages[0].headers["User-Agent"] == "incident-copilot"


async def test_a_list_whose_pages_expire_is_read_again_in_one_piece(
    api: LoopbackApi, reader: KubernetesReader
) -> None:
    api.objects["pods"] = [item(f"p{number}") for number in range(700)]
    api.mischief[PODS] = "gone"
    assert len(await reader.list("Pod", "shop")) == 700


async def test_a_custom_resource_and_a_cluster_wide_kind(
    api: LoopbackApi, reader: KubernetesReader
) -> None:
    api.objects["baskets"] = [item("b")]
    api.objects["nodes"] = [{"metadata": {"name": "n"}}]
    assert (await reader.list("Basket"))[0]["apiVersion"] == "shop.example.com/v2"
    assert (await reader.get("Node", "", "n"))["kind"] == "Node"


async def test_secrets_never_come_with_values(api: LoopbackApi, reader: KubernetesReader) -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "hunter2", "team": "a"}
    secret = item("db", data={"password": "aHVudGVyMg=="}, stringData={"x": "hunter2"})
    secret["metadata"]["annotations"] = applied
    api.objects["secrets"] = [secret]
    for seen in (
        (await reader.list("Secret", "shop"))[0],
        await reader.get("Secret", "shop", "db"),
    ):
        assert "hunter2" not in str(seen)
        assert "aHVudGVyMg" not in str(seen)
        assert seen["metadata"]["annotations"] == {"team": "a"}
        assert seen["kind"] == "Secret"
    accepts = [r.headers["Accept"] for r in api.requests if "/secrets" in r.path]
    assert len(accepts) == 2
    assert all("PartialObjectMetadata" in accept for accept in accepts)


async def test_logs_are_asked_for_with_all_options(
    api: LoopbackApi, reader: KubernetesReader
) -> None:
    api.logs["cart"] = "2026-01-01T00:00:00Z hello\n"
    since = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
    text = await reader.logs("shop", "cart", "main", tail=5, since=since, previous=True)
    assert text == "2026-01-01T00:00:00Z hello\n"
    query = api.requests[-1].query
    assert query["container"] == "main"
    assert query["tailLines"] == "5"
    assert query["sinceTime"] == "2026-01-01T12:30:00Z"
    assert query["previous"] == query["timestamps"] == "true"
    with pytest.raises(SourceRejected, match="waiting to start: no image"):
        await reader.logs("shop", "other")


async def test_can_asks_the_server(api: LoopbackApi, reader: KubernetesReader) -> None:
    api.denied.add(("patch", "deployments"))
    assert await reader.can("list", "Pod", "shop")
    assert await reader.can("get", "Pod/log", "shop")
    assert api.bodies[-1]["spec"]["resourceAttributes"]["subresource"] == "log"
    assert not await reader.can("patch", "Deployment", "shop")


@pytest.mark.parametrize(
    ("mischief", "error", "text"),
    [
        ("401", SourceForbidden, "401, the credentials are not accepted"),
        ("403", SourceForbidden, "403 forbidden: answered with 403 in two lines"),
        ("404", SourceMissing, "404 not found"),
        ("409", SourceRejected, "409 conflict"),
        ("422", SourceRejected, "422 invalid"),
        ("429", SourceUnreachable, "slow down"),
        ("500", SourceUnreachable, "the server failed with 500"),
        ("503", SourceUnreachable, "the server failed with 503"),
        ("slow", SourceUnreachable, "no answer within 1 s"),
        ("cut", SourceUnreachable, "cut before the answer was complete"),
        ("html", SourceUnreachable, "the answer is not JSON"),
        ("list", SourceUnreachable, "the answer is not JSON"),
    ],
)
async def test_each_failure_is_one_clear_line(
    api: LoopbackApi,
    reader: KubernetesReader,
    mischief: str,
    error: type[ConnectorError],
    text: str,
) -> None:
    api.mischief[PODS] = mischief
    with pytest.raises(error) as caught:
        await reader.list("Pod", "shop")
    line = str(caught.value)
    assert text in line
    assert line.startswith(f"kubernetes http://127.0.0.1:{api.port}: cannot list pods in namespace")
    assert "\n" not in line


async def test_nobody_listens(
    api: LoopbackApi, settings: KubernetesSettings, tmp_path: Any
) -> None:
    assert settings.kubeconfig is not None
    text = settings.kubeconfig.read_text().replace(str(api.port), "1")
    settings.kubeconfig.write_text(text)
    reader = await open_reader(settings)
    with pytest.raises(SourceUnreachable, match="connection refused"):
        await reader.list("Pod")
    rows = await reader.check()
    await reader.close()
    assert [row.ok for row in rows] == [False]
    assert "VPN" in rows[0].repair


async def test_a_name_is_needed(reader: KubernetesReader) -> None:
    with pytest.raises(SourceRejected, match="a namespace is needed"):
        await reader.get("Pod", "", "p")
    with pytest.raises(SourceRejected, match="not the name of a Pod"):
        await reader.get("Pod", "shop", "../secrets/db")


async def test_doctor_names_what_is_missing(api: LoopbackApi, reader: KubernetesReader) -> None:
    api.denied |= {("patch", "deployments"), ("list", "events")}
    rows = await reader.check(["shop"])
    assert rows[0].detail.endswith("Kubernetes v1.33.1")
    refused = {row.name: row.repair for row in rows if not row.ok}
    assert set(refused) == {
        "may list Events in namespace shop",
        "may patch Deployments in namespace shop",
    }
    assert "`view`" in refused["may list Events in namespace shop"]
    assert "`edit`" in refused["may patch Deployments in namespace shop"]


async def test_requests_under_way_are_bounded(
    api: LoopbackApi, settings: KubernetesSettings
) -> None:
    narrow = KubernetesSettings(kubeconfig=settings.kubeconfig, concurrency=2, timeout=0.3)
    api.mischief = {f"/api/v1/namespaces/n{number}/pods": "slow" for number in range(6)}
    reader = await open_reader(narrow)
    await reader.resource("Pod")
    calls = [asyncio.create_task(reader.list("Pod", f"n{number}")) for number in range(6)]
    await asyncio.sleep(0.15)
    under_way = sum(request.path in api.mischief for request in api.requests)
    await asyncio.gather(*calls, return_exceptions=True)
    await reader.close()
    assert under_way == 2
