"""The stack over an emulated cluster, read through the product's connectors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from connectors.alertmanager import AlertmanagerAlerts, AlertmanagerSettings
from connectors.api.protocols import Connector
from connectors.api.values import Json, LogSelector
from connectors.jaeger import JaegerSettings, JaegerTraces
from connectors.loki import LokiLogs, LokiSettings
from connectors.prometheus import PrometheusMetrics, PrometheusSettings
from eval.environments.emulator.cluster.cluster import EmulatedCluster
from eval.environments.emulator.seams import Run, Span
from eval.environments.emulator.stack import Telemetry

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Crashing:
    """Programs that write two lines and end after a while."""

    def image_exists(self, image: str) -> bool:
        return True

    def start(self, pod: Json, container: Json, now: datetime) -> Run:
        return Run(exits_after=20, exit_code=1, lines=((0.5, "starting"), (19, "giving up")))

    def http_status(self, pod: Json, container: Json, path: str, now: datetime) -> int:
        return 200


def pod(name: str) -> Json:
    containers = [{"name": "main", "image": "app:1"}]
    meta = {"name": name, "namespace": "default", "labels": {"app": "web"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": containers}}


@pytest.fixture
async def cluster() -> AsyncIterator[EmulatedCluster]:
    cluster = EmulatedCluster(Crashing(), start=START, nodes=1)
    yield cluster
    await cluster.close()


@pytest.fixture
async def stack(cluster: EmulatedCluster) -> AsyncIterator[Telemetry]:
    stack = Telemetry(cluster)
    cluster.clock.add(stack.logs)
    yield stack
    await stack.close()


def sources(stack: Telemetry) -> Sequence[Connector]:
    return (
        PrometheusMetrics(PrometheusSettings(stack.prometheus_url)),
        AlertmanagerAlerts(AlertmanagerSettings(stack.alertmanager_url)),
        JaegerTraces(JaegerSettings(stack.jaeger_url)),
        LokiLogs(LokiSettings(stack.loki_url)),
    )


async def test_every_source_answers(cluster: EmulatedCluster, stack: Telemetry) -> None:
    cluster.create(pod("web-1"))
    cluster.advance(60)
    labels = {
        "namespace": "default",
        "pod": "web-1",
        "container": "main",
        "reason": "CrashLoopBackOff",
    }
    begin = cluster.now().timestamp()
    for age in range(0, 181, 15):
        stack.series.append("kube_pod_container_status_waiting_reason", labels, begin + age, 1)
    cluster.advance(180)
    stack.traces.record([Span("1" * 32, "2" * 16, "", "web", "GET /", START, 3.0, {}, {})])
    now = cluster.now()
    await stack.serve()
    prometheus, alertmanager, jaeger, loki = sources(stack)
    assert isinstance(prometheus, PrometheusMetrics)
    assert isinstance(alertmanager, AlertmanagerAlerts)
    assert isinstance(jaeger, JaegerTraces)
    assert isinstance(loki, LokiLogs)
    [series] = await prometheus.query('ALERTS{alertstate="firing"}', now)
    assert series.labels["alertname"] == "KubePodCrashLooping"
    [alert] = await alertmanager.alerts(now)
    assert (alert.name, alert.labels["pod"]) == ("KubePodCrashLooping", "web-1")
    assert alert.url.startswith(f"{stack.prometheus_url}/graph")
    assert await jaeger.services() == ["web"]
    page = await loki.lines(LogSelector("default", service="web"), START, now)
    texts = [line.text for line in page.lines]
    assert texts[:2] == ["starting", "giving up"]
    for source in (prometheus, alertmanager, jaeger, loki):
        await source.close()


async def test_crashed_runs_and_deleted_pods_stay_readable(
    cluster: EmulatedCluster, stack: Telemetry
) -> None:
    cluster.create(pod("web-1"))
    cluster.advance(400)
    restarts = cluster.objects("Pod")[0]["status"]["containerStatuses"][0]["restartCount"]
    assert restarts >= 3
    cluster.world.store.remove("Pod", ("default", "web-1"))
    cluster.advance(30)
    await stack.serve()
    loki = LokiLogs(LokiSettings(stack.loki_url))
    now = cluster.now()
    page = await loki.lines(LogSelector("default", pods=("web-1",)), now - timedelta(hours=1), now)
    # the kubelet itself keeps only the last two runs
    assert sum(line.text == "starting" for line in page.lines) == restarts + 1
    await loki.close()
