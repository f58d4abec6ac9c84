"""The twin on a real cluster: users are served, faults are real, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from eval.apps.stores_api import StoreRefused, Unsupported
from eval.environments.kube.environment import KubeEnvironment
from eval.faults.registry import fault

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]

APP = Path(__file__).with_name("twin_app.yaml")
IMAGE = os.environ.get("CLUSTER_TEST_IMAGE", "python:3.11-slim")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def twin(kubeconfig: Path) -> AsyncIterator[KubeEnvironment]:
    environment = await KubeEnvironment.start(
        APP, kubeconfig=kubeconfig, image=IMAGE, namespace="twin-kiosk", warmup_seconds=5
    )
    try:
        yield environment
    finally:
        await environment.close()


async def _until(check: Callable[[], Awaitable[bool]], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < end, f"not within {seconds:.0f} s"
        await asyncio.sleep(1)


async def _log(twin: KubeEnvironment, service: str) -> str:
    pods = await twin.reader.list("Pod", twin.namespace, labels=f"app={service}")
    return await twin.reader.logs(twin.namespace, pods[0]["metadata"]["name"])


def _json(url: str) -> object:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


async def test_users_are_served_and_every_hop_is_measured(twin: KubeEnvironment) -> None:
    assert await twin.healthy()
    pages = "".join((await twin.metric_pages()).values())
    assert 'service_name="visitors",k8s_namespace_name="twin-kiosk-users"' in pages
    assert (
        'span_kind="SPAN_KIND_CLIENT",status_code="STATUS_CODE_UNSET",peer_service="orders"'
        in pages
    )


async def test_jaeger_answers_on_loopback(twin: KubeEnvironment) -> None:
    services = await asyncio.to_thread(_json, f"{twin.jaeger_url}/api/services")
    assert services == ["front", "prices", "visitors"]
    edges = await asyncio.to_thread(_json, f"{twin.jaeger_url}/api/dependencies")
    assert isinstance(edges, list)
    assert {(e["parent"], e["child"]) for e in edges} >= {
        ("visitors", "front"),
        ("front", "prices"),
    }


async def test_a_revoked_role_breaks_the_users_until_it_is_granted(twin: KubeEnvironment) -> None:
    login = {"user": "kiosk", "database": "kiosk"}
    await twin.administer("orders", "revoke_role", **login)
    with pytest.raises(StoreRefused):
        await twin.administer("orders", "check_role", **login)

    async def broken() -> bool:
        return (await twin.error_share(3) or 0) > 0.9

    await _until(broken)
    assert "no prices: not authorized on kiosk" in await _log(twin, "prices")
    assert "Checking authorization failed" in await _log(twin, "orders")
    await twin.administer("orders", "grant_role", **login)

    await _mended(twin)
    with pytest.raises(Unsupported):
        await twin.administer("prices", "clock", seconds=60)


async def _mended(twin: KubeEnvironment) -> None:
    async def served() -> bool:
        return await twin.error_share(3) == 0

    await _until(served)


async def test_a_dead_callee_is_refused_by_the_network_itself(twin: KubeEnvironment) -> None:
    broken = fault("scale_to_zero", twin.app)
    await broken.inject(twin, "prices")

    async def noticed() -> bool:
        return "refused" in (await _log(twin, "front")).lower()

    try:
        await _until(noticed)
    finally:
        await broken.recover(twin, "prices")

    await _mended(twin)


async def test_a_wrong_image_is_not_pulled(twin: KubeEnvironment) -> None:
    broken = fault("wrong_image", twin.app)
    await broken.inject(twin, "prices")

    async def refused() -> bool:
        pods = await twin.reader.list("Pod", twin.namespace, labels="app=prices")
        waiting = [
            (status.get("state", {}).get("waiting") or {}).get("reason")
            for pod in pods
            for status in pod["status"].get("containerStatuses") or ()
        ]
        return bool({"ErrImagePull", "ImagePullBackOff"} & set(waiting))

    try:
        await _until(refused)
        assert await twin.error_share(2) == 0
    finally:
        await broken.recover(twin, "prices")
