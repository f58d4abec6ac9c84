from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from eval.environments.emulator.telemetry.prometheus_api import PrometheusServer
from eval.environments.emulator.telemetry.promql import Dialect
from eval.environments.emulator.telemetry.series import SeriesStore

T = 1_700_000_000.0


@pytest.fixture
def store() -> SeriesStore:
    store = SeriesStore()
    for i in range(5):
        store.append("up", {"job": "api", "instance": "a:80"}, T + 15 * i, 1)
        store.append("up", {"job": "web", "instance": "b:80"}, T + 15 * i, 0)
        store.append("odd", {"kind": "nan"}, T + 15 * i, float("nan"))
        store.append("odd", {"kind": "inf"}, T + 15 * i, float("-inf"))
    store.append("gone", {"only": "early"}, T - 7200, 1)
    store.describe("up", "gauge", "Whether the target answers.")
    return store


class Api:
    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http, self.url = http, url

    async def get(self, path: str, **params: Any) -> tuple[int, Any]:
        async with self.http.get(f"{self.url}{path}", params=params) as answer:
            return answer.status, await answer.json()

    async def post(self, path: str, **form: Any) -> tuple[int, Any]:
        async with self.http.post(f"{self.url}{path}", data=form) as answer:
            return answer.status, await answer.json()

    async def data(self, path: str, **params: Any) -> Any:
        status, body = await self.get(path, **params)
        assert (status, body["status"]) == (200, "success"), body
        return body["data"]


@pytest.fixture
async def api(store: SeriesStore) -> AsyncIterator[Api]:
    server = PrometheusServer(store, lambda: T + 60)
    url = await server.serve()
    async with aiohttp.ClientSession() as http:
        yield Api(http, url)
    await server.close()


async def test_an_instant_query_without_a_time_is_asked_now(api: Api) -> None:
    data = await api.data("/api/v1/query", query='up{job="api"}')
    metric = {"__name__": "up", "job": "api", "instance": "a:80"}
    assert data == {
        "resultType": "vector",
        "result": [{"metric": metric, "value": [T + 60, "1"]}],
    }


@pytest.mark.parametrize("when", ["1700000030.5", "2023-11-14T22:13:50.5Z", "2023-11-14T23:13:50.500+01:00"])  # fmt: skip
async def test_times_are_unix_or_rfc_3339(api: Api, when: str) -> None:
    data = await api.data("/api/v1/query", query="time()", time=when)
    assert data == {"resultType": "scalar", "result": [1700000030.5, "1700000030.5"]}


async def test_numbers_that_json_lacks_are_strings(api: Api) -> None:
    data = await api.data("/api/v1/query", query="odd")
    assert {row["metric"]["kind"]: row["value"][1] for row in data["result"]} == {
        "nan": "NaN",
        "inf": "-Inf",
    }


async def test_a_string(api: Api) -> None:
    data = await api.data("/api/v1/query", query='"hello"')
    assert data == {"resultType": "string", "result": [T + 60, "hello"]}


async def test_range_queries_by_get_and_by_form(api: Api) -> None:
    params = {"query": "sum(up)", "start": str(T), "end": str(T + 60), "step": "30s"}
    status, body = await api.post("/api/v1/query_range", **params)
    assert status == 200
    assert body["data"] == await api.data("/api/v1/query_range", **params)
    assert body["data"]["result"] == [
        {"metric": {}, "values": [[T, "1"], [T + 30, "1"], [T + 60, "1"]]}
    ]


@pytest.mark.parametrize(
    ("path", "params", "status", "kind", "said"),
    [
        ("query", {"query": "up{"}, 400, "bad_data", "parse error"),
        ("query", {"query": "up", "time": "noon"}, 400, "bad_data", 'cannot parse "noon"'),
        ("query", {}, 400, "bad_data", "no expression"),
        ("query", {"query": "up + on() up"}, 422, "execution", "many-to-many matching"),
        ("query_range", {"query": "up"}, 400, "bad_data", 'invalid parameter "start"'),
        (
            "query_range",
            {"query": "up", "start": "1", "end": "2", "step": "x"},
            400,
            "bad_data",
            "valid duration",
        ),
        ("series", {}, 400, "bad_data", "no match[]"),
        ("series", {"match[]": "rate(up[5m])"}, 400, "bad_data", "not a series selector"),
        ("series", {"match[]": 'up{job=~"\\\\pL"}'}, 400, "bad_data", "regexp"),
        ("label/a-b/values", {}, 400, "bad_data", "invalid label name"),
        ("metadata", {"limit": "many"}, 400, "bad_data", "limit must be a number"),
    ],
)
async def test_errors_have_prometheus_form(
    api: Api, path: str, params: dict[str, str], status: int, kind: str, said: str
) -> None:
    code, body = await api.get(f"/api/v1/{path}", **params)
    assert (code, body["status"], body["errorType"]) == (status, "error", kind)
    assert said in body["error"]


async def test_series_and_labels(api: Api) -> None:
    assert await api.data("/api/v1/series", **{"match[]": '{job="web"}'}) == [
        {"__name__": "up", "job": "web", "instance": "b:80"}
    ]
    assert await api.data("/api/v1/labels") == ["__name__", "instance", "job", "kind", "only"]
    assert await api.data("/api/v1/labels", start=T) == ["__name__", "instance", "job", "kind"]
    assert await api.data("/api/v1/label/job/values") == ["api", "web"]
    assert await api.data("/api/v1/label/__name__/values", **{"match[]": '{kind!=""}'}) == ["odd"]
    assert await api.data("/api/v1/label/none/values") == []


async def test_about_the_server(api: Api) -> None:
    assert await api.data("/api/v1/metadata") == {
        "up": [{"type": "gauge", "help": "Whether the target answers.", "unit": ""}]
    }
    assert await api.data("/api/v1/metadata", metric="other") == {}
    assert (await api.data("/api/v1/status/buildinfo"))["version"].startswith("2.")
    assert (await api.data("/api/v1/status/tsdb"))["headStats"]["numSeries"] == 5
    assert await api.data("/api/v1/rules") == {"groups": []}
    assert await api.data("/api/v1/alerts") == {"alerts": []}
    targets = (await api.data("/api/v1/targets"))["activeTargets"]
    assert [(t["labels"]["instance"], t["health"]) for t in targets] == [
        ("a:80", "up"),
        ("b:80", "down"),
    ]
    for path in ("/-/ready", "/-/healthy"):
        async with api.http.get(api.url + path) as answer:
            assert answer.status == 200


async def test_the_dialect_of_3_x_says_so(store: SeriesStore) -> None:
    server = PrometheusServer(store, lambda: T + 60, dialect=Dialect.V3)
    url = await server.serve()
    async with aiohttp.ClientSession() as http:
        api = Api(http, url)
        assert (await api.data("/api/v1/status/buildinfo"))["version"].startswith("3.")
        data = await api.data("/api/v1/query", query='count_over_time(up{job="api"}[30s])')
        assert data["result"][0]["value"][1] == "2"
    await server.close()


async def test_closing_frees_the_port(store: SeriesStore) -> None:
    server = PrometheusServer(store, lambda: T)
    url = await server.serve()
    await server.close()
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.get(url)
