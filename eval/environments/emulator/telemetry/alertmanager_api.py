"""The emulated Alertmanager's API v2, as version 0.25 answers it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from eval.environments.emulator.telemetry.alerting import Alerting
from eval.environments.emulator.telemetry.alerting.json import moment_json
from eval.environments.emulator.telemetry.alerting.matching import (
    Silence,
    Silences,
    fingerprint,
    inhibitors,
    parse_matcher,
)
from eval.environments.emulator.telemetry.alerting.states import Alert
from eval.environments.emulator.telemetry.matchers import Matcher, MatchOp
from eval.environments.emulator.telemetry.serving import LoopbackServer

Json = dict[str, Any]
_Handler = Callable[[web.Request], Awaitable[web.Response]]

RECEIVER = "default"
GROUP_BY = ("namespace",)
_SEND_SECONDS = 60
_VALID_SECONDS = 240
_TRUE = ("1", "true", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled")
_CONFIG = f"""\
global:
  resolve_timeout: 5m
route:
  receiver: {RECEIVER}
  group_by:
  - {GROUP_BY[0]}
  continue: false
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 12h
inhibit_rules:
- source_matchers:
  - severity="critical"
  target_matchers:
  - severity=~"warning|info"
  equal: [namespace, alertname]
- source_matchers:
  - severity="warning"
  target_matchers:
  - severity="info"
  equal: [namespace, alertname]
receivers:
- name: {RECEIVER}
templates: []
"""


class AlertmanagerServer(LoopbackServer):
    """Serves the firing alerts of `alerting`, with silences; `now` gives Unix seconds.

    `prometheus_url` is where the alerts' generatorURL points.
    """

    def __init__(
        self, alerting: Alerting, now: Callable[[], float], *, prometheus_url: str = ""
    ) -> None:
        self._alerting = alerting
        self._now = now
        self._prometheus = prometheus_url.rstrip("/")
        self._silences = Silences(now)
        self._started = now()
        app = web.Application()
        get, post, delete = app.router.add_get, app.router.add_post, app.router.add_delete
        get("/api/v2/alerts", _answering(self._alerts))
        get("/api/v2/alerts/groups", _answering(self._groups))
        get("/api/v2/status", _answering(self._status))
        get("/api/v2/receivers", _answering(self._receivers))
        get("/api/v2/silences", _answering(self._list))
        post("/api/v2/silences", _answering(self._post))
        get("/api/v2/silence/{id}", _answering(self._get))
        delete("/api/v2/silence/{id}", _answering(self._delete))
        get("/-/healthy", _answering(_ok))
        get("/-/ready", _answering(_ok))
        super().__init__(app)

    async def _alerts(self, request: web.Request) -> web.Response:
        return web.json_response(self._chosen(request))

    async def _groups(self, request: web.Request) -> web.Response:
        groups: dict[tuple[tuple[str, str], ...], list[Json]] = {}
        for alert in self._chosen(request):
            labels = alert["labels"]
            key = tuple((name, labels[name]) for name in GROUP_BY if name in labels)
            groups.setdefault(key, []).append(alert)
        body = [
            {"alerts": alerts, "labels": dict(key), "receiver": {"name": RECEIVER}}
            for key, alerts in sorted(groups.items())
        ]
        return web.json_response(body)

    async def _status(self, request: web.Request) -> web.Response:
        body = {
            "cluster": {"peers": [], "status": "disabled"},
            "config": {"original": _CONFIG},
            "uptime": _moment(self._started),
            "versionInfo": {
                "branch": "HEAD",
                "buildDate": "20250101-00:00:00",
                "buildUser": "emulator",
                "goVersion": "go1.19.8",
                "revision": "emulated",
                "version": "0.25.0",
            },
        }
        return web.json_response(body)

    async def _receivers(self, request: web.Request) -> web.Response:
        return web.json_response([{"name": RECEIVER}])

    async def _list(self, request: web.Request) -> web.Response:
        wanted = _matchers(request)
        now = self._now()
        found = [
            _silence_json(silence, now)
            for silence in self._silences.all()
            if all(any(_same(own, each) for own in silence.matchers) for each in wanted)
        ]
        return web.json_response(found)

    async def _post(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
        except ValueError as error:
            why = f'parsing silence body from "" failed, because {error}'
            return web.json_response({"code": 400, "message": why}, status=400)
        silence = _read_silence(body)
        try:
            number = self._silences.put(silence)
        except KeyError:
            return web.json_response("silence not found", status=404)
        except ValueError as error:
            return web.json_response(f"Failed to create silence: {error}", status=400)
        return web.json_response({"silenceID": number})

    async def _get(self, request: web.Request) -> web.Response:
        try:
            silence = self._silences.get(_silence_id(request))
        except KeyError:
            return web.Response(status=404)
        return web.json_response(_silence_json(silence, self._now()))

    async def _delete(self, request: web.Request) -> web.Response:
        try:
            self._silences.expire(_silence_id(request))
        except KeyError:
            return web.json_response("silence not found", status=500)
        return web.Response()

    def _chosen(self, request: web.Request) -> list[Json]:
        """Return the firing alerts that a request's filters let through, by fingerprint."""
        wanted = _matchers(request)
        receiver = request.query.get("receiver", "")
        if receiver and not re.fullmatch(receiver, RECEIVER):
            return []
        shown = {name: _flag(request, name) for name in ("active", "silenced", "inhibited")}
        self._alerting.catch_up()
        firing = [
            (state.rule.expression, alert)
            for state in self._alerting.rules
            for alert in state.alerts
            if alert.fired
        ]
        others = [alert.labels for _, alert in firing]
        found: dict[str, Json] = {}
        for expression, alert in firing:
            silenced = self._silences.muting(alert.labels)
            inhibited = inhibitors(alert.labels, others)
            if not shown["active"] and not silenced and not inhibited:
                continue
            if (silenced and not shown["silenced"]) or (inhibited and not shown["inhibited"]):
                continue
            if all(matcher.accepts(alert.labels) for matcher in wanted):
                body = self._json(alert, expression, silenced, inhibited)
                found[body["fingerprint"]] = body
        return [found[number] for number in sorted(found)]

    def _json(
        self, alert: Alert, expression: str, silenced: list[str], inhibited: list[str]
    ) -> Json:
        # Prometheus sends a firing alert again every minute
        sent = (
            alert.fired + (self._alerting.evaluated - alert.fired) // _SEND_SECONDS * _SEND_SECONDS
        )
        graph = urlencode({"g0.expr": expression, "g0.tab": "1"})
        return {
            "annotations": dict(alert.annotations),
            "endsAt": _moment(sent + _VALID_SECONDS),
            "fingerprint": fingerprint(alert.labels),
            "receivers": [{"name": RECEIVER}],
            "startsAt": _moment(alert.fired),
            "status": {
                "inhibitedBy": inhibited,
                "silencedBy": silenced,
                "state": "suppressed" if silenced or inhibited else "active",
            },
            "updatedAt": _moment(sent),
            "generatorURL": f"{self._prometheus}/graph?{graph}",
            "labels": dict(alert.labels),
        }


