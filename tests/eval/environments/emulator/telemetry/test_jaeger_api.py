from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.environments.emulator.seams import Span
from eval.environments.emulator.telemetry.jaeger_api import JaegerServer
from eval.environments.emulator.telemetry.traces import TraceQuery, TraceStore, microseconds
from tests.eval.environments.emulator.telemetry.http_api import served

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def span(
    trace: int,
    number: int,
    service: str,
    *,
    parent: int = 0,
    age: float = 60.0,
    ms: float = 5.0,
    operation: str = "GET",
    **tags: Any,
) -> Span:
    return Span(
        trace=f"{trace:032x}",
        id=f"{number:016x}",
        parent=f"{parent:016x}" if parent else "",
        service=service,
        operation=operation,
        start=NOW - timedelta(seconds=age),
        duration_ms=ms,
        tags=tags,
        process={"hostname": f"{service}-0"},
    )


@pytest.fixture
def store() -> TraceStore:
    store = TraceStore()
    store.record(
        [
            span(
                1,
                1,
                "front",
                operation="HTTP GET",
                **{"span.kind": "server", "http.status_code": 200},
            ),
            span(1, 2, "front", parent=1, operation="call", **{"span.kind": "client"}),
            span(1, 3, "back", parent=2, ms=2.5, error=True, ratio=0.5),
        ]
    )
    store.record(
        [
            span(2, 4, "front", age=30, ms=900, operation="HTTP GET"),
            span(2, 5, "back", parent=4, age=30),
        ]
    )
    store.record([span(3, 6, "cron", age=3 * 86_400)])
    return store


def server(store: TraceStore, **options: Any) -> JaegerServer:
    return JaegerServer(store, NOW.timestamp, **options)


async def test_services_and_operations(store: TraceStore) -> None:
    async with served(server(store)) as api:
        assert await api.good("/api/services") == {
            "data": ["back", "cron", "front"],
            "total": 3,
            "limit": 0,
            "offset": 0,
            "errors": None,
        }
        names = await api.good("/api/services/front/operations")
        assert (names["data"], names["total"]) == (["HTTP GET", "call"], 2)
        found = await api.good("/api/operations", {"service": "front", "spanKind": "client"})
        assert found["data"] == [{"name": "call", "spanKind": "client"}]
        # Go writes an empty list that was never filled as null
        assert (await api.good("/api/services/none/operations"))["data"] is None


