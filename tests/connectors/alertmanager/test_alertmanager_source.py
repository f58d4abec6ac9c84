"""The Alertmanager connector against the emulated Alertmanager."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from connectors.alertmanager import AlertmanagerAlerts, AlertmanagerSettings
from connectors.api.errors import SourceRejected
from eval.environments.emulator.telemetry.alerting import Alerting
from eval.environments.emulator.telemetry.alerting.rules import Group, Rule
from eval.environments.emulator.telemetry.alertmanager_api import AlertmanagerServer
from eval.environments.emulator.telemetry.series import SeriesStore

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    store, now = SeriesStore(), NOW.timestamp()
    for age in range(600, -1, -15):
        store.append("probe", {"namespace": "shop"}, now - age, 0)
        if age <= 300:
            store.append("probe", {"namespace": "other"}, now - age, 0)
    rule = Rule("Down", "probe == 0", 60, {"severity": "warning"}, {"summary": "no answer"})
    alerting = Alerting((Group("g", "r.yaml", (rule,)),), store, lambda: now)
    server = AlertmanagerServer(alerting, lambda: now, prometheus_url="http://prom")
    yield await server.serve()
    await server.close()


async def test_alerts(url: str) -> None:
    source = AlertmanagerAlerts(AlertmanagerSettings(f"{url}/api/v2"))
    first, second = await source.alerts(NOW)
    assert (first.labels["namespace"], second.labels["namespace"]) == ("shop", "other")
    assert (first.name, first.state, first.annotations) == (
        "Down",
        "firing",
        {"summary": "no answer"},
    )
    assert first.since == NOW - timedelta(seconds=540)
    assert first.url.startswith("http://prom/graph?")
    assert len(first.fingerprint) == 16
    # only what had begun by then
    assert await source.alerts(NOW - timedelta(seconds=400)) == [first]
    await source.close()


async def test_silenced_alerts_are_suppressed(url: str) -> None:
    silence = {
        "matchers": [{"name": "namespace", "value": "shop", "isRegex": False}],
        "startsAt": NOW.isoformat(),
        "endsAt": (NOW + timedelta(hours=1)).isoformat(),
        "createdBy": "me",
        "comment": "known",
    }
    async with httpx2.AsyncClient() as http:
        assert (await http.post(f"{url}/api/v2/silences", json=silence)).status_code == 200
    source = AlertmanagerAlerts(AlertmanagerSettings(url))
    states = {each.labels["namespace"]: each.state for each in await source.alerts(NOW)}
    assert states == {"shop": "suppressed", "other": "firing"}
    rows = await source.check()
    assert [row.ok for row in rows] == [True, True]
    assert rows[1].detail == "2 alerts, 1 of them firing"
    await source.close()


async def test_matchers_choose_at_the_source(url: str) -> None:
    source = AlertmanagerAlerts(AlertmanagerSettings(url, matchers=('namespace=~"oth.*"',)))
    assert [each.labels["namespace"] for each in await source.alerts(NOW)] == ["other"]
    await source.close()
    wrong = AlertmanagerAlerts(AlertmanagerSettings(url, matchers=("namespace",)))
    with pytest.raises(SourceRejected, match="bad matcher format: namespace"):
        await wrong.alerts(NOW)
    await wrong.close()