async def _ok(request: web.Request) -> web.Response:
    return web.Response(text="OK")


class _Refused(Exception):
    """A request that Alertmanager refuses, with its status and body."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(str(body))
        self.status, self.body = status, body


def _answering(handler: _Handler) -> _Handler:
    async def respond(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except _Refused as error:
            return web.json_response(error.body, status=error.status)

    return respond


def _invalid(code: int, text: str) -> _Refused:
    return _Refused(422, {"code": code, "message": text})


def _flag(request: web.Request, name: str) -> bool:
    text = request.query.get(name, "")
    return not text or text.lower() in _TRUE


def _matchers(request: web.Request) -> list[Matcher]:
    try:
        found = [parse_matcher(text) for text in request.query.getall("filter", [])]
        for matcher in found:
            matcher.matches("")
    except ValueError as error:
        raise _Refused(400, str(error)) from error
    return found


def _same(own: Matcher, wanted: Matcher) -> bool:
    return own.name == wanted.name and wanted.matches(own.value)


def _silence_id(request: web.Request) -> str:
    text = request.match_info["id"]
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise _invalid(601, f'silenceID in path must be of type uuid: "{text}"') from error


def _read_silence(body: Any) -> Silence:
    if not isinstance(body, dict):
        raise _Refused(400, {"code": 400, "message": "the silence must be an object"})
    for name in ("comment", "createdBy", "endsAt", "matchers", "startsAt"):
        if name not in body:
            raise _invalid(602, f"{name} in body is required")
    if not body["matchers"]:
        raise _invalid(612, "matchers in body should have at least 1 items")
    try:
        matchers = tuple(_read_matcher(item) for item in body["matchers"])
        starts = datetime.fromisoformat(body["startsAt"]).timestamp()
        ends = datetime.fromisoformat(body["endsAt"]).timestamp()
    except (KeyError, TypeError, ValueError) as error:
        raise _invalid(601, f"the silence cannot be read: {error}") from error
    return Silence(
        str(body.get("id", "")), matchers, starts, ends, body["createdBy"], body["comment"], 0.0
    )


def _read_matcher(item: Json) -> Matcher:
    equal = item.get("isEqual", True)
    if item["isRegex"]:
        op = MatchOp.REGEX if equal else MatchOp.NOT_REGEX
    else:
        op = MatchOp.EQUAL if equal else MatchOp.NOT_EQUAL
    matcher = Matcher(str(item["name"]), op, str(item["value"]))
    matcher.matches("")
    return matcher


def _silence_json(silence: Silence, now: float) -> Json:
    return {
        "id": silence.id,
        "status": {"state": silence.state(now)},
        "updatedAt": _moment(silence.updated),
        "comment": silence.comment,
        "createdBy": silence.author,
        "endsAt": _moment(silence.ends),
        "matchers": [
            {
                "isEqual": matcher.op in (MatchOp.EQUAL, MatchOp.REGEX),
                "isRegex": matcher.op in (MatchOp.REGEX, MatchOp.NOT_REGEX),
                "name": matcher.name,
                "value": matcher.value,
            }
            for matcher in silence.matchers
        ],
        "startsAt": _moment(silence.starts),
    }


def _moment(at: float) -> str:
    """Write a time as Alertmanager does: always with milliseconds."""
    base, _, fraction = moment_json(at).rstrip("Z").partition(".")
    return f"{base}.{fraction[:3]:0<3}Z"