async def test_a_trace_in_jaegers_own_shape(store: TraceStore) -> None:
    async with served(server(store)) as api:
        body = await api.good("/api/traces/" + "1".zfill(16))
    [trace] = body["data"]
    assert set(trace) == {"traceID", "spans", "processes", "warnings"}
    assert trace["traceID"] == "1".zfill(16)
    assert trace["processes"] == {
        "p1": {"serviceName": "front", "tags": [{"key": "hostname", "type": "string", "value": "front-0"}]},
        "p2": {"serviceName": "back", "tags": [{"key": "hostname", "type": "string", "value": "back-0"}]},
    }  # fmt: skip
    root, _, leaf = trace["spans"]
    assert root["references"] == []
    assert root["startTime"] == microseconds(NOW) - 60_000_000
    assert leaf == {
        "traceID": "1".zfill(16),
        "spanID": "3".zfill(16),
        "flags": 1,
        "operationName": "GET",
        "references": [{"refType": "CHILD_OF", "traceID": "1".zfill(16), "spanID": "2".zfill(16)}],
        "startTime": microseconds(NOW) - 60_000_000,
        "duration": 2500,
        "tags": [
            {"key": "error", "type": "bool", "value": True},
            {"key": "ratio", "type": "float64", "value": 0.5},
        ],
        "logs": [],
        "processID": "p2",
        "warnings": None,
    }


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"service": "front"}, [1, 2]),
        ({"service": "front", "limit": "1"}, [2]),
        ({"service": "front", "operation": "call"}, [1]),
        ({"service": "front", "tags": '{"http.status_code":"200"}'}, [1]),
        ({"service": "front", "tag": "http.status_code:500"}, []),
        ({"service": "back", "tags": '{"error":"true"}'}, [1]),
        ({"service": "back", "tag": "hostname:back-0"}, [1, 2]),
        ({"service": "front", "minDuration": "100ms"}, [2]),
        ({"service": "front", "maxDuration": "0.1s"}, [1]),
        ({"service": "front", "start": str(microseconds(NOW) - 45_000_000)}, [2]),
        ({"service": "front", "end": str(microseconds(NOW) - 45_000_000)}, [1]),
        ({"service": "cron"}, []),  # two days are searched by default
        ({"service": "cron", "start": "0"}, [3]),
        ({"service": "cron", "lookback": "7d"}, []),
        ({"traceID": "2"}, [2]),
    ],
)
async def test_searches(store: TraceStore, params: dict[str, str], found: list[int]) -> None:
    async with served(server(store)) as api:
        body = await api.good("/api/traces", params)
    assert [int(trace["traceID"], 16) for trace in body["data"]] == found


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("traces", 400, "parameter 'service' is required"),
        ("operations", 400, "parameter 'service' is required"),
        ("traces?service=a&start=x", 400, "unable to parse param 'start': strconv.ParseInt: parsing \"x\": invalid syntax"),
        ("traces?service=a&limit=x", 400, "unable to parse param 'limit'"),
        ("traces?service=a&minDuration=5", 400, "unable to parse param 'minDuration': time: missing unit in duration \"5\""),
        ("traces?service=a&minDuration=2s&maxDuration=1s", 400, "'maxDuration' should be greater than 'minDuration'"),
        ("traces?service=a&tag=x", 400, "malformed 'tag' parameter, expecting key:value, received: x"),
        ("traces?service=a&tags={", 400, "malformed 'tags' parameter, cannot unmarshal JSON: "),
        ("traces?service=a&tags={\"a\":1}", 400, "malformed 'tags' parameter"),
        ("traces/77", 404, "trace not found"),
        ("traces/xyz", 400, 'strconv.ParseUint: parsing "xyz": invalid syntax'),
        ("dependencies?lookback=x", 400, "unable to parse param 'lookback'"),
    ],
)  # fmt: skip
async def test_errors_have_jaegers_form(
    store: TraceStore, path: str, status: int, said: str
) -> None:
    async with served(server(store)) as api:
        code, body = await api.get(f"/api/{path}")
    [error] = body["errors"]
    assert (code, error["code"], body["data"]) == (status, status, None)
    assert error["msg"].startswith(said)


async def test_dependencies(store: TraceStore) -> None:
    end = str(round(NOW.timestamp() * 1000))
    async with served(server(store)) as api:
        body = await api.good("/api/dependencies", {"endTs": end, "lookback": "3600000"})
        assert body["data"] == [{"parent": "front", "child": "back", "callCount": 2}]
        body = await api.good("/api/dependencies", {"endTs": end, "lookback": "40000"})
        assert body["data"] == [{"parent": "front", "child": "back", "callCount": 1}]
        assert (await api.good("/api/dependencies", {"service": "cron"}))["data"] == []


async def test_a_base_path(store: TraceStore) -> None:
    async with served(server(store, base_path="/jaeger/ui")) as api:
        assert (await api.good("/jaeger/ui/api/services"))["total"] == 3
        assert (await api.get("/api/services"))[0] == 404


@given(
    st.lists(st.tuples(st.integers(1, 40), st.sampled_from("abc"), st.integers(1, 4)), max_size=60)
)
def test_memory_is_bounded_and_the_indexes_agree(made: list[tuple[int, str, int]]) -> None:
    store = TraceStore(max_spans=20)
    for number, service, size in made:
        store.record([span(number, index, service) for index in range(size)])
    everything = TraceQuery(service="", limit=0)
    kept = {
        trace[0].trace: trace
        for service in store.services()
        for trace in store.find(TraceQuery(service=service, limit=0))
    }
    assert store.find(everything) == []
    assert len(kept) == len(store)
    assert store.span_count == sum(len(trace) for trace in kept.values())
    assert len(store) <= 1 or store.span_count <= 20
    for service in store.services():
        assert store.operations(service) == [("GET", "")]


def test_spans_that_come_late_join_their_trace(store: TraceStore) -> None:
    store.record([span(1, 9, "late", parent=3)])
    trace = store.trace("1")
    assert trace is not None
    assert [each.service for each in trace] == ["front", "front", "back", "late"]
    assert store.span_count == 7
