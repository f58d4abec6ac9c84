"""A Tempo on loopback that speaks the HTTP API of version 2.6, over traces given as data.

It understands the TraceQL that is one spanset of conditions joined with `&&`, on the service name,
`name`, `status` and `duration`; anything else is refused as Tempo refuses it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_CONDITION = re.compile(
    r'(resource\.service\.name|name) = "((?:[^"\\]|\\.)*)"|status = (error|ok|unset)'
    r"|duration >= (\d+)us"
)


@dataclass(frozen=True)
class TempoSpan:
    """One span; times are Unix nanoseconds, ids hexadecimal."""

    trace: str
    id: str
    service: str
    name: str
    start: int
    end: int
    parent: str = ""
    error: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)


class TempoServer:
    """`spans` are served; `requests` are the paths that were asked for."""

    def __init__(self, spans: Iterable[TempoSpan]) -> None:
        self._spans = list(spans)
        self._runner: web.AppRunner | None = None
        self.requests: list[str] = []
        self.tenants: list[str] = []
        self.url = ""

    async def __aenter__(self) -> TempoServer:
        app = web.Application(middlewares=[self._note])
        app.router.add_get("/api/search", self._search)
        app.router.add_get("/api/traces/{id}", self._trace)
        app.router.add_get("/api/v2/search/tag/{tag}/values", self._values)
        app.router.add_get("/api/status/buildinfo", self._buildinfo)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @web.middleware
    async def _note(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(request.path)
        self.tenants.append(request.headers.get("X-Scope-OrgID", ""))
        response: web.StreamResponse = await handler(request)
        return response

    async def _search(self, request: web.Request) -> web.Response:
        wanted = _conditions(request.query.get("q", "{}"))
        start, end = int(request.query["start"]), int(request.query["end"])
        found: dict[str, TempoSpan] = {}
        for span in self._spans:
            if start * 10**9 <= span.start <= end * 10**9 and _matches(span, wanted):
                found.setdefault(span.trace, span)
        newest = sorted(found, key=lambda id: found[id].start, reverse=True)
        summaries = [self._summary(id) for id in newest[: int(request.query.get("limit", "20"))]]
        metrics = {"inspectedTraces": len(self._spans), "completedJobs": 1, "totalJobs": 1}
        return web.json_response({"traces": summaries, "metrics": metrics})

    def _summary(self, id: str) -> dict[str, Any]:
        spans = [span for span in self._spans if span.trace == id]
        root = next((span for span in spans if not span.parent), spans[0])
        return {
            "traceID": id,
            "rootServiceName": root.service,
            "rootTraceName": root.name,
            "startTimeUnixNano": str(root.start),
            "durationMs": (root.end - root.start) // 10**6,
        }

    async def _trace(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        spans = [span for span in self._spans if span.trace == id]
        if not spans:
            return web.Response(status=404, text="trace not found")
        batches = []
        for service in dict.fromkeys(span.service for span in spans):
            own = [_json(span) for span in spans if span.service == service]
            resource = {"attributes": [_attribute("service.name", service)]}
            scopes = [{"scope": {"name": "otel"}, "spans": own}]
            batches.append({"resource": resource, "scopeSpans": scopes})
        return web.json_response({"batches": batches})

    async def _values(self, request: web.Request) -> web.Response:
        tag = request.match_info["tag"]
        wanted = _conditions(request.query.get("q", "{}"))
        spans = [span for span in self._spans if _matches(span, wanted)]
        names = {span.service if tag == "resource.service.name" else span.name for span in spans}
        values = [{"type": "string", "value": name} for name in names]
        return web.json_response({"tagValues": values, "metrics": {}})

    async def _buildinfo(self, request: web.Request) -> web.Response:
        return web.json_response({"version": "v2.6.1", "revision": "e85bd", "goVersion": "go1.23"})


def _conditions(query: str) -> list[re.Match[str]]:
    inner = query.strip()[1:-1].strip()
    found = []
    for part in inner.split(" && ") if inner else ():
        match = _CONDITION.fullmatch(part)
        if match is None:
            text = f"invalid TraceQL query: parse error at line 1, col 3: syntax error: {part}"
            raise web.HTTPBadRequest(text=text)
        found.append(match)
    return found


def _matches(span: TempoSpan, wanted: list[re.Match[str]]) -> bool:
    for match in wanted:
        attribute, text, status, duration = match.groups()
        if attribute == "name" and span.name != text:
            return False
        if attribute == "resource.service.name" and span.service != text:
            return False
        if status and (status == "error") is not span.error:
            return False
        if duration and span.end - span.start < int(duration) * 1000:
            return False
    return True


def _json(span: TempoSpan) -> dict[str, Any]:
    body = {
        "traceId": _base64(span.trace),
        "spanId": _base64(span.id),
        "name": span.name,
        "kind": "SPAN_KIND_SERVER",
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": [_attribute(key, value) for key, value in span.attributes.items()],
        "status": {"code": "STATUS_CODE_ERROR"} if span.error else {},
    }
    if span.parent:
        body["parentSpanId"] = _base64(span.parent)
    return body


def _base64(number: str) -> str:
    return base64.b64encode(bytes.fromhex(number)).decode()


def _attribute(key: str, value: Any) -> dict[str, Any]:
    kind = {bool: "boolValue", int: "intValue", float: "doubleValue"}.get(
        type(value), "stringValue"
    )
    return {"key": key, "value": {kind: str(value) if kind == "intValue" else value}}
