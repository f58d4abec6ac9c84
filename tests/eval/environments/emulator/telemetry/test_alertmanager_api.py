from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from eval.environments.emulator.telemetry.alerting import Alerting
from eval.environments.emulator.telemetry.alerting.matching import fingerprint
from eval.environments.emulator.telemetry.alerting.rules import Group, Rule
from eval.environments.emulator.telemetry.alertmanager_api import AlertmanagerServer
from eval.environments.emulator.telemetry.series import SeriesStore
from tests.eval.environments.emulator.telemetry.http_api import Api, served

T = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = T + 120


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[Api]:
    store = SeriesStore()
    for index in range(9):
        for namespace in ("a", "b"):
            store.append("probe", {"namespace": namespace}, T + 15 * index, 0)
    rules = (
        Rule("Down", "probe == 0", 60, {"severity": "warning"}, {"summary": "no answer"}),
        Rule("Down", 'probe{namespace="b"} == 0', 60, {"severity": "critical"}),
        Rule("Slow", "probe == 0", 3600, {"severity": "warning"}),
    )
    alerting = Alerting((Group("g", "r.yaml", rules),), store, lambda: clock.now)
    server = AlertmanagerServer(alerting, lambda: clock.now, prometheus_url="http://prometheus/")
    async with served(server) as api:
        yield api


def ids(alerts: Any) -> list[tuple[str, str, str]]:
    return sorted(
        (a["labels"]["namespace"], a["labels"]["severity"], a["status"]["state"]) for a in alerts
    )


def test_fingerprints_are_those_of_the_real_one() -> None:
    # as Alertmanager 0.25.0 gave them
    assert (
        fingerprint({"severity": "warning", "alertname": "X", "namespace": "a"})
        == "5b45040327ae596b"
    )
    assert fingerprint({"alertname": "Y", "namespace": "b", "pod": "p"}) == "b31fac05ae55bad1"


async def test_an_alert(api: Api) -> None:
    [alert] = await api.good("/api/v2/alerts", {"filter": 'namespace="a"'})
    assert alert == {
        "annotations": {"summary": "no answer"},
        "endsAt": "2027-01-15T08:06:00.000Z",
        "fingerprint": fingerprint(alert["labels"]),
        "receivers": [{"name": "default"}],
        "startsAt": "2027-01-15T08:01:00.000Z",
        "status": {"inhibitedBy": [], "silencedBy": [], "state": "active"},
        "updatedAt": "2027-01-15T08:02:00.000Z",
        "generatorURL": "http://prometheus/graph?g0.expr=probe+%3D%3D+0&g0.tab=1",
        "labels": {"alertname": "Down", "namespace": "a", "severity": "warning"},
    }


async def test_only_firing_alerts_and_the_lesser_ones_are_inhibited(api: Api) -> None:
    alerts = await api.good("/api/v2/alerts")
    assert ids(alerts) == [
        ("a", "warning", "active"),
        ("b", "critical", "active"),
        ("b", "warning", "suppressed"),
    ]
    assert [a["fingerprint"] for a in alerts] == sorted(a["fingerprint"] for a in alerts)
    shown = await api.good("/api/v2/alerts", {"inhibited": "false"})
    assert ids(shown) == [("a", "warning", "active"), ("b", "critical", "active")]
    hidden = await api.good("/api/v2/alerts", {"active": "false"})
    assert ids(hidden) == [("b", "warning", "suppressed")]


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["alertname=Down"], 3),
        (['alertname="Down"', "namespace=b"], 2),
        (['severity=~"crit.*"'], 1),
        (["severity!=critical"], 2),
        (['namespace!~"a|b"'], 0),
        (["none="], 3),
    ],
)
async def test_filters(api: Api, filters: list[str], count: int) -> None:
    found = await api.good("/api/v2/alerts", [("filter", text) for text in filters])
    assert len(found) == count


async def test_groups(api: Api) -> None:
    groups = await api.good("/api/v2/alerts/groups")
    assert [(g["labels"], g["receiver"], len(g["alerts"])) for g in groups] == [
        ({"namespace": "a"}, {"name": "default"}, 1),
        ({"namespace": "b"}, {"name": "default"}, 2),
    ]


def silence(**changes: Any) -> dict[str, Any]:
    return {
        "matchers": [{"name": "namespace", "value": "a", "isRegex": False}],
        "startsAt": "2027-01-15T08:00:00Z",
        "endsAt": "2027-01-15T09:00:00Z",
        "createdBy": "me",
        "comment": "known",
        **changes,
    }


async def test_a_silence_from_beginning_to_end(api: Api, clock: Clock) -> None:
    status, body = await api.ask("POST", "/api/v2/silences", json=silence())
    assert status == 200
    number = body["silenceID"]
    [kept] = await api.good("/api/v2/silences")
    assert kept == {
        "id": number,
        "status": {"state": "active"},
        "updatedAt": "2027-01-15T08:02:00.000Z",
        "comment": "known",
        "createdBy": "me",
        "endsAt": "2027-01-15T09:00:00.000Z",
        "matchers": [{"isEqual": True, "isRegex": False, "name": "namespace", "value": "a"}],
        "startsAt": "2027-01-15T08:02:00.000Z",
    }
    [muted] = await api.good("/api/v2/alerts", {"filter": "namespace=a"})
    assert muted["status"] == {"inhibitedBy": [], "silencedBy": [number], "state": "suppressed"}
    assert (
        await api.good("/api/v2/alerts", [("filter", "namespace=a"), ("silenced", "false")]) == []
    )
    assert await api.good("/api/v2/silences", {"filter": "namespace=b"}) == []
    assert (await api.ask("DELETE", f"/api/v2/silence/{number}"))[0] == 200
    assert (await api.good(f"/api/v2/silence/{number}"))["status"] == {"state": "expired"}
    [again] = await api.good("/api/v2/alerts", {"filter": "namespace=a"})
    assert again["status"]["state"] == "active"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    # as Alertmanager 0.25.0 answers
    [
        ("GET", "alerts?filter=foo", None, 400, "bad matcher format: foo"),
        ("POST", "silences", silence(matchers=[]), 422, {"code": 612, "message": "matchers in body should have at least 1 items"}),
        ("POST", "silences", silence(endsAt="2025-01-01T00:00:00Z"), 400, "Failed to create silence: start time must be before end time"),
        ("POST", "silences", {"matchers": []}, 422, {"code": 602, "message": "comment in body is required"}),
        ("GET", "silence/abc", None, 422, {"code": 601, "message": 'silenceID in path must be of type uuid: "abc"'}),
        ("GET", "silence/00000000-0000-4000-8000-000000000000", None, 404, ""),
        ("DELETE", "silence/00000000-0000-4000-8000-000000000000", None, 500, "silence not found"),
    ],
)  # fmt: skip
async def test_refusals(
    api: Api, method: str, path: str, body: Any, status: int, said: Any
) -> None:
    assert await api.ask(method, f"/api/v2/{path}", json=body) == (status, said)


async def test_about_the_server(api: Api) -> None:
    status = await api.good("/api/v2/status")
    assert set(status) == {"cluster", "config", "uptime", "versionInfo"}
    assert status["versionInfo"]["version"] == "0.25.0"
    assert "inhibit_rules" in status["config"]["original"]
    assert await api.good("/api/v2/receivers") == [{"name": "default"}]
    for path in ("/-/healthy", "/-/ready"):
        assert await api.good(path) == "OK"
