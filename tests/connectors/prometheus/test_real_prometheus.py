"""Against a real Prometheus that scrapes a real cluster: CLUSTER_TEST_PROMETHEUS is its URL."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.api.errors import SourceRejected, SourceUnreachable
from connectors.prometheus.settings import PrometheusSettings
from connectors.prometheus.source import PrometheusMetrics

URL = os.environ.get("CLUSTER_TEST_PROMETHEUS", "")

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not URL, reason="CLUSTER_TEST_PROMETHEUS names no Prometheus"),
]

UP_WITHIN = 30.0


@pytest.fixture
async def metrics() -> AsyncIterator[PrometheusMetrics]:
    source = PrometheusMetrics(PrometheusSettings(URL))
    deadline = time.monotonic() + UP_WITHIN
    while not await source.query_now(
        'up{job="cadvisor"} == 1 and on() count(container_memory_rss)'
    ):
        assert time.monotonic() < deadline, "nothing was scraped"
        await asyncio.sleep(0.5)
    yield source
    await source.close()


async def test_instant_range_and_names(metrics: PrometheusMetrics) -> None:
    now = datetime.now(UTC)
    (up,) = await metrics.query('up{job="apiserver"}', now)
    assert up.labels["job"] == "apiserver"
    assert [value for _, value in up.points] == [1.0]
    series = await metrics.query_range("up", now - timedelta(minutes=1), now, 5.0)
    assert {one.labels["job"] for one in series} >= {"kubelet", "cadvisor", "apiserver"}
    for one in series:
        times = [at for at, _ in one.points]
        assert times == sorted(set(times))
    names = await metrics.metric_names()
    assert names == sorted(names)
    assert {"up", "container_memory_rss", "apiserver_request_total"} <= set(names)


async def test_doctor_and_version(metrics: PrometheusMetrics) -> None:
    rows = {row.name: row for row in await metrics.check()}
    assert rows and next(iter(rows.values())).ok
    assert (await metrics.version()).split(".")[0] in ("2", "3")
    assert int(await metrics.series_count()) > 100


async def test_its_own_words_for_a_bad_query(metrics: PrometheusMetrics) -> None:
    with pytest.raises(SourceRejected, match="parse error"):
        await metrics.query_now("sum(up")


async def test_a_port_where_nobody_listens() -> None:
    source = PrometheusMetrics(PrometheusSettings("http://127.0.0.1:9", connect_timeout=1.0))
    with pytest.raises(SourceUnreachable):
        await source.query_now("up")
    await source.close()
