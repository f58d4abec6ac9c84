"""The PagerDuty connector against a loopback server that speaks its REST API v2."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.api.errors import SourceForbidden, SourceMissing
from connectors.pagerduty import PagerDutyIncidents, PagerDutySettings
from connectors.pagerduty.incidents import PagerDutyHistory
from tests.loopback.pagerduty_server import PagerDutyServer

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def incident(number: int, status: str, age: int, closed: int | None = None) -> dict[str, Any]:
    changed = NOW - timedelta(minutes=age if closed is None else closed)
    return {
        "id": f"P{number}",
        "incident_number": number,
        "title": f"Checkout fails {number}",
        "description": "",
        "status": status,
        "urgency": "high",
        "created_at": f"{NOW - timedelta(minutes=age):%FT%TZ}",
        "last_status_change_at": f"{changed:%FT%TZ}",
        "service": {"id": "S1" if number % 2 else "S2", "summary": "checkout"},
        "priority": {"summary": "P1"},
        "assignments": [{"assignee": {"summary": "Ada"}}, {"assignee": {"summary": "Bob"}}],
        "teams": [],
        "html_url": f"https://example.pagerduty.com/incidents/P{number}",
    }


INCIDENTS = [
    incident(1, "triggered", 10),
    incident(2, "acknowledged", 30),
    incident(3, "resolved", 120, closed=60),
]


async def test_open_incidents_now_and_then() -> None:
    async with PagerDutyServer(INCIDENTS) as server:
        source = PagerDutyIncidents(PagerDutySettings(server.url, token="key"))
        first, second = await source.alerts(NOW)
        assert (first.state, second.state) == ("acknowledged", "firing")
        assert second.name == "Checkout fails 1"
        assert second.labels == {
            "service": "checkout",
            "urgency": "high",
            "priority": "P1",
            "incident_number": "1",
        }
        assert second.annotations == {"assigned_to": "Ada, Bob"}
        assert (second.since, second.fingerprint) == (NOW - timedelta(minutes=10), "P1")
        assert second.url.endswith("/P1")
        # what is resolved by now was open then
        then = await source.alerts(NOW - timedelta(minutes=90))
        assert [alert.fingerprint for alert in then] == ["P3"]
        await source.close()


async def test_past_incidents_with_what_people_wrote() -> None:
    notes = [
        {"content": "fixed", "created_at": "2026-03-02T08:00:00Z"},
        {"content": "looking", "created_at": "2026-03-02T07:00:00Z"},
    ]
    async with PagerDutyServer(INCIDENTS, notes=notes) as server:
        source = PagerDutyIncidents(PagerDutySettings(server.url, token="key"))
        [past] = await source.resolved(NOW - timedelta(days=1), NOW)
        assert (past.fingerprint, past.state) == ("P3", "resolved")
        assert await source.notes("P3") == ["looking", "fixed"]
        with pytest.raises(SourceMissing, match="Not Found"):
            await source.notes("P9")
        await source.close()


async def test_all_pages_are_read() -> None:
    many = [incident(number, "triggered", 10) for number in range(250)]
    async with PagerDutyServer(many) as server:
        source = PagerDutyIncidents(PagerDutySettings(server.url, token="key"))
        assert len(await source.alerts(NOW)) == 250
        assert server.pages == 3
        only = PagerDutyIncidents(PagerDutySettings(server.url, token="key", services=("S2",)))
        assert len(await only.alerts(NOW)) == 125
        for each in (source, only):
            await each.close()


async def test_a_wrong_key(tmp_path: Any) -> None:
    async with PagerDutyServer(INCIDENTS) as server:
        source = PagerDutyIncidents(PagerDutySettings(server.url, token="other"))
        with pytest.raises(SourceForbidden, match=r"\(401, .*\): Unauthorized"):
            await source.alerts(NOW)
        [row] = await source.check()
        assert (row.ok, row.repair) == (False, "set credentials that may read")
        await source.close()
        # a file is read for each request, because keys are rotated
        file = tmp_path / "key"
        file.write_text("wrong\n")
        source = PagerDutyIncidents(PagerDutySettings(server.url, token_file=str(file)))
        with pytest.raises(SourceForbidden):
            await source.alerts(NOW)
        file.write_text("key\n")
        assert len(await source.alerts(NOW)) == 2
        await source.close()


async def test_doctor() -> None:
    async with PagerDutyServer(INCIDENTS) as server:
        source = PagerDutyIncidents(PagerDutySettings(server.url, token="key", services=("S9",)))
        good, bad = await source.check()
        assert (good.ok, "2 services" in good.detail) == (True, True)
        assert (bad.ok, bad.detail) == (False, "no service has the id S9")
        await source.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"username": "u"}, "an API key"),
        ({"lookback_days": 0}, "between 1 and 180"),
        ({"lookback_days": 181}, "between 1 and 180"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PagerDutySettings(**options)


async def test_resolved_incidents_become_documents() -> None:
    notes = [
        {"content": "The pool was too small; raised it.", "created_at": "2026-03-02T08:00:00Z"}
    ]
    async with PagerDutyServer(INCIDENTS, notes=notes) as server:
        account = PagerDutyIncidents(PagerDutySettings(server.url, token="key"))
        source = PagerDutyHistory(account, lambda: NOW)
        [document] = (await source.documents()).documents
        assert (document.path, document.kind) == ("P3.md", "incident")
        assert document.content == (
            "# Checkout fails 3\n\n## Notes\n\nThe pool was too small; raised it."
        )
        assert document.metadata["services"] == "checkout"
        assert document.metadata["date"] == "2026-03-02"
        assert all(row.ok for row in await source.check())
        await source.close()


async def test_an_incident_that_teaches_nothing_is_left_out() -> None:
    async with PagerDutyServer(INCIDENTS) as server:
        account = PagerDutyIncidents(PagerDutySettings(server.url, token="key"))
        source = PagerDutyHistory(account, lambda: NOW)
        found = await source.documents()
        assert (found.documents, found.skipped) == (
            (),
            (("1 incidents", "no notes and no description"),),
        )
        await source.close()
