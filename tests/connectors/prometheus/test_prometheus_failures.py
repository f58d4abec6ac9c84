"""Servers that misbehave: each failure is one clear line of the right kind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from connectors.api.errors import (
    ConnectorError,
    SourceForbidden,
    SourceMissing,
    SourceRejected,
    SourceUnreachable,
)
from connectors.prometheus import PrometheusMetrics, PrometheusSettings
from connectors.prometheus.checks import request_metrics

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Odd:
    """A server that gives whatever the test says; it counts the requests."""

    def __init__(self) -> None:
        self.answer: Answer = self._nothing
        self.count = 0
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        self.url = ""

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.count += 1
        return await self.answer(request)

    async def _nothing(self, request: web.Request) -> web.StreamResponse:
        return web.Response()

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()


@pytest.fixture
async def odd() -> AsyncIterator[Odd]:
    odd = Odd()
    await odd.start()
    yield odd
    await odd.stop()


@pytest.fixture
async def source(odd: Odd) -> AsyncIterator[PrometheusMetrics]:
    source = PrometheusMetrics(PrometheusSettings(odd.url, timeout=2))
    yield source
    await source.close()


def json_of(body: Any, status: int = 200) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return answer


def text_of(text: str, status: int = 200, kind: str = "text/plain", **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type=kind, headers=headers)

    return answer


def error_of(kind: str, text: str, status: int) -> Answer:
    return json_of({"status": "error", "errorType": kind, "error": text}, status)


def success(result: Any, kind: str = "vector") -> Answer:
    return json_of({"status": "success", "data": {"resultType": kind, "result": result}})


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (error_of("bad_data", "1:3: parse\nerror", 400), SourceRejected, "(400): 1:3: parse error"),
        (error_of("execution", "too many", 422), SourceRejected, "(422): too many"),
        (text_of("no", 401), SourceForbidden, "(401, credentials are missing or wrong): no"),
        (text_of("<p>no</p>", 403, "text/html"), SourceForbidden, "(403, our rights do not suffice)"),
        (text_of("404 page not found", 404), SourceMissing, "check the path prefix of the URL"),
        (text_of("", 414), SourceRejected, "the query is too long"),
        (text_of("slow down", 429), SourceUnreachable, "cannot answer now (429): slow down"),
        (error_of("timeout", "query timed out", 503), SourceUnreachable, "(503): query timed out"),
        (text_of("bad gateway", 502), SourceUnreachable, "(502): bad gateway"),
        (error_of("internal", "disk", 500), ConnectorError, "failed (500): disk"),
        (text_of("x" * 5000, 500), ConnectorError, "x…"),
        (text_of("<html>Log in</html>", 200, "text/html"), ConnectorError, "login page"),
        (text_of("", 204), ConnectorError, "does not speak Prometheus' API"),
        (json_of({"status": "success"}), ConnectorError, "JSON of another shape"),
        (json_of([1, 2]), ConnectorError, "JSON of another shape"),
        (json_of({"data": {"result": {}}}), ConnectorError, "the result is no list"),
        (success([{"metric": {}}]), ConnectorError, "a series of another shape"),
        (success([{"metric": {}, "value": [1, "x"]}]), ConnectorError, "a series of another shape"),
        (success([None, "1"], "scalar"), ConnectorError, "a scalar of another shape"),
        (success([{"metric": {}, "histogram": [1, {}]}]), SourceRejected, "native histograms"),
    ],
)  # fmt: skip
async def test_answers(
    odd: Odd, source: PrometheusMetrics, answer: Answer, kind: type[ConnectorError], said: str
) -> None:
    odd.answer = answer
    with pytest.raises(ConnectorError) as caught:
        await source.query("up", NOW)
    assert type(caught.value) is kind
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert odd.count == 1  # no retries


async def test_a_login_redirect_is_followed_and_explained(
    odd: Odd, source: PrometheusMetrics
) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/login":
            return web.Response(text="<html>Log in</html>", content_type="text/html")
        raise web.HTTPFound("/login")

    odd.answer = answer
    with pytest.raises(ConnectorError, match="login page"):
        await source.query("up", NOW)


async def test_endless_redirects(odd: Odd, source: PrometheusMetrics) -> None:
    async def answer(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.path_qs)

    odd.answer = answer
    with pytest.raises(ConnectorError, match="redirects without end"):
        await source.query("up", NOW)


async def test_a_body_that_breaks_off(odd: Odd, source: PrometheusMetrics) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"status":')
        assert request.transport is not None
        request.transport.close()
        return response

    odd.answer = answer
    with pytest.raises(ConnectorError, match=r"broke off|cannot be reached"):
        await source.query("up", NOW)


async def test_a_body_that_drips_is_given_up_in_time(odd: Odd) -> None:
    """Each byte comes within the socket's time-out, all of them never would."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(8):
            await response.write(b" ")
            await asyncio.sleep(0.1)
        return response

    odd.answer = answer
    source = PrometheusMetrics(PrometheusSettings(odd.url, timeout=0.3))
    began = asyncio.get_running_loop().time()
    with pytest.raises(SourceUnreachable, match="did not answer within"):
        await source.query("up", NOW)
    assert asyncio.get_running_loop().time() - began < 0.6
    await asyncio.sleep(0.7)
    await source.close()


