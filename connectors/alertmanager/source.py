"""Alertmanager as a source of alerts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.alertmanager.settings import AlertmanagerSettings
from connectors.api.errors import ConnectorError
from connectors.api.health import failed
from connectors.api.http import HttpClient
from connectors.api.http_failures import malformed
from connectors.api.values import Alert, AlertState, Check


class AlertmanagerAlerts:
    """Alerts of one Alertmanager, by its API v2. Fits `AlertSource`."""

    def __init__(self, settings: AlertmanagerSettings) -> None:
        self._settings = settings
        self._http = HttpClient(settings)

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"alertmanager ({self._settings.url})"

    async def alerts(self, at: datetime) -> list[Alert]:
        """Return the present alerts that had begun by then, the oldest first.

        Alertmanager forgets an alert that is resolved. Silenced and inhibited ones are "suppressed".
        """
        params = [("filter", matcher) for matcher in self._settings.matchers]
        body = await self._http.get("/api/v2/alerts", params)
        if not isinstance(body, list):
            raise self._malformed("no list")
        try:
            found = [_alert(item) for item in body]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._malformed("an alert of another shape") from error
        begun = [alert for alert in found if alert.since <= at]
        return sorted(begun, key=lambda alert: (alert.since, alert.name, alert.fingerprint))

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        try:
            status = await self._http.get("/api/v2/status")
            present = await self.alerts(datetime.max.replace(tzinfo=UTC))
        except ConnectorError as error:
            return [failed("alertmanager", error)]
        about = status.get("versionInfo") if isinstance(status, dict) else None
        version = about.get("version", "unknown") if isinstance(about, dict) else "unknown"
        firing = sum(alert.state == "firing" for alert in present)
        rows = [Check("alertmanager", True, f"{self.name}, version {version}")]
        return [*rows, Check("alerts", True, f"{len(present)} alerts, {firing} of them firing")]

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    def _malformed(self, why: str) -> ConnectorError:
        return malformed("Alertmanager", self._settings.url, why)


def _alert(item: Mapping[str, Any]) -> Alert:
    labels = {str(name): str(value) for name, value in item["labels"].items()}
    state: AlertState = "suppressed" if item["status"]["state"] == "suppressed" else "firing"
    return Alert(
        name=labels.get("alertname", ""),
        state=state,
        labels=labels,
        annotations={str(k): str(v) for k, v in (item.get("annotations") or {}).items()},
        since=datetime.fromisoformat(item["startsAt"]),
        fingerprint=str(item["fingerprint"]),
        url=str(item.get("generatorURL", "")),
    )
