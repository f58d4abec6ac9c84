"""PagerDuty as a source of alerts, and of past incidents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from connectors.api.errors import ConnectorError
from connectors.api.health import failed
from connectors.api.http import HttpClient, Value
from connectors.api.http_failures import malformed
from connectors.api.values import Alert, Check, Json
from connectors.pagerduty.results import closed_at, to_alert
from connectors.pagerduty.settings import PagerDutySettings

_PAGE = 100
_MAX_PAGES = 20


class PagerDutyIncidents:
    """Incidents of one account, by the REST API v2. Fits `AlertSource`."""

    def __init__(self, settings: PagerDutySettings) -> None:
        self._settings = settings
        self._http = HttpClient(settings, {"Accept": "application/vnd.pagerduty+json;version=2"})

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"pagerduty ({self._settings.url})"

    async def alerts(self, at: datetime) -> list[Alert]:
        """Return the incidents that are open at an instant, the oldest first."""
        since = at - timedelta(days=self._settings.lookback_days)
        found = []
        for item, alert in await self._incidents(since, at + timedelta(seconds=1)):
            closed = closed_at(item)
            if alert.since <= at and (closed is None or closed > at):
                found.append(alert)
        return sorted(found, key=lambda alert: (alert.since, alert.fingerprint))

    async def resolved(self, start: datetime, end: datetime) -> list[Alert]:
        """Return the resolved incidents that began in [start, end), the oldest first."""
        rows = await self._incidents(start, end, ("resolved",))
        return sorted((alert for _, alert in rows), key=lambda each: (each.since, each.fingerprint))

    async def notes(self, incident: str) -> list[str]:
        """Return what people wrote into an incident, the oldest first."""
        body = await self._http.get(f"/incidents/{quote(incident, safe='')}/notes")
        try:
            notes = sorted(body["notes"], key=lambda note: str(note.get("created_at", "")))
            return [str(note["content"]) for note in notes]
        except (KeyError, TypeError, AttributeError) as error:
            raise self._malformed("a note of another shape") from error

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        try:
            body = await self._http.get("/services", {"limit": _PAGE})
            names = [str(item["name"]) for item in body["services"]]
        except ConnectorError as error:
            return [failed("pagerduty", error)]
        except (KeyError, TypeError):
            return [failed("pagerduty", self._malformed("services of another shape"))]
        rows = [Check("pagerduty", True, f"{self.name}, {len(names)} services")]
        known = {str(item.get("id")) for item in body["services"]}
        unknown = [id for id in self._settings.services if id not in known]
        if unknown and not body.get("more"):
            repair = "take the ids from the services' URLs"
            detail = f"no service has the id {', '.join(unknown)}"
            return [*rows, Check("pagerduty services", False, detail, repair)]
        return rows

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _incidents(
        self,
        since: datetime,
        until: datetime,
        statuses: Sequence[str] = ("triggered", "acknowledged", "resolved"),
    ) -> list[tuple[Json, Alert]]:
        """Return the incidents that began in a period, page by page, 2,000 at most."""
        params: list[tuple[str, Value]] = [
            ("since", _iso(since)),
            ("until", _iso(until)),
            ("limit", _PAGE),
            *[("statuses[]", status) for status in statuses],
            *[("service_ids[]", service) for service in self._settings.services],
        ]
        found: list[tuple[Json, Alert]] = []
        for page in range(_MAX_PAGES):
            body: Any = await self._http.get("/incidents", [*params, ("offset", page * _PAGE)])
            try:
                found += [(item, to_alert(item)) for item in body["incidents"]]
                more = bool(body.get("more"))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise self._malformed("an incident of another shape") from error
            if not more:
                break
        return found

    def _malformed(self, why: str) -> ConnectorError:
        return malformed("PagerDuty", self._settings.url, why)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
