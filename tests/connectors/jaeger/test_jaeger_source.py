"""The Jaeger connector against the emulated Jaeger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.api.errors import SourceMissing, SourceRejected
from connectors.api.values import Dependency
from connectors.jaeger import JaegerSettings, JaegerTraces
from connectors.jaeger.results import failed
from eval.environments.emulator.seams import Span
from eval.environments.emulator.telemetry.jaeger_api import JaegerServer
from eval.environments.emulator.telemetry.traces import TraceStore

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def span(trace: int, number: int, service: str, parent: int = 0, **more: Any) -> Span:
    return Span(
        trace=f"{trace:032x}",
        id=f"{number:016x}",
        parent=f"{parent:016x}" if parent else "",
        service=service,
        operation=more.pop("operation", "GET /"),
        start=NOW - timedelta(seconds=more.pop("age", 60), milliseconds=-number),
        duration_ms=more.pop("ms", 5.0),
        tags=more,
        process={"hostname": f"{service}-0"},
    )


@pytest.fixture
async def source() -> AsyncIterator[JaegerTraces]:
    store = TraceStore()
    store.record([span(1, 1, "front", ms=20.5), span(1, 2, "back", 1, error=True, ms=9.0)])
    store.record([span(2, 3, "front", age=30, ms=900.0, operation="GET /slow")])
    store.record([span(3, 4, "a/b", age=10)])
    server = JaegerServer(store, NOW.timestamp, base_path="/jaeger/ui")
    source = JaegerTraces(JaegerSettings(f"{await server.serve()}/jaeger/ui/search"))
    yield source
    await source.close()
    await server.close()


async def test_names(source: JaegerTraces) -> None:
    assert await source.services() == ["a/b", "back", "front"]
    assert await source.operations("front") == ["GET /", "GET /slow"]
    assert await source.operations("none") == []


async def test_a_trace(source: JaegerTraces) -> None:
    trace = await source.trace("1")
    assert [(s.service, s.error, s.duration_ms) for s in trace.spans] == [
        ("front", False, 20.5),
        ("back", True, 9.0),
    ]
    root, leaf = trace.spans
    assert (trace.root, leaf.parent, trace.error) == (root, root.id, True)
    assert leaf.start == NOW - timedelta(seconds=60, milliseconds=-2)
    assert (leaf.tags, leaf.process) == ({"error": "true"}, {"hostname": "back-0"})
    assert trace.duration_ms == pytest.approx(20.5)
    with pytest.raises(SourceMissing, match="trace not found"):
        await source.trace("77")


@pytest.mark.parametrize(
    ("service", "options", "ids"),
    [
        ("front", {}, [2, 1]),
        ("front", {"limit": 1}, [2]),
        ("front", {"operation": "GET /slow"}, [2]),
        ("front", {"min_duration_ms": 100.0}, [2]),
        ("back", {"errors_only": True}, [1]),
        ("front", {"errors_only": True}, []),
        ("none", {}, []),
    ],
)
async def test_searches(
    source: JaegerTraces, service: str, options: dict[str, Any], ids: list[int]
) -> None:
    found = await source.traces(service, NOW - HOUR, NOW, **options)
    assert [int(trace.id, 16) for trace in found] == ids
    early = await source.traces(service, NOW - 2 * HOUR, NOW - HOUR, **options)
    assert early == []


async def test_dependencies(source: JaegerTraces) -> None:
    assert await source.dependencies(NOW - HOUR, NOW) == [Dependency("front", "back", 1)]
    assert await source.dependencies(NOW - 2 * HOUR, NOW - HOUR) == []


async def test_jaegers_own_words_come_through(source: JaegerTraces) -> None:
    with pytest.raises(SourceRejected, match="parameter 'service' is required"):
        await source.traces("", NOW - HOUR, NOW)


async def test_doctor(source: JaegerTraces) -> None:
    rows = await source.check()
    assert [(row.name, row.ok) for row in rows] == [("jaeger", True), ("jaeger services", True)]
    assert rows[1].detail == "3 services (a/b, back, front)"
    server = JaegerServer(TraceStore(), NOW.timestamp)
    empty = JaegerTraces(JaegerSettings(await server.serve()))
    row = (await empty.check())[-1]
    assert (row.ok, row.detail) == (False, "no service sends spans")
    await empty.close()
    await server.close()


@pytest.mark.parametrize(
    ("tags", "wrong"),
    [
        ({"error": "true"}, True),
        ({"error": "false"}, False),
        ({"otel.status_code": "ERROR"}, True),
        ({"http.status_code": "503"}, True),
        ({"http.response.status_code": "404"}, False),
        ({}, False),
    ],
)
def test_failed_spans(tags: dict[str, str], wrong: bool) -> None:
    assert failed(tags) is wrong
