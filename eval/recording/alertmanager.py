"""The recorded alerts, as Alertmanager's API v2 gives them."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from connectors.api.values import Json
from eval.environments.emulator.telemetry.alerting.matching import fingerprint, parse_matcher
from eval.environments.emulator.telemetry.serving import LoopbackServer
from eval.recording.schema import AlertLine, moment
from eval.recording.scope import Recorded


class RecordedAlerts(LoopbackServer):
    """Serves alerts and the version; everything else is not there, and silences cannot be made."""

    def __init__(self, alerts: Sequence[AlertLine], recorded: Recorded) -> None:
        self._alerts, self._recorded = alerts, recorded
        app = web.Application()
        app.router.add_get("/api/v2/alerts", self._list)
        app.router.add_get("/api/v2/status", self._status)
        super().__init__(app)

    async def _list(self, request: web.Request) -> web.Response:
        try:
            wanted = [parse_matcher(text) for text in request.query.getall("filter", [])]
        except ValueError as error:
            return web.json_response(str(error), status=400)
        why = self._recorded.labels(wanted)
        if why:
            return web.json_response(why, status=400)
        found = [a for a in self._alerts if all(m.accepts(a.labels) for m in wanted)]
        return web.json_response([_json(alert) for alert in found])

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response({"versionInfo": {"version": "replayed"}, "cluster": {}})


def _json(alert: AlertLine) -> Json:
    labels = {"alertname": alert.name, **alert.labels}
    state = "suppressed" if alert.state in ("suppressed", "acknowledged") else "active"
    return {
        "annotations": alert.annotations,
        "fingerprint": alert.fingerprint or fingerprint(labels),
        "receivers": [],
        "startsAt": moment(alert.since),
        "updatedAt": moment(alert.since),
        "status": {"inhibitedBy": [], "silencedBy": [], "state": state},
        "generatorURL": alert.url,
        "labels": labels,
    }
