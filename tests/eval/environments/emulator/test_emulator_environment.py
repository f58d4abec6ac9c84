from __future__ import annotations

import asyncio
import gc
import json
import urllib.parse
import urllib.request
import weakref
from pathlib import Path
from typing import Any

import pytest

from copilot.model.scope import ObjectRef
from eval.apps.loader import AppError
from eval.apps.stores_api import StoreRefused
from eval.environments.emulator.environment import Emulator
from eval.faults.registry import fault
from eval.protocols import Environment

SMALL = """
name: shop
namespace: shop
label: app
entry: web
workload: {rate: 10, mix: [{operation: /buy, share: 1}]}
services:
  web:
    image: shop/web:1
    command: [web]
    language: go
    ports: [8080]
    keepalive_seconds: 5
    operations:
      /buy:
        span: HTTP POST /buy
        calls:
          - {to: stock, operation: take, always: {at: "buy.go:10", text: "buying failed: {error}"}}
  stock:
    image: shop/stock:1
    ports: [9000]
    operations:
      take: {latency_ms: 3}
"""


async def _get(url: str, **params: str | int) -> Any:
    def ask() -> Any:
        with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(params)}", timeout=10) as found:
            return json.load(found)

    return await asyncio.to_thread(ask)


async def _query(environment: Emulator, expression: str) -> list[dict[str, object]]:
    found = await _get(f"{environment.prometheus_url}/api/v1/query", query=expression)
    result: list[dict[str, object]] = found["data"]["result"]
    return result


async def test_it_is_an_environment() -> None:
    environment = await Emulator.start("social_network", warmup_seconds=60)
    try:
        seen: Environment = environment
        assert seen.name == "emulator"
        assert seen.namespace == "test-social-network"
        assert seen.kubeconfig.is_file()
        assert await seen.healthy()
        before = seen.clock.now()
        await seen.clock.sleep(30)
        assert (seen.clock.now() - before).total_seconds() == 30
        found = await _query(environment, 'sum(kube_pod_status_ready{condition="true"})')
        assert found[0]["value"][1] == "29"  # type: ignore[index]  # a Prometheus vector
    finally:
        await environment.close()
    assert not environment.kubeconfig.exists()


async def test_the_same_seed_gives_the_same_telemetry() -> None:
    async def telemetry(seed: int) -> tuple[Any, ...]:
        environment = await Emulator.start("hotel_reservation", seed=seed, warmup_seconds=120)
        try:
            await fault("scale_to_zero", environment.app).inject(environment, "reservation")
            await environment.clock.sleep(60)
            metrics = await _query(environment, '{__name__!=""}')
            pods = await environment.reader.list("Pod", environment.namespace)
            names = [pod["metadata"]["name"] for pod in pods]
            logs = [await environment.reader.logs(environment.namespace, name) for name in names]
            traces = await _get(
                f"{environment.jaeger_url}/api/traces", service="frontend", limit=500
            )
            return metrics, pods, logs, traces["data"]
        finally:
            await environment.close()

    first, again, other = await telemetry(1), await telemetry(1), await telemetry(2)
    assert first == again
    assert first[0] != other[0]
    assert "CheckAvailability failed" in str(first[2])
    assert len(first[3]) > 20
    assert first[3] != other[3]


async def test_a_closed_emulator_leaves_nothing_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(SMALL)
    environment = await Emulator.start(path, warmup_seconds=60)
    try:
        await environment.reader.list("Pod", environment.namespace)
        kept = weakref.ref(environment.clock)
    finally:
        await environment.close()
    del environment
    gc.collect()
    assert kept() is None


async def test_two_emulators_do_not_touch_each_other() -> None:
    one = await Emulator.start("social_network", warmup_seconds=60)
    two = await Emulator.start("social_network", warmup_seconds=60)
    try:
        await fault("scale_to_zero", one.app).inject(one, "user-service")
        await one.clock.sleep(120)
        assert not await one.healthy()
        await two.clock.sleep(120)
        assert await two.healthy()
        item = await two.reader.get("Deployment", two.namespace, "user-service")
        assert item["status"]["availableReplicas"] == 1
    finally:
        await one.close()
        await two.close()