async def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    source = PrometheusMetrics(PrometheusSettings(f"http://127.0.0.1:{port}"))
    with pytest.raises(SourceUnreachable, match=r"cannot be reached: Connection refused$"):
        await source.query("up", NOW)
    (row,) = await source.check()
    assert not row.ok
    assert "port-forward" in row.repair
    await source.close()


async def test_a_plain_server_asked_for_tls(odd: Odd) -> None:
    source = PrometheusMetrics(PrometheusSettings(odd.url.replace("http:", "https:")))
    with pytest.raises(SourceUnreachable, match="does it want http:// instead"):
        await source.query("up", NOW)
    await source.close()


async def test_no_such_host() -> None:
    source = PrometheusMetrics(PrometheusSettings("http://prometheus.invalid:9090"))
    with pytest.raises(SourceUnreachable, match="the host name is not known"):
        await source.query("up", NOW)
    await source.close()


async def test_check_survives_a_server_that_only_queries(
    odd: Odd, source: PrometheusMetrics
) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/api/v1/query":
            result = [{"metric": {}, "value": [1, "3"]}]
            return web.json_response({"data": {"resultType": "vector", "result": result}})
        if request.path == "/api/v1/label/__name__/values":
            return web.json_response({"data": ["up"]})
        raise web.HTTPNotFound

    odd.answer = answer
    rows = {row.name: row for row in await source.check()}
    assert rows["prometheus"].detail.endswith("version unknown")
    assert rows["targets"].detail == "3 of 3 targets are up"
    assert (rows["kube-state-metrics"].ok, rows["kube-state-metrics"].detail) == (
        False,
        "not there",
    )


async def test_check_reports_what_fails_on_the_way(odd: Odd, source: PrometheusMetrics) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/api/v1/query":
            return web.json_response({"data": {"resultType": "vector", "result": []}})
        raise web.HTTPBadGateway(text="gone")

    odd.answer = answer
    rows = {row.name: row for row in await source.check()}
    assert rows["targets"].repair.startswith("add scrape jobs")
    assert "(502): gone" in rows["prometheus queries"].detail


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": "prometheus:9090"}, "http://host:9090"),
        ({"url": "ftp://me:secret@host"}, "write it as"),
        ({"url": "http://h", "token": "a", "username": "b"}, "not both"),
        ({"url": "http://h", "timeout": 0}, "more than 0"),
        ({"url": "http://h", "concurrency": 0}, "at least 1"),
        ({"url": "http://h", "ca_file": "/nowhere/ca.pem"}, "CA file /nowhere/ca.pem does not"),
        ({"url": "http://h", "token_file": "/nowhere/t"}, "token file /nowhere/t does not"),
    ],
)
def test_bad_settings_say_what_to_do(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        PrometheusSettings(**given)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://host:9090/", "http://host:9090"),
        ("https://host/prometheus/", "https://host/prometheus"),
        ("https://host/prometheus/api/v1", "https://host/prometheus"),
        ("http://host:9090/graph?g0.expr=up", "http://host:9090"),
        ("http://me:pw@[::1]:9090/p", "http://[::1]:9090/p"),
    ],
)
def test_the_url_is_brought_into_shape(given: str, url: str) -> None:
    assert PrometheusSettings(given).url == url


def test_request_metrics_are_those_of_apps() -> None:
    assert request_metrics(
        [
            "http_requests_total",
            "http_server_request_duration_seconds_count",
            "istio_requests_total",
            "grpc_server_handled_total",
            "request_duration_seconds_bucket",
            "prometheus_http_requests_total",
            "apiserver_request_duration_seconds_bucket",
            "http_requests_in_flight",
            "kube_pod_info",
        ]
    ) == [
        "http_requests_total",
        "http_server_request_duration_seconds_count",
        "istio_requests_total",
        "grpc_server_handled_total",
        "request_duration_seconds_bucket",
    ]
