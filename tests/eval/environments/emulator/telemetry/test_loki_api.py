from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api.values import Json
from eval.environments.emulator.cluster.kubelet.logs import LogBuffer
from eval.environments.emulator.telemetry.logql import ParseError, parse
from eval.environments.emulator.telemetry.logql.evaluate import logs
from eval.environments.emulator.telemetry.logs import ContainerLogs, nanoseconds
from eval.environments.emulator.telemetry.loki_api import LokiServer
from eval.environments.emulator.telemetry.loki_params import parse_time
from tests.eval.environments.emulator.telemetry.http_api import Api, served

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Cluster:
    """Pods with the logs that their kubelets keep."""

    def __init__(self) -> None:
        self.time = NOW
        self.pods: dict[str, tuple[Json, list[tuple[str, LogBuffer]]]] = {}

    def now(self) -> datetime:
        return self.time

    def objects(self, kind: str, namespace: str | None = None) -> Sequence[Json]:
        return [pod for pod, _ in self.pods.values()]

    def container_logs(self, pod: Json) -> Sequence[tuple[str, LogBuffer]]:
        return self.pods[pod["metadata"]["name"]][1]

    def write(self, name: str, lines: Sequence[tuple[float, str]], **labels: str) -> LogBuffer:
        """Start a pod whose container wrote lines, each so many seconds ago."""
        log = LogBuffer()
        for age, text in lines:
            log.append(NOW - timedelta(seconds=age), text)
        meta = {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "labels": labels,
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{name[:-6]}"}],
        }
        self.pods[name] = ({"metadata": meta, "spec": {"nodeName": "n1"}}, [("main", log)])
        return log


API = "web-7d9f8b6c54-abcde"
JOB = "job-5f6d7c8b99-fghij"


@pytest.fixture
def cluster() -> Cluster:
    cluster = Cluster()
    cluster.write(
        API,
        [
            (50, 'level=info msg="started up" port=80'),
            (40, "level=error msg=timeout took=1500ms"),
            (30, "level=error msg=refused took=20ms"),
            (20, 'level=info msg="GET /" took=3ms'),
        ],
        app="web",
    )
    lines = [
        {"level": "warn", "status": 503, "request": {"path": "/a"}, "size": "2KB"},
        {"level": "info", "status": 200, "request": {"path": "/b"}, "size": "100B"},
    ]
    cluster.write(JOB, [(45, json.dumps(lines[0])), (25, json.dumps(lines[1])), (15, "not json")])
    return cluster


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[Api]:
    async with served(LokiServer(ContainerLogs(cluster), NOW.timestamp)) as api:
        yield api


async def lines_of(api: Api, query: str, **params: Any) -> list[str]:
    body = await api.good("/loki/api/v1/query_range", {"query": query, **params})
    assert body["data"]["resultType"] == "streams"
    rows = [value for row in body["data"]["result"] for value in row["values"]]
    backward = params.get("direction", "backward") == "backward"
    return [text for _, text in sorted(rows, key=lambda r: int(r[0]), reverse=backward)]


