"""The Loki connector against the emulated Loki."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.api.errors import SourceRejected
from connectors.api.values import Json, LogSelector
from connectors.loki import LokiLogs, LokiSettings
from connectors.loki.queries import stream_selector
from connectors.loki.settings import OPENTELEMETRY, PROMTAIL
from eval.environments.emulator.cluster.kubelet.logs import LogBuffer
from eval.environments.emulator.telemetry.logql import parse_selector
from eval.environments.emulator.telemetry.logs import ContainerLogs
from eval.environments.emulator.telemetry.loki_api import LokiServer

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Cluster:
    def __init__(self) -> None:
        self.pods: dict[str, tuple[Json, LogBuffer]] = {}

    def write(self, namespace: str, name: str, app: str, lines: Sequence[str]) -> None:
        log = LogBuffer()
        for index, line in enumerate(lines):
            log.append(NOW - timedelta(seconds=len(lines) - index), line)
        meta = {"namespace": namespace, "name": name, "uid": name, "labels": {"app": app}}
        self.pods[name] = ({"metadata": meta, "spec": {"nodeName": "n1"}}, log)

    def now(self) -> datetime:
        return NOW

    def objects(self, kind: str, namespace: str | None = None) -> Sequence[Json]:
        return [pod for pod, _ in self.pods.values()]

    def container_logs(self, pod: Json) -> Sequence[tuple[str, LogBuffer]]:
        return [("main", self.pods[pod["metadata"]["name"]][1])]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    cluster = Cluster()
    cluster.write("shop", "web-1", "web", ["start", 'GET "/cart"', "error: timeout"])
    cluster.write("shop", "web-2", "web", ["error: refused"])
    cluster.write("shop", "db-0", "db", ["ready"])
    cluster.write("other", "x", "x", ["error: elsewhere"])
    server = LokiServer(ContainerLogs(cluster), NOW.timestamp)
    yield await server.serve()
    await server.close()


@pytest.fixture
async def source(url: str) -> AsyncIterator[LokiLogs]:
    source = LokiLogs(LokiSettings(f"{url}/loki/api/v1/"))
    yield source
    await source.close()


@pytest.mark.parametrize(
    ("selector", "contains", "found"),
    [
        (LogSelector("shop"), "", ["start", 'GET "/cart"', "ready", "error: refused", "error: timeout"]),
        (LogSelector("shop", pods=("web-2",)), "", ["error: refused"]),
        (LogSelector("shop", pods=("web-2", "db-0")), "", ["ready", "error: refused"]),
        (LogSelector("shop", service="web"), "error", ["error: refused", "error: timeout"]),
        (LogSelector(), "error: e", ["error: elsewhere"]),
        (LogSelector("shop"), '"/cart"', ['GET "/cart"']),
        (LogSelector("shop", container="none"), "", []),
    ],
)  # fmt: skip
async def test_lines(
    source: LokiLogs, selector: LogSelector, contains: str, found: list[str]
) -> None:
    page = await source.lines(selector, NOW - HOUR, NOW, contains=contains)
    assert sorted(line.text for line in page.lines) == sorted(found)
    assert [line.time for line in page.lines] == sorted(line.time for line in page.lines)
    assert not page.truncated


async def test_a_line_and_its_labels(source: LokiLogs) -> None:
    page = await source.lines(LogSelector("shop", pods=("web-1",)), NOW - HOUR, NOW, limit=1)
    [line] = page.lines
    assert (line.text, line.time) == ("error: timeout", NOW - timedelta(seconds=1))
    assert line.labels == {
        "namespace": "shop",
        "pod": "web-1",
        "container": "main",
        "service": "web",
        "node": "n1",
    }
    assert page.truncated


async def test_volume(source: LokiLogs) -> None:
    found = await source.volume(LogSelector("shop"), NOW - HOUR, NOW)
    assert [(each.labels["pod"], each.lines) for each in found] == [
        ("web-1", 3),
        ("db-0", 1),
        ("web-2", 1),
    ]


async def test_doctor(url: str, source: LokiLogs) -> None:
    rows = await source.check()
    assert [(row.name, row.ok) for row in rows] == [("loki", True), ("loki labels", True)]
    assert "version 2.9" in rows[0].detail
    other = LokiLogs(LokiSettings(url, labels=OPENTELEMETRY))
    row = (await other.check())[-1]
    assert (row.ok, "k8s_namespace_name" in row.detail) == (False, True)
    await other.close()


async def test_what_the_store_cannot_say_is_refused(url: str) -> None:
    source = LokiLogs(LokiSettings(url, labels={"namespace": "namespace", "pod": "pod"}))
    with pytest.raises(SourceRejected, match="no label of the store is known for the service"):
        await source.lines(LogSelector(service="web"), NOW - HOUR, NOW)
    # Loki's own words come through
    with pytest.raises(SourceRejected, match="end timestamp must not be before"):
        await source.lines(LogSelector("shop"), NOW, NOW - HOUR)
    await source.close()


@given(st.text(min_size=1, max_size=20), st.lists(st.text(min_size=1, max_size=12), max_size=3))
def test_any_name_makes_a_selector_that_means_it(namespace: str, pods: list[str]) -> None:
    text = stream_selector(LogSelector(namespace, tuple(pods)), PROMTAIL)
    try:
        matchers = {each.name: each for each in parse_selector(text)}
    except ValueError:
        # RE2 has no word for it, and no pod has such a name
        return
    assert matchers["namespace"].matches(namespace)
    assert all(matchers["pod"].matches(pod) for pod in pods)
    assert not matchers["namespace"].matches(namespace + "x")
    assert not pods or not matchers["pod"].matches("".join(pods) + "x")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "loki:3100"}, "the Loki URL 'loki:3100' is not one"),
        ({"url": "http://u:p@/"}, "the Loki URL is not one"),
        ({"url": "http://l", "labels": {"pod": "pod"}}, "at least namespace and pod"),
        ({"url": "http://l", "max_lines": 0}, "max_lines must be at least 1"),
        ({"url": "http://l", "timeout": 0}, "time-outs must be more than 0"),
        (
            {"url": "http://l", "token": "a", "username": "b"},
            "either a bearer token or a user name",
        ),
        ({"url": "http://l", "ca_file": "/nowhere"}, "the Loki CA file /nowhere does not exist"),
        ({"url": "http://l", "concurrency": 0}, "concurrency of at least 1"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LokiSettings(**options)  # type: ignore[arg-type]
