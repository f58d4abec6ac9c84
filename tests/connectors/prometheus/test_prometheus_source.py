"""The connector against the emulated server, which speaks the true protocol."""

from __future__ import annotations

import asyncio
import base64
import math
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from connectors.api.errors import SourceForbidden, SourceRejected, SourceUnreachable
from connectors.api.protocols import MetricsSource
from connectors.prometheus import PrometheusMetrics, PrometheusSettings
from eval.environments.emulator.telemetry.prometheus_api import routes
from eval.environments.emulator.telemetry.series import SeriesStore

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
NOW = datetime(2024, 5, 1, 12, 0, 0, 500_000, tzinfo=UTC)


def filled() -> SeriesStore:
    store = SeriesStore()
    for i in range(41):
        t = NOW.timestamp() - 600 + 15 * i
        store.append("up", {"job": "api"}, t, 1)
        store.append("up", {"job": "web"}, t, 0)
        store.append("kube_pod_info", {"pod": "a"}, t, 1)
        store.append("http_requests_total", {"service": "cart"}, t, 10 * i)
        store.append("apiserver_request_total", {}, t, i)
    store.append("container_cpu_usage_seconds_total", {"pod": "a"}, NOW.timestamp() - 3600, 1)
    return store


class Server:
    """An emulated Prometheus under a path prefix, behind what `guard` demands."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[web.Request] = []
        self.authorization = ""
        self.delay = 0.0
        self.busy = self.most = 0
        self._tls = tls

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guard(request, handler)

        app = web.Application(middlewares=[guard])
        app.add_subapp("/prometheus/", routes(filled(), NOW.timestamp))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self.url = ""

    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests.append(request)
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            await asyncio.sleep(self.delay)
            if self.authorization and request.headers.get("Authorization") != self.authorization:
                raise web.HTTPUnauthorized(text="Unauthorized")
            return await handler(request)
        finally:
            self.busy -= 1

    async def start(self) -> None:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}/prometheus"

    async def stop(self) -> None:
        await self._runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def source(server: Server) -> AsyncIterator[PrometheusMetrics]:
    source = PrometheusMetrics(PrometheusSettings(server.url))
    yield source
    await source.close()


async def test_it_fits_the_protocol(source: PrometheusMetrics, server: Server) -> None:
    metrics: MetricsSource = source
    assert metrics.name == f"prometheus ({server.url})"


async def test_an_instant_query(source: PrometheusMetrics) -> None:
    series = await source.query('up{job="api"}', NOW)
    assert [(s.labels, s.points) for s in series] == [
        ({"__name__": "up", "job": "api"}, ((NOW.timestamp(), 1.0),))
    ]


async def test_a_range_query_keeps_fractions_of_seconds(
    source: PrometheusMetrics, server: Server
) -> None:
    start = NOW - timedelta(minutes=1)
    (series,) = await source.query_range("sum(up)", start, NOW, 30)
    assert [t for t, _ in series.points] == [start.timestamp() + d for d in (0, 30, 60)]
    assert server.requests[-1].query["timeout"] == "20000ms"


async def test_scalars_and_special_numbers(source: PrometheusMetrics) -> None:
    (series,) = await source.query("1/0", NOW)
    assert (series.labels, series.points[0][1]) == ({}, math.inf)
    (series,) = await source.query("vector(NaN)", NOW)
    assert math.isnan(series.points[0][1])
    assert await source.query("nothing", NOW) == []


async def test_metric_names(source: PrometheusMetrics) -> None:
    assert (await source.metric_names())[:2] == [
        "apiserver_request_total",
        "container_cpu_usage_seconds_total",
    ]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("up{", "rejects the query (400): invalid parameter"),
        ("up + on() up", "rejects the query (422): found duplicate series"),
        ("up[5m]", "gives a range of samples"),
        ('"text"', "gives text"),
    ],
)
async def test_a_bad_query_is_rejected_in_its_own_words(
    source: PrometheusMetrics, query: str, said: str
) -> None:
    with pytest.raises(SourceRejected) as caught:
        await source.query(query, NOW)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("way", ["token", "file", "basic", "in the URL"])
async def test_credentials(server: Server, tmp_path: Path, way: str) -> None:
    secret = tmp_path / "token"
    secret.write_text("first\n")
    basic = "Basic " + base64.b64encode(b"me:p@ss").decode()
    host = server.url.removeprefix("http://")
    settings, server.authorization = {
        "token": (PrometheusSettings(server.url, token="t0"), "Bearer t0"),
        "file": (PrometheusSettings(server.url, token_file=str(secret)), "Bearer first"),
        "basic": (PrometheusSettings(server.url, username="me", password="p@ss"), basic),
        "in the URL": (PrometheusSettings(f"http://me:p%40ss@{host}"), basic),
    }[way]
    source = PrometheusMetrics(settings)
    assert await source.query("up", NOW)
    assert "p@ss" not in source.name + repr(settings) and "t0" not in repr(settings)
    if way == "file":  # a rotated token is used at once
        secret.write_text("second")
        server.authorization = "Bearer second"
        assert await source.query("up", NOW)
    server.authorization = "Bearer other"
    with pytest.raises(SourceForbidden, match="refuses us \\(401"):
        await source.query("up", NOW)
    await source.close()


async def test_a_netrc_is_left_alone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    (Path.home() / ".netrc").write_text("machine 127.0.0.1 login x password y\n")
    source = PrometheusMetrics(PrometheusSettings(server.url))
    await source.query("up", NOW)
    await source.close()
    assert "Authorization" not in server.requests[-1].headers


async def test_other_headers_are_sent(server: Server) -> None:
    settings = PrometheusSettings(server.url, headers={"X-Scope-OrgID": "team"})
    source = PrometheusMetrics(settings)
    await source.query("up", NOW)
    await source.version()
    await source.close()
    assert [r.headers["X-Scope-OrgID"] for r in server.requests] == ["team", "team"]


async def test_concurrency_is_bounded(server: Server) -> None:
    server.delay = 0.05
    source = PrometheusMetrics(PrometheusSettings(server.url, concurrency=3))
    await asyncio.gather(*(source.query("up", NOW) for _ in range(9)))
    await source.close()
    assert server.most == 3


async def test_a_slow_server_times_out_without_a_second_try(server: Server) -> None:
    server.delay = 0.6
    source = PrometheusMetrics(PrometheusSettings(server.url, timeout=0.2))
    with pytest.raises(SourceUnreachable, match=r"did not answer within 0\.2 s"):
        await source.query("up", NOW)
    await asyncio.sleep(0.1)
    await source.close()
    assert len(server.requests) == 1


async def test_a_ca_of_our_own(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    await asyncio.to_thread(
        subprocess.run,
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    server = Server(tls)
    await server.start()
    try:
        distrusting = PrometheusMetrics(PrometheusSettings(server.url))
        with pytest.raises(SourceUnreachable, match="certificate that we do not trust"):
            await distrusting.query("up", NOW)
        await distrusting.close()
        trusting = PrometheusMetrics(PrometheusSettings(server.url, ca_file=str(cert)))
        assert await trusting.query("up", NOW)
        await trusting.close()
    finally:
        await server.stop()


async def test_check_says_what_is_there_and_what_is_missing(source: PrometheusMetrics) -> None:
    rows = {row.name: row for row in await source.check()}
    assert {name: row.ok for name, row in rows.items()} == {
        "prometheus": True,
        "targets": True,
        "kube-state-metrics": True,
        "container metrics (cAdvisor)": False,
        "request metrics": True,
    }
    assert "version 2." in rows["prometheus"].detail
    assert rows["targets"].detail == "1 of 2 targets are up, 6 series"
    assert rows["request metrics"].detail == "1 series (http_requests_total)"
    gone = rows["container metrics (cAdvisor)"]
    assert (gone.detail, gone.repair) == (
        "no longer scraped",
        "have Prometheus scrape the kubelets' /metrics/cadvisor",
    )


async def test_check_of_what_refuses_us(server: Server) -> None:
    server.authorization = "Bearer secret"
    source = PrometheusMetrics(PrometheusSettings(server.url))
    (row,) = await source.check()
    await source.close()
    assert not row.ok
    assert "401" in row.detail
    assert "bearer token" in row.repair


def test_importing_is_cheap() -> None:
    code = (
        "import sys, connectors.prometheus as p; p.PrometheusMetrics(p.PrometheusSettings('http://x'));"
        "sys.exit(bool({'requests', 'prometheus_api_client'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