async def test_a_stream_with_the_labels_that_promtail_sets(api: Api) -> None:
    body = await api.good("/loki/api/v1/query_range", {"query": '{app="web"} |= "started"'})
    assert body["status"] == "success"
    assert body["data"]["result"] == [
        {
            "stream": {
                "app": "web",
                "container": "main",
                "filename": f"/var/log/pods/shop_{API}_uid-{API}/main/0.log",
                "job": "shop/web",
                "namespace": "shop",
                "node_name": "n1",
                "pod": API,
                "stream": "stdout",
            },
            "values": [[str(nanoseconds(NOW) - 50 * 10**9), 'level=info msg="started up" port=80']],
        }
    ]
    summary = body["data"]["stats"]["summary"]
    assert (summary["totalLinesProcessed"], summary["totalEntriesReturned"]) == (4, 1)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ('{namespace="shop"}', 7),
        ('{namespace="shop", app!="web"}', 3),
        ('{pod=~"web-.*"}', 4),
        ('{pod=~"web"}', 0),
        ('{namespace="shop", pod!~"web-.+"}', 3),
        ('{app="web"} |= "error"', 2),
        ('{app="web"} != "error" |= "GET"', 1),
        ('{app="web"} |~ "time.?out|ref"', 2),
        ('{app="web"} !~ "level=(info|warn)"', 2),
        ('{app="web"} |= `msg="GET`', 1),
        ('{app="web"} | logfmt | level="error"', 2),
        ('{app="web"} | logfmt | level=~"inf." | msg="started up"', 1),
        ('{app="web"} | logfmt | took > 1s', 1),
        ('{app="web"} | logfmt | took >= 3ms and took < 100ms', 2),
        ('{app="web"} | logfmt | port = 80 or took = 20ms', 2),
        ('{app="job"} | json | status >= 500', 1),
        ('{app="job"} | json | request_path = "/b"', 1),
        ('{app="job"} | json | size > 1KB', 1),
        ('{app="job"} | json | __error__ = "JSONParserErr"', 1),
        ('{app="job"} | json | (status = 200 or status = 503), level != "info"', 1),
        ('{app="job"} # a comment', 3),
    ],
)
async def test_log_queries(api: Api, query: str, count: int) -> None:
    assert len(await lines_of(api, query)) == count


async def test_parsed_labels_make_streams_of_their_own(api: Api) -> None:
    params = {"query": '{app="job"} | json | __error__=""'}
    body = await api.good("/loki/api/v1/query_range", params)
    found = {row["stream"]["request_path"]: row["stream"] for row in body["data"]["result"]}
    assert set(found) == {"/a", "/b"}
    assert found["/a"]["status"] == "503"


async def test_limit_and_direction(api: Api) -> None:
    newest = await lines_of(api, '{namespace="shop"}', limit=2)
    assert newest == ["not json", 'level=info msg="GET /" took=3ms']
    oldest = await lines_of(api, '{namespace="shop"}', limit=1, direction="forward")
    assert oldest == ['level=info msg="started up" port=80']


@pytest.mark.parametrize(
    "text",
    ["1772442000", "1772442000.000", "1772442000000000000", "2026-03-02T09:00:00Z", "2026-03-02T10:00:00+01:00"],
)  # fmt: skip
def test_times_in_all_formats(text: str) -> None:
    assert parse_time(text) == nanoseconds(NOW)


async def test_start_and_end(api: Api) -> None:
    ns = nanoseconds(NOW)
    inside = await lines_of(api, '{app="web"}', start=ns - 40 * 10**9, end=ns - 20 * 10**9)
    # the end is not part of it
    assert [line.split()[1] for line in inside] == ["msg=refused", "msg=timeout"]
    assert len(await lines_of(api, '{app="web"}', since="35s")) == 2
    assert await lines_of(api, '{app="web"}', since="10s") == []


async def metric(api: Api, query: str) -> dict[str, float]:
    body = await api.good("/loki/api/v1/query", {"query": query})
    assert body["data"]["resultType"] == "vector"
    return {
        ",".join(f"{k}={v}" for k, v in sorted(row["metric"].items())): float(row["value"][1])
        for row in body["data"]["result"]
    }


async def test_metric_queries(api: Api) -> None:
    assert await metric(api, 'sum by (app) (count_over_time({namespace="shop"}[1m]))') == {
        "app=web": 4.0,
        "app=job": 3.0,
    }
    assert await metric(api, 'sum(rate({app="web"} |= "error" [1m]))') == {"": 2 / 60}
    assert await metric(api, 'sum(bytes_over_time({app="job"} |= "not json" [1m]))') == {"": 8.0}
    assert await metric(api, 'sum by (level) (count_over_time({app="web"} | logfmt [1m]))') == {
        "level=error": 2.0,
        "level=info": 2.0,
    }
    query = 'topk(1, sum(count_over_time({namespace="shop"}[1m])) by (app))'
    assert await metric(api, query) == {"app=web": 4.0}
    for function, value in (("avg", 3.5), ("min", 3.0), ("max", 4.0), ("count", 2.0)):
        query = f'{function}(sum by (app) (count_over_time({{namespace="shop"}}[1m])))'
        assert await metric(api, query) == {"": value}
    kept = 'sum without (pod, filename) (count_over_time({app="web"}[1m] offset 35s))'
    assert set((await metric(api, kept)).values()) == {2.0}


