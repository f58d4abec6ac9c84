"""The emulated Jaeger's query API, as `jaegertracing/all-in-one` 1.57 answers it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from eval.environments.emulator.telemetry.durations import go_duration
from eval.environments.emulator.telemetry.jaeger_json import to_json, trace_id
from eval.environments.emulator.telemetry.serving import LoopbackServer, mounted
from eval.environments.emulator.telemetry.traces import Trace, TraceQuery, TraceStore

_DEFAULT_LIMIT = 100
_SEARCH_LOOKBACK = 2 * 86_400 * 1_000_000
_DEPENDENCY_LOOKBACK_MS = 86_400 * 1000
_Handler = Callable[[web.Request], web.Response]


class JaegerError(Exception):
    """A request that Jaeger refuses, with its HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class JaegerServer(LoopbackServer):
    """Serves a `TraceStore`. `base_path` is Jaeger's --query.base-path ("/jaeger/ui"), and no part
    of the URL that `serve` returns; `now` gives Unix seconds.

    As in Jaeger, `lookback` bounds only /api/dependencies: a search takes `start` and `end`.
    """

    def __init__(self, store: TraceStore, now: Callable[[], float], *, base_path: str = "") -> None:
        self._store = store
        self._now = now
        app = web.Application()
        for path, handler in {
            "services": self._services,
            "services/{service}/operations": self._operation_names,
            "operations": self._operations,
            "traces": self._search,
            "traces/{trace}": self._trace,
            "dependencies": self._dependencies,
        }.items():
            app.router.add_get(f"/api/{path}", _answering(handler))
        super().__init__(mounted(app, base_path))

    def _services(self, request: web.Request) -> web.Response:
        found = self._store.services()
        return _answer(found or None, total=len(found))

    def _operation_names(self, request: web.Request) -> web.Response:
        pairs = self._store.operations(request.match_info["service"])
        names = sorted({name for name, _ in pairs})
        return _answer(names or None, total=len(names))

    def _operations(self, request: web.Request) -> web.Response:
        service = request.query.get("service", "")
        if not service:
            raise JaegerError(400, "parameter 'service' is required")
        pairs = self._store.operations(service, request.query.get("spanKind", ""))
        found = [{"name": name, "spanKind": kind} for name, kind in pairs]
        return _answer(found, total=len(found))

    def _search(self, request: web.Request) -> web.Response:
        query = request.query
        now = round(self._now() * 1_000_000)
        start = _integer(query, "start", now - _SEARCH_LOOKBACK)
        end = _integer(query, "end", now)
        tags = _tags(query.getall("tag", []), query.getall("tags", []))
        limit = _integer(query, "limit", _DEFAULT_LIMIT)
        shortest, longest = _milliseconds(query, "minDuration"), _milliseconds(query, "maxDuration")
        numbers = [_trace_id(text) for text in query.getall("traceID", [])]
        if not numbers and not query.get("service"):
            raise JaegerError(400, "parameter 'service' is required")
        if shortest and longest and longest < shortest:
            raise JaegerError(400, "'maxDuration' should be greater than 'minDuration'")
        if numbers:
            return self._by_ids(numbers)
        wanted = TraceQuery(
            service=query["service"],
            operation=query.get("operation", ""),
            start=start,
            end=end,
            min_ms=shortest,
            max_ms=longest,
            tags=tags,
            limit=max(0, limit),
        )
        return _answer([to_json(trace) for trace in self._store.find(wanted)])

    def _by_ids(self, numbers: list[str]) -> web.Response:
        found: list[Trace] = []
        errors = []
        for number in numbers:
            trace = self._store.trace(number)
            if trace is None:
                errors.append({"msg": "trace not found", "traceID": trace_id(number)})
            else:
                found.append(trace)
        return _answer([to_json(trace) for trace in found], errors=errors or None)

    def _trace(self, request: web.Request) -> web.Response:
        trace = self._store.trace(_trace_id(request.match_info["trace"]))
        if trace is None:
            raise JaegerError(404, "trace not found")
        return _answer([to_json(trace)])

    def _dependencies(self, request: web.Request) -> web.Response:
        end = _integer(request.query, "endTs", round(self._now() * 1000))
        lookback = _integer(request.query, "lookback", _DEPENDENCY_LOOKBACK_MS)
        service = request.query.get("service", "")
        links = self._store.dependencies((end - lookback) * 1000, end * 1000)
        found = [
            {"parent": parent, "child": child, "callCount": count}
            for (parent, child), count in links.items()
            if service in ("", parent, child)
        ]
        return _answer(found)


def _answering(handler: _Handler) -> Callable[[web.Request], Any]:
    async def respond(request: web.Request) -> web.Response:
        try:
            return handler(request)
        except JaegerError as error:
            errors = [{"code": error.status, "msg": str(error)}]
            return _answer(None, errors=errors, status=error.status)

    return respond


def _answer(data: Any, *, total: int = 0, errors: Any = None, status: int = 200) -> web.Response:
    body = {"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}
    return web.json_response(body, status=status)


def _integer(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    try:
        return int(text)
    except ValueError as error:
        why = f'strconv.ParseInt: parsing "{text}": invalid syntax'
        raise JaegerError(400, f"unable to parse param '{name}': {why}") from error


def _milliseconds(query: Mapping[str, str], name: str) -> float:
    text = query.get(name, "")
    if not text:
        return 0.0
    try:
        return go_duration(text) * 1000
    except ValueError as error:
        raise JaegerError(400, f"unable to parse param '{name}': {error}") from error


def _tags(simple: list[str], objects: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in simple:
        key, colon, value = tag.partition(":")
        if not colon:
            raise JaegerError(
                400, f"malformed 'tag' parameter, expecting key:value, received: {tag}"
            )
        found[key] = value
    for text in objects:
        refused = "malformed 'tags' parameter, cannot unmarshal JSON: "
        try:
            values = json.loads(text)
        except ValueError as error:
            raise JaegerError(400, f"{refused}{error}") from error
        if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
            raise JaegerError(400, f"{refused}expected an object of strings")
        found.update(values)
    return found


def _trace_id(text: str) -> str:
    if len(text) > 32:
        raise JaegerError(400, f"TraceID cannot be longer than 32 hex characters: {text}")
    try:
        return f"{int(text, 16):032x}"
    except ValueError as error:
        why = f'strconv.ParseUint: parsing "{text}": invalid syntax'
        raise JaegerError(400, why) from error