async def test_a_pod_that_is_replaced_within_a_step_is_missed_for_that_long(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(SMALL)
    environment = await Emulator.start(path, warmup_seconds=121)
    try:
        (stock,) = await environment.reader.list("Pod", "shop", labels="app=stock")
        await environment.writer.delete("Pod", "shop", stock["metadata"]["name"])
        await environment.clock.sleep(29)
        (web,) = await environment.reader.list("Pod", "shop", labels="app=web")
        log = await environment.reader.logs("shop", web["metadata"]["name"])
        failures = [line for line in log.splitlines() if "buying failed" in line]
        assert "connection refused" in failures[0]
        failed = 'sum(traces_span_metrics_calls_total{peer_service="stock",status_code="STATUS_CODE_ERROR"})'
        (row,) = await _query(environment, failed)
        value: Any = row["value"]
        assert 0 < float(value[1]) < 60, "at most what is sent within six seconds"
        await environment.clock.sleep(60)
        assert await environment.healthy()
    finally:
        await environment.close()


@pytest.mark.parametrize("after", [3, 17])
async def test_connections_end_when_dns_denies_the_name(tmp_path: Path, after: int) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(SMALL)
    environment = await Emulator.start(path, warmup_seconds=120 + after)
    try:
        await fault("cluster_dns_answer", environment.app).inject(environment, "stock")
        # 5 s keepalive, 30 s in which a resolver believes what it knows
        await environment.clock.sleep(120)
        share = environment._traffic.error_share(30)
        assert share is not None and share > 0.9
    finally:
        await environment.close()


async def test_a_start_that_waits_goes_on_when_what_it_needs_comes() -> None:
    environment = await Emulator.start("hotel_reservation", warmup_seconds=60)
    try:
        space = environment.namespace

        async def pod(service: str) -> Any:
            (found,) = await environment.reader.list(
                "Pod", space, labels=f"{environment.app.label}={service}"
            )
            return found

        async def scale(replicas: int) -> None:
            spec = {"spec": {"replicas": replicas}}
            await environment.writer.patch("Deployment", space, "mongodb-rate", spec)

        await scale(0)
        await environment.clock.sleep(5)
        old = (await pod("rate"))["metadata"]["name"]
        await environment.writer.delete("Pod", space, old)
        await environment.clock.sleep(4)  # it waits ten seconds for its database
        await scale(1)
        await environment.clock.sleep(90)
        rate = await pod("rate")
        assert rate["metadata"]["name"] != old
        assert rate["status"]["containerStatuses"][0]["restartCount"] == 0
        log = await environment.reader.logs(space, rate["metadata"]["name"])
        assert log.count("Initializing DB connection") == 1
        assert "Successfully registered in consul" in log and "panic" not in log
        assert await environment.healthy()
    finally:
        await environment.close()


async def test_an_app_from_a_folder_and_faults_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "shop.yaml"
    path.write_text(SMALL)
    environment = await Emulator.start(
        path, warmup_seconds=120, faults=[("service_target_port", "stock")]
    )
    try:
        await environment.clock.sleep(120)
        assert not await environment.healthy()
        pods = await environment.reader.list("Pod", "shop", labels="app=web")
        text = await environment.reader.logs("shop", pods[0]["metadata"]["name"])
        assert "buying failed: dial tcp 10." in text
        assert "connect: connection refused" in text
        kind = fault("service_target_port", environment.app)
        assert kind.expected(environment, "stock").objects == (
            ObjectRef("Service", "shop", "stock"),
        )
        await kind.recover(environment, "stock")
        await environment.clock.sleep(120)
        assert await environment.healthy()
    finally:
        await environment.close()


async def test_stores_are_administered() -> None:
    environment = await Emulator.start("hotel_reservation", warmup_seconds=30)
    try:
        await environment.administer("mongodb-geo", "check_role", user="admin", database="geo-db")
        with pytest.raises(StoreRefused):
            await environment.administer("geo", "drop_user", user="admin")
    finally:
        await environment.close()


async def test_the_whole_observability_stack_is_served() -> None:
    environment = await Emulator.start("hotel_reservation", warmup_seconds=120)
    try:
        services = await _get(f"{environment.jaeger_url}/api/services")
        assert {"frontend", "search", "rate"} <= set(services["data"])
        now = int(environment.clock.now().timestamp()) * 10**9
        found = await _get(
            f"{environment.loki_url}/loki/api/v1/query_range",
            query='{namespace="test-hotel-reservation"} |= "Reading config"',
            start=now - 3600 * 10**9,
            end=now,
        )
        assert len(found["data"]["result"]) >= 8
        assert isinstance(await _get(f"{environment.alertmanager_url}/api/v2/alerts"), list)
    finally:
        await environment.close()


async def test_the_hosts_under_an_app_are_administered() -> None:
    environment = await Emulator.start("hotel_reservation", warmup_seconds=60)
    try:
        await environment.administer("geo", "kill")
        await environment.clock.sleep(30)
        pods = await environment.reader.list("Pod", environment.namespace)
        geo = next(p for p in pods if p["metadata"]["name"].startswith("geo-"))
        status = geo["status"]["containerStatuses"][0]
        assert status["restartCount"] == 1
        assert status["lastState"]["terminated"]["exitCode"] == 137
        await environment.administer("reservation", "impair", delay_ms=20_000, loss=0)
        await environment.clock.sleep(90)
        assert not await environment.healthy()
        await environment.administer("reservation", "impair", delay_ms=0, loss=0)
        await environment.clock.sleep(90)
        assert await environment.healthy()
    finally:
        await environment.close()


async def test_bad_arguments_are_refused_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(AppError):
        await Emulator.start(tmp_path / "none.yaml")
    with pytest.raises(ValueError, match="unknown fault"):
        await Emulator.start("hotel_reservation", faults=[("meteor", "geo")])