async def test_a_matrix(api: Api) -> None:
    params = {
        "query": 'sum(count_over_time({app="web"}[15s]))',
        "start": NOW.timestamp() - 60,
        "end": NOW.timestamp(),
        "step": "15s",
    }
    body = await api.good("/loki/api/v1/query_range", params)
    [row] = body["data"]["result"]
    assert body["data"]["resultType"] == "matrix"
    # a window is (t - 15 s, t]; steps without lines have no value
    assert row["values"] == [
        [NOW.timestamp() - 45, "1"],
        [NOW.timestamp() - 30, "2"],
        [NOW.timestamp() - 15, "1"],
    ]


async def test_labels_values_series(api: Api) -> None:
    names = (await api.good("/loki/api/v1/labels"))["data"]
    assert {"namespace", "pod", "container", "app", "node_name", "stream", "job"} < set(names)
    assert (await api.good("/loki/api/v1/label/app/values"))["data"] == ["job", "web"]
    only = await api.good("/loki/api/v1/label/pod/values", {"query": '{app="web"}'})
    assert only["data"] == [API]
    assert await api.good("/loki/api/v1/label/none/values") == {"status": "success"}
    series = await api.good("/loki/api/v1/series", {"match[]": '{app="web"}'})
    assert [row["pod"] for row in series["data"]] == [API]
    status, body = await api.ask("POST", "/loki/api/v1/series", data={"match[]": '{app="job"}'})
    assert (status, [row["app"] for row in body["data"]]) == (200, ["job"])


EMPTY = (
    "parse error : queries require at least one regexp or equality matcher that does not have an "
    'empty-compatible value. For instance, app=~".*" does not meet this requirement, '
    'but app=~".+" will'
)


@pytest.mark.parametrize(
    ("query", "said"),
    # the first ones are from Loki's own tests of its parser
    [
        ('unk({ foo = "bar" }[5m])', "parse error at line 1, col 1: syntax error: unexpected IDENTIFIER"),
        ('min({ foo = "bar" }[5m])', "parse error at line 1, col 20: syntax error: unexpected RANGE"),
        ('rate({ foo = "bar" }[5)', "parse error at line 1, col 21: missing closing ']' in duration"),
        ('rate({ foo = "bar" }[5minutes])', 'parse error at line 1, col 21: not a valid duration string: "5minutes"'),
        ("{foo=bar}", "parse error at line 1, col 6: syntax error: unexpected IDENTIFIER, expecting STRING"),
        ('{foo="bar"', "parse error at line 1, col 11: syntax error: unexpected $end, expecting } or ,"),
        ("", "parse error at line 1, col 1: syntax error: unexpected $end"),
        ('{app=~".*"}', EMPTY),
        ("{}", EMPTY),
        ('{a="b"} |= x', "parse error at line 1, col 12: syntax error: unexpected IDENTIFIER, expecting STRING"),
        ('{a="b"} | line_format "x"', "parse error at line 1, col 11: syntax error: unexpected IDENTIFIER"),
        ('{a="b"} | json | unwrap x', "parse error at line 1, col 18: syntax error: unexpected IDENTIFIER"),
        ('{a="b"} |~ "("', "parse error at line 1, col 12: error parsing regexp"),
        ('{a="b"}\n  | json x', "parse error at line 2, col 10: syntax error: unexpected IDENTIFIER"),
        ('topk(0, rate({a="b"}[1m]))', "parse error : invalid parameter (must be greater than 0) topk(0"),
        ('rate({a="b"})', "parse error at line 1, col 13: syntax error: unexpected ), expecting RANGE"),
    ],
)  # fmt: skip
async def test_errors_have_lokis_form(api: Api, query: str, said: str) -> None:
    status, body = await api.get("/loki/api/v1/query_range", {"query": query})
    assert status == 400
    assert body.startswith(said)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"limit": "0"}, "limit must be a positive value"),
        ({"limit": "9000"}, "max entries limit per query exceeded"),
        ({"direction": "up"}, "invalid direction 'up'"),
        ({"start": "x"}, "could not parse 'start' parameter: strconv.ParseInt"),
        ({"start": "200", "end": "100"}, "end timestamp must not be before or equal to start time"),
        ({"start": "0"}, "the query time range exceeds the limit"),
        ({"step": "-1"}, "zero or negative query resolution step"),
        ({"step": "1ms"}, "exceeded maximum resolution of 11,000 points"),
        ({"step": "x"}, 'cannot parse "x" to a valid duration'),
    ],
)
async def test_bad_parameters(api: Api, params: dict[str, str], said: str) -> None:
    status, body = await api.get("/loki/api/v1/query_range", {"query": '{app="web"}', **params})
    assert (status, body.startswith(said)) == (400, True), body


