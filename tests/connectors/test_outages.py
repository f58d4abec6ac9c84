"""Every source that speaks HTTP, made slow, failing, cut off, unauthorised, absent and odd."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.alertmanager import AlertmanagerAlerts, AlertmanagerSettings
from connectors.api.errors import (
    ConnectorError,
    SourceForbidden,
    SourceMissing,
    SourceRejected,
    SourceUnreachable,
)
from connectors.api.protocols import (
    AlertSource,
    ChangeSource,
    Connector,
    DocumentSource,
    LogSource,
    MetricsSource,
    TraceSource,
)
from connectors.api.values import LogSelector
from connectors.argocd import ArgoApi, ArgoSettings
from connectors.confluence import ConfluencePages, ConfluenceSettings
from connectors.elasticsearch import ElasticsearchLogs, ElasticsearchSettings
from connectors.github import GitHubDeployments, GitHubSettings
from connectors.gitlab import GitLabDeployments, GitLabSettings
from connectors.jaeger import JaegerSettings, JaegerTraces
from connectors.jira import JiraIncidents, JiraSettings
from connectors.loki import LokiLogs, LokiSettings
from connectors.pagerduty import PagerDutyIncidents, PagerDutySettings
from connectors.pagerduty.incidents import PagerDutyHistory
from connectors.prometheus import PrometheusMetrics, PrometheusSettings
from connectors.tempo import TempoSettings, TempoTraces
from tests.loopback.odd_server import Answer, OddServer, cut, dripping, failing, slow

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)
PATIENCE = 0.3

Make = Callable[..., Connector]

SOURCES: dict[str, Make] = {
    "loki": lambda url, **more: LokiLogs(LokiSettings(url, **more)),
    "elasticsearch": lambda url, **more: ElasticsearchLogs(ElasticsearchSettings(url, **more)),
    "jaeger": lambda url, **more: JaegerTraces(JaegerSettings(url, **more)),
    "tempo": lambda url, **more: TempoTraces(TempoSettings(url, **more)),
    "alertmanager": lambda url, **more: AlertmanagerAlerts(AlertmanagerSettings(url, **more)),
    "pagerduty": lambda url, **more: PagerDutyIncidents(PagerDutySettings(url, **more)),
    "prometheus": lambda url, **more: PrometheusMetrics(PrometheusSettings(url, **more)),
    "argocd": lambda url, **more: ArgoApi(ArgoSettings(url, **more)),
    "github": lambda url, **more: GitHubDeployments(
        GitHubSettings(url, **{"repositories": ("a/b",), **more})
    ),
    "gitlab": lambda url, **more: GitLabDeployments(
        GitLabSettings(url, **{"projects": ("a/b",), **more})
    ),
    "confluence": lambda url, **more: ConfluencePages(
        ConfluenceSettings(url, **{"spaces": ("A",), **more})
    ),
    "jira": lambda url, **more: JiraIncidents(JiraSettings(url, **more)),
    "pagerduty history": lambda url, **more: PagerDutyHistory(
        PagerDutyIncidents(PagerDutySettings(url, **more)), lambda: NOW
    ),
}

LOGS: dict[str, Callable[[str], LogSource]] = {
    "loki": lambda url: LokiLogs(LokiSettings(url)),
    "elasticsearch": lambda url: ElasticsearchLogs(ElasticsearchSettings(url)),
}
TRACES: dict[str, Callable[[str], TraceSource]] = {
    "jaeger": lambda url: JaegerTraces(JaegerSettings(url)),
    "tempo": lambda url: TempoTraces(TempoSettings(url)),
}
ALERTS: dict[str, Callable[[str], AlertSource]] = {
    "alertmanager": lambda url: AlertmanagerAlerts(AlertmanagerSettings(url)),
    "pagerduty": lambda url: PagerDutyIncidents(PagerDutySettings(url)),
}
CHANGES: dict[str, Callable[[str], ChangeSource]] = {
    "argocd": lambda url: ArgoApi(ArgoSettings(url)),
    "github": lambda url: GitHubDeployments(GitHubSettings(url, repositories=("a/b",))),
    "gitlab": lambda url: GitLabDeployments(GitLabSettings(url, projects=("a/b",))),
}
DOCUMENTS: dict[str, Callable[[str], DocumentSource]] = {
    "confluence": lambda url: ConfluencePages(ConfluenceSettings(url, spaces=("A",))),
    "jira": lambda url: JiraIncidents(JiraSettings(url)),
    "pagerduty history": lambda url: PagerDutyHistory(
        PagerDutyIncidents(PagerDutySettings(url)), lambda: NOW
    ),
}
METRICS: dict[str, Callable[[str], MetricsSource]] = {
    "prometheus": lambda url: PrometheusMetrics(PrometheusSettings(url)),
}


def calls(source: Any) -> Sequence[Callable[[], Awaitable[object]]]:
    """Every read of a source."""
    found: list[Callable[[], Awaitable[object]]] = []
    if hasattr(source, "lines"):
        found.append(lambda: source.lines(LogSelector("a"), BEFORE, NOW))
        found.append(lambda: source.volume(LogSelector("a"), BEFORE, NOW))
    if hasattr(source, "traces"):
        found.append(source.services)
        found.append(lambda: source.operations("a"))
        found.append(lambda: source.traces("a", BEFORE, NOW))
        found.append(lambda: source.trace("1"))
        found.append(lambda: source.dependencies(BEFORE, NOW))
    if hasattr(source, "alerts"):
        found.append(lambda: source.alerts(NOW))
    if hasattr(source, "changes"):
        found.append(lambda: source.changes(BEFORE, NOW))
    if hasattr(source, "documents"):
        found.append(source.documents)
    if hasattr(source, "query_range"):
        found.append(lambda: source.query("up", NOW))
        found.append(lambda: source.query_range("up", BEFORE, NOW, 60))
    assert found
    return found


OUTAGES: dict[str, tuple[Answer, type[ConnectorError], str]] = {
    "slow": (slow(10), SourceUnreachable, "did not answer within 0.3 s"),
    "dripping": (dripping(10), SourceUnreachable, "did not answer within 0.3 s"),
    "500": (failing(500, {"error": "disk", "errors": [{"msg": "disk"}]}), ConnectorError, "failed (500): disk"),
    "503": (failing(503, text="starting up"), SourceUnreachable, "cannot answer now (503): starting up"),
    "429": (failing(429), SourceUnreachable, "cannot answer now (429)"),
    "cut": (cut, ConnectorError, "broke off"),
    "401": (failing(401), SourceForbidden, "(401, credentials are missing or wrong)"),
    "403": (failing(403, {"message": "no"}), SourceForbidden, "(403, our rights do not suffice)"),
    "404": (failing(404), SourceMissing, "404|has no trace"),
    "400": (failing(400, text="bad\nthing"), SourceRejected, "bad thing"),
    "no JSON": (failing(200, text="<html>log in"), ConnectorError, "login page"),
    "other JSON": (failing(200, [1, 2]), ConnectorError, "another shape|does not speak|the API of"),
    "other object": (failing(200, {"data": 7, "hits": 7, "incidents": 7, "traces": 7, "tagValues": 7, "items": 7, "issues": 7, "results": 7}), ConnectorError, "does not speak"),
}  # fmt: skip


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("name", SOURCES)
async def test_every_read_fails_in_time_with_one_clear_line(name: str, outage: str) -> None:
    answer, kind, said = OUTAGES[outage]
    async with OddServer(answer) as odd:
        tried = outage in ("slow", "dripping")
        source = SOURCES[name](odd.url, timeout=PATIENCE if tried else 5)
        reads = calls(source)
        # a slow source costs its time-out: one read shows it
        for read in reads[:1] if tried else reads:
            odd.count = 0
            begun = time.monotonic()
            with pytest.raises(ConnectorError) as caught:
                await read()
            assert time.monotonic() - begun < (PATIENCE if tried else 5) + 1
            _shows(caught.value, kind, said, name)
            # Jira's Cloud and Data Center differ in the path: the second is tried after a 404
            most = 2 if (name, outage) == ("jira", "404") else 1
            assert odd.count <= most, "no request is repeated"
        await source.close()


def _shows(error: ConnectorError, kind: type[ConnectorError], said: str, name: str) -> None:
    text = str(error)
    if kind is ConnectorError:
        # the shape is judged by each source in its own way, always as a plain error
        assert type(error) in (ConnectorError, SourceMissing), text
    else:
        assert type(error) is kind, text
    assert any(part in text for part in said.split("|")), text
    assert "\n" not in text
    assert len(text) < 600


@pytest.mark.parametrize("name", SOURCES)
async def test_an_absent_source(name: str) -> None:
    async with OddServer(failing(200)) as odd:
        url = odd.url
    source = SOURCES[name](url, timeout=5)
    for read in calls(source):
        with pytest.raises(SourceUnreachable, match="cannot be reached: "):
            await read()
    await source.close()


@pytest.mark.parametrize("name", SOURCES)
async def test_doctor_never_raises(name: str) -> None:
    for answer in (failing(500), failing(403), failing(200, [1]), failing(200, {}), cut):
        async with OddServer(answer) as odd:
            source = SOURCES[name](odd.url, timeout=5)
            rows = await source.check()
            assert not all(row.ok for row in rows), rows
            assert all(row.ok or row.repair for row in rows), rows
            await source.close()


@pytest.mark.parametrize("name", SOURCES)
async def test_at_most_so_many_requests_at_once(name: str) -> None:
    import asyncio

    running = most = 0

    async def answer(request: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        return await failing(500)(request)

    async with OddServer(answer) as odd:
        source = SOURCES[name](odd.url, concurrency=2, timeout=5)
        read = calls(source)[0]
        results = await asyncio.gather(*(read() for _ in range(8)), return_exceptions=True)
        assert all(isinstance(result, ConnectorError) for result in results)
        assert (odd.count, most) == (8, 2)
        await source.close()


def test_every_source_fits_its_protocol() -> None:
    # the annotations are the test: mypy reads them
    kinds = {**LOGS, **TRACES, **ALERTS, **METRICS, **CHANGES, **DOCUMENTS}
    assert set(kinds) == set(SOURCES)
    for name, make in kinds.items():
        kind, _, more = name.partition(" ")
        assert make("http://host/prefix/").name == f"{kind} (http://host/prefix) {more}".strip()
