"""The Elasticsearch connector against a loopback Elasticsearch 8.14 and OpenSearch 2.15."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.api.errors import ConnectorError, SourceRejected
from connectors.api.values import LogSelector
from connectors.elasticsearch import FLUENT, ElasticsearchLogs, ElasticsearchSettings
from connectors.elasticsearch.queries import at_path
from tests.loopback.elasticsearch_server import ElasticsearchServer

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ecs(age: float, namespace: str, pod: str, text: str) -> dict[str, Any]:
    kubernetes = {
        "namespace": namespace,
        "pod": {"name": pod},
        "container": {"name": "main"},
        "labels": {"app": pod.partition("-")[0]},
        "node": {"name": "n1"},
    }
    when = (NOW - timedelta(seconds=age)).isoformat(timespec="milliseconds")
    return {"@timestamp": when.replace("+00:00", "Z"), "message": text, "kubernetes": kubernetes}


DOCUMENTS = [
    ecs(40, "shop", "web-1", "started"),
    ecs(30, "shop", "web-1", "error: timeout calling db"),
    ecs(20, "shop", "web-2", "error: refused"),
    ecs(10, "shop", "db-0", "ready"),
    ecs(5, "other", "x-0", "error: elsewhere"),
]


@pytest.fixture
async def server() -> AsyncIterator[ElasticsearchServer]:
    async with ElasticsearchServer({"filebeat-1": DOCUMENTS, "metrics": []}) as server:
        yield server


@pytest.fixture
async def source(server: ElasticsearchServer) -> AsyncIterator[ElasticsearchLogs]:
    source = ElasticsearchLogs(ElasticsearchSettings(server.url, api_key="abc"))
    yield source
    await source.close()


@pytest.mark.parametrize(
    ("selector", "contains", "found"),
    [
        (LogSelector("shop"), "", ["started", "error: timeout calling db", "error: refused", "ready"]),
        (LogSelector("shop", pods=("web-2", "db-0")), "", ["error: refused", "ready"]),
        (LogSelector(service="web"), "error", ["error: timeout calling db", "error: refused"]),
        (LogSelector(), "timeout calling", ["error: timeout calling db"]),
        (LogSelector("shop", container="none"), "", []),
    ],
)  # fmt: skip
async def test_lines(
    source: ElasticsearchLogs, selector: LogSelector, contains: str, found: list[str]
) -> None:
    page = await source.lines(selector, NOW - HOUR, NOW, contains=contains)
    assert [line.text for line in page.lines] == found
    assert (page.truncated, page.caveat) == (False, "")


async def test_the_newest_line_and_its_labels(
    server: ElasticsearchServer, source: ElasticsearchLogs
) -> None:
    page = await source.lines(LogSelector("shop"), NOW - HOUR, NOW, limit=1)
    [line] = page.lines
    assert (line.text, line.time, page.truncated) == ("ready", NOW - timedelta(seconds=10), True)
    assert line.labels == {
        "namespace": "shop",
        "pod": "db-0",
        "container": "main",
        "service": "db",
        "node": "n1",
    }
    early = await source.lines(LogSelector("shop"), NOW - HOUR, NOW - timedelta(seconds=30))
    assert [each.text for each in early.lines] == ["started"]
    assert server.searches[0]["track_total_hits"] is False


async def test_volume(source: ElasticsearchLogs) -> None:
    found = await source.volume(LogSelector("shop"), NOW - HOUR, NOW)
    assert [(each.labels["pod"], each.lines) for each in found] == [
        ("web-1", 2),
        ("db-0", 1),
        ("web-2", 1),
    ]
    assert set(found[0].labels) == {"namespace", "pod", "container"}


async def test_volume_of_more_containers_than_fit_on_a_page() -> None:
    documents = [ecs(5, "shop", f"pod-{number:04}", "x") for number in range(1100)]
    async with ElasticsearchServer({"logs-1": documents}) as server:
        source = ElasticsearchLogs(ElasticsearchSettings(server.url))
        assert len(await source.volume(LogSelector("shop"), NOW - HOUR, NOW)) == 1100
        assert len(server.searches) == 3
        await source.close()


async def test_opensearch_with_fluent_bits_fields() -> None:
    document = {
        "@timestamp": "2026-03-02T08:59:00.5Z",
        "log": "error: disk full\n",
        "kubernetes": {"namespace_name": "shop", "pod_name": "a", "container_name": "c"},
    }
    async with ElasticsearchServer({"logstash-2026.03.02": [document]}, opensearch=True) as server:
        settings = ElasticsearchSettings(server.url, username="u", password="p", fields=FLUENT)
        source = ElasticsearchLogs(settings)
        [line] = (await source.lines(LogSelector("shop"), NOW - HOUR, NOW)).lines
        assert (line.text, line.labels["pod"]) == ("error: disk full", "a")
        [volume] = await source.volume(LogSelector(pods=("a",)), NOW - HOUR, NOW)
        assert volume.lines == 1
        rows = await source.check()
        assert [row.ok for row in rows] == [True, True]
        assert "opensearch 2.15.0" in rows[0].detail
        assert server.headers[0]["Authorization"].startswith("Basic ")
        await source.close()


async def test_failed_shards_are_a_caveat_and_an_error_when_none_is_left() -> None:
    async with ElasticsearchServer({"logs-1": DOCUMENTS}, failed=1) as server:
        source = ElasticsearchLogs(ElasticsearchSettings(server.url))
        page = await source.lines(LogSelector(), NOW - HOUR, NOW)
        assert page.caveat == "1 of 2 shards failed: [parent] Data too large"
        assert len(page.lines) == 5
        await source.close()
    async with ElasticsearchServer({"logs-1": []}, failed=2) as server:
        source = ElasticsearchLogs(ElasticsearchSettings(server.url))
        with pytest.raises(ConnectorError, match=r"every shard of .* failed: \[parent\]"):
            await source.lines(LogSelector(), NOW - HOUR, NOW)
        await source.close()


async def test_doctor(server: ElasticsearchServer, source: ElasticsearchLogs) -> None:
    rows = await source.check()
    assert [row.ok for row in rows] == [True, True]
    assert "elasticsearch 8.14.3" in rows[0].detail
    assert server.headers[0]["Authorization"] == "ApiKey abc"
    for options, said in (
        ({"index": "none-*"}, "no document in none-*"),
        ({"fields": FLUENT}, "a document lacks"),
    ):
        other = ElasticsearchLogs(ElasticsearchSettings(server.url, **options))  # type: ignore[arg-type]
        row = (await other.check())[-1]
        assert (row.ok, said in row.detail) == (False, True), row
        await other.close()


async def test_its_own_words_come_through(
    server: ElasticsearchServer, source: ElasticsearchLogs
) -> None:
    with pytest.raises(SourceRejected, match=r"\(400\): .*unknown query"):
        await source._search({"query": {"wildcard": {"message": "*"}}})


@pytest.mark.parametrize(
    ("source", "value"),
    [({"a": {"b.c": 1}}, 1), ({"a.b": {"c": 2}}, 2), ({"a.b.c": 3}, 3), ({"a": {"b": {"c": 4}}}, 4), ({"a": 5}, None)],
)  # fmt: skip
def test_dots_in_names_and_between_levels(source: dict[str, Any], value: int | None) -> None:
    assert at_path(source, "a.b.c") == value


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"api_key": "a", "token": "b"}, "either an API key or other credentials"),
        ({"index": "a/b"}, "the Elasticsearch index 'a/b' is none"),
        ({"index": ""}, "is none"),
        ({"max_lines": 0}, "max_lines must be at least 1"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ElasticsearchSettings("http://e", **options)