async def test_an_instant_query_of_lines_and_a_pipeline_error(api: Api) -> None:
    status, body = await api.get("/loki/api/v1/query", {"query": '{app="web"}'})
    assert (status, "not supported as an instant query" in body) == (400, True)
    query = 'count_over_time({app="job"} | json [1m])'
    status, body = await api.get("/loki/api/v1/query", {"query": query})
    assert (status, body.startswith("pipeline error: 'JSONParserErr' for series")) == (400, True)


async def test_about_the_server(api: Api) -> None:
    assert await api.good("/ready") == "ready\n"
    assert (await api.good("/loki/api/v1/status/buildinfo"))["version"].startswith("2.9")


async def test_logs_outlive_their_containers(cluster: Cluster) -> None:
    kept = ContainerLogs(cluster)
    kept.tick(NOW, NOW)
    second = LogBuffer()
    second.append(NOW - timedelta(seconds=5), "second run")
    cluster.pods[API][1].append(("main", second))
    kept.scan()
    del cluster.pods[API]
    async with served(LokiServer(kept, NOW.timestamp)) as api:
        assert len(await lines_of(api, '{app="web"}')) == 5
        body = await api.good("/loki/api/v1/series", {"match[]": '{app="web"}'})
        files = [row["filename"].rpartition("/")[2] for row in body["data"]]
        assert files == ["0.log", "1.log"]
    cluster.time += timedelta(hours=7)
    kept.scan()
    assert {labels["app"] for labels, _ in kept.streams(())} == {"job"}


TEXT = st.text(st.characters(codec="ascii", exclude_characters='"\\`\n\r'), max_size=6)


@given(st.lists(TEXT, max_size=20), TEXT, st.integers(1, 30), st.booleans())
def test_line_filters_are_python_in(
    lines: list[str], wanted: str, limit: int, backward: bool
) -> None:
    cluster = Cluster()
    cluster.write(API, [(float(100 - index), line) for index, line in enumerate(lines)])
    query = parse(f'{{namespace="shop"}} |= "{wanted}"')
    start, end = nanoseconds(NOW) - 10**12, nanoseconds(NOW)
    found, _ = logs(query, ContainerLogs(cluster), start, end, limit, backward=backward)  # type: ignore[arg-type]
    kept = [line for line in lines if wanted in line]
    expected = kept[::-1][:limit] if backward else kept[:limit]
    assert [line for _, entries in found for _, line in entries] == expected


@given(st.text(max_size=40))
def test_the_parser_never_breaks(text: str) -> None:
    try:
        parse('{a="b"}' + text)
    except ParseError as error:
        assert str(error).startswith("parse error")
