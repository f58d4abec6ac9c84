"""The Tempo connector against a loopback server that speaks Tempo 2.6."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.api.errors import SourceMissing, SourceRejected
from connectors.api.values import Dependency
from connectors.tempo import TempoSettings, TempoTraces
from connectors.tempo.results import attributes, hexadecimal, to_trace
from tests.loopback.tempo_server import TempoServer, TempoSpan

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NS = round(NOW.timestamp()) * 10**9


def span(trace: int, number: int, service: str, **more: Any) -> TempoSpan:
    start = NS - more.pop("age", 60) * 10**9 + number * 10**6
    parent = more.pop("parent", 0)
    return TempoSpan(
        trace=f"{trace:032x}",
        id=f"{number:016x}",
        parent=f"{parent:016x}" if parent else "",
        service=service,
        name=more.pop("name", "GET /"),
        start=start,
        end=start + round(more.pop("ms", 5) * 10**6),
        error=more.pop("error", False),
        attributes=more,
    )


@pytest.fixture
async def server() -> AsyncIterator[TempoServer]:
    spans = [
        span(1, 1, "front", ms=20.5),
        span(1, 2, "back", parent=1, error=True, code=503, ok=False, ratio=0.5),
        span(2, 3, "front", age=30, ms=900, name='GET "/slow"'),
        span(2, 4, "back", age=30, parent=3),
    ]
    async with TempoServer(spans) as server:
        yield server


@pytest.fixture
async def source(server: TempoServer) -> AsyncIterator[TempoTraces]:
    source = TempoTraces(TempoSettings(f"{server.url}/api", tenant="team-a"))
    yield source
    await source.close()


async def test_names(server: TempoServer, source: TempoTraces) -> None:
    assert await source.services() == ["back", "front"]
    assert await source.operations("front") == ['GET "/slow"', "GET /"]
    assert set(server.tenants) == {"team-a"}


async def test_a_trace(source: TempoTraces) -> None:
    trace = await source.trace(f"{1:032x}")
    root, leaf = trace.spans
    assert (root.service, root.duration_ms, root.parent, root.error) == ("front", 20.5, "", False)
    assert (leaf.service, leaf.parent, leaf.error, leaf.kind) == ("back", root.id, True, "server")
    assert leaf.id == f"{2:016x}"
    assert leaf.tags == {"code": "503", "ok": "false", "ratio": "0.5"}
    assert leaf.process == {"service.name": "back"}
    assert root.start == NOW - timedelta(seconds=60, milliseconds=-1)
    with pytest.raises(SourceMissing, match="has no trace 77"):
        await source.trace("77")


@pytest.mark.parametrize(
    ("service", "options", "ids"),
    [
        ("front", {}, [2, 1]),
        ("front", {"limit": 1}, [2]),
        ("front", {"min_duration_ms": 100.0}, [2]),
        ("back", {"errors_only": True}, [1]),
        ("back", {"operation": "GET /"}, [2, 1]),
        ("none", {}, []),
    ],
)
async def test_searches(
    source: TempoTraces, service: str, options: dict[str, Any], ids: list[int]
) -> None:
    found = await source.traces(service, NOW - HOUR, NOW, **options)
    assert [int(trace.id, 16) for trace in found] == ids
    assert await source.traces(service, NOW - 2 * HOUR, NOW - HOUR, **options) == []


async def test_dependencies_are_counted_in_a_sample(server: TempoServer) -> None:
    source = TempoTraces(TempoSettings(server.url, sampled_traces=1))
    found = await source.dependencies(NOW - HOUR, NOW)
    assert found == [Dependency("front", "back", 1, sampled=True)]
    assert sum(path.startswith("/api/traces/") for path in server.requests) == 1
    await source.close()


async def test_tempos_own_words_come_through(source: TempoTraces) -> None:
    with pytest.raises(SourceRejected, match="invalid TraceQL query"):
        await source._search("{ nonsense }", NOW - HOUR, NOW, 1)


async def test_doctor(source: TempoTraces) -> None:
    rows = await source.check()
    assert [(row.name, row.ok) for row in rows] == [("tempo", True), ("tempo services", True)]
    assert "version v2.6.1" in rows[0].detail


def test_the_second_api_and_otlps_own_ids() -> None:
    item = {
        "spanId": "00000000000000ff",
        "name": "x",
        "startTimeUnixNano": "1000",
        "endTimeUnixNano": 3000,
        "status": {"code": 2},
    }
    body = {"trace": {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": [item]}]}]}}
    [found] = to_trace(body, "1").spans
    assert (found.id, found.error, found.duration_ms) == ("00000000000000ff", True, 0.002)
    assert hexadecimal("AAAAAAAAAP8=") == "00000000000000ff"
    with pytest.raises(ValueError, match="not an id"):
        hexadecimal("?")
    values = {"values": [{"stringValue": "a"}, {"intValue": "2"}]}
    assert attributes([{"key": "k", "value": {"arrayValue": values}}]) == {"k": "a, 2"}
