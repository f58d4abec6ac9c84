"""The emulated Loki's HTTP API, as version 2.9 answers it without tenants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from aiohttp import web

from eval.environments.emulator.telemetry.logql import LogQLError, parse, parse_selector
from eval.environments.emulator.telemetry.logql import ast as logql
from eval.environments.emulator.telemetry.logql.evaluate import Read, Streams, logs, metrics
from eval.environments.emulator.telemetry.logs import Labels
from eval.environments.emulator.telemetry.loki_params import LokiParams
from eval.environments.emulator.telemetry.promql.formats import api_value
from eval.environments.emulator.telemetry.serving import LoopbackServer

Json = dict[str, Any]
_Respond = Callable[[web.Request], Awaitable[web.Response]]


class LokiServer(LoopbackServer):
    """Serves container logs; `now` gives Unix seconds."""

    def __init__(self, store: Streams, now: Callable[[], float]) -> None:
        self._logs = store
        self._now = now
        app = web.Application()
        for path, handler in {
            "query": self._query,
            "query_range": self._query_range,
            "labels": self._labels,
            "label": self._labels,
            "label/{name}/values": self._values,
            "series": self._series,
        }.items():
            app.router.add_get(f"/loki/api/v1/{path}", self._answering(handler))
            app.router.add_post(f"/loki/api/v1/{path}", self._answering(handler))
        app.router.add_get("/loki/api/v1/status/buildinfo", _buildinfo)
        app.router.add_get("/ready", _ready)
        super().__init__(app)

    def _answering(self, handler: Callable[[web.Request, LokiParams], Any]) -> _Respond:
        async def respond(request: web.Request) -> web.Response:
            form = await request.post() if request.method == "POST" else {}
            values: dict[str, list[str]] = {}
            for name, value in [*form.items(), *request.query.items()]:
                if isinstance(value, str):
                    values.setdefault(name, []).append(value)
            params = LokiParams(values, round(self._now() * 1000) * 1_000_000)
            try:
                body = handler(request, params)
            except LogQLError as error:
                return web.Response(text=f"{error}\n", status=400)
            return web.json_response(body)

        return respond

    def _query(self, request: web.Request, params: LokiParams) -> Json:
        query = parse(params.text("query"))
        at = params.time("time", params.now)
        params.limit()
        if isinstance(query, logql.LogQuery):
            raise LogQLError(
                "log queries are not supported as an instant query type, "
                "please change your query to a range query type"
            )
        rows = [
            {"metric": dict(key), "value": [at // 1_000_000 / 1000, api_value(float(values[0]))]}
            for key, values in metrics(query, self._logs, np.array([at], dtype=np.int64))
        ]
        return _data("vector", rows, Read(0, 0), len(rows))

    def _query_range(self, request: web.Request, params: LokiParams) -> Json:
        query = parse(params.text("query"))
        start, end = params.bounds()
        limit, backward, step = params.limit(), params.backward(), params.step(start, end)
        if isinstance(query, logql.LogQuery):
            found, read = logs(query, self._logs, start, end, limit, backward=backward)
            rows = [
                {"stream": dict(key), "values": [[str(at), line] for at, line in entries]}
                for key, entries in found
            ]
            return _data("streams", rows, read, sum(len(row["values"]) for row in rows))
        times = np.arange(start, end + 1, step, dtype=np.int64)
        series = [
            {
                "metric": dict(key),
                "values": [
                    [at // 1_000_000 / 1000, api_value(value)]
                    for at, value in zip(times.tolist(), values.tolist(), strict=True)
                    if value == value
                ],
            }
            for key, values in metrics(query, self._logs, times)
        ]
        return _data("matrix", series, Read(0, 0), len(series))

    def _labels(self, request: web.Request, params: LokiParams) -> Json:
        found = self._streams(params, *params.all("query"))
        return _listed(sorted({name for labels in found for name in labels}))

    def _values(self, request: web.Request, params: LokiParams) -> Json:
        name = request.match_info["name"]
        found = self._streams(params, *params.all("query"))
        return _listed(sorted({labels[name] for labels in found if labels.get(name)}))

    def _series(self, request: web.Request, params: LokiParams) -> Json:
        selectors = params.all("match[]", "match")
        if not selectors:
            raise LogQLError("0 matcher groups supplied")
        return {"status": "success", "data": self._streams(params, *selectors)}

    def _streams(self, params: LokiParams, *selectors: str) -> list[Labels]:
        """Return the labels of streams with lines in the period that any selector chooses."""
        start, end = params.bounds()
        found: dict[tuple[tuple[str, str], ...], Labels] = {}
        for matchers in [parse_selector(text) for text in selectors] or [()]:
            for labels, _ in self._logs.select(matchers, start, end):
                found[tuple(sorted(labels.items()))] = labels
        return [labels for _, labels in sorted(found.items())]


def _listed(data: list[str]) -> Json:
    return {"status": "success", "data": data} if data else {"status": "success"}


def _data(kind: str, rows: list[Any], read: Read, returned: int) -> Json:
    """Put a result into the API's envelope. Nothing here depends on how fast the machine is."""
    store = {
        "totalChunksRef": 0,
        "totalChunksDownloaded": 0,
        "chunksDownloadTime": 0,
        "chunk": {
            "headChunkBytes": 0,
            "headChunkLines": 0,
            "decompressedBytes": read.bytes,
            "decompressedLines": read.lines,
            "compressedBytes": 0,
            "totalDuplicates": 0,
        },
    }
    stats = {
        "summary": {
            "bytesProcessedPerSecond": 0,
            "linesProcessedPerSecond": 0,
            "totalBytesProcessed": read.bytes,
            "totalLinesProcessed": read.lines,
            "execTime": 0,
            "queueTime": 0,
            "subqueries": 0,
            "totalEntriesReturned": returned,
        },
        "querier": {"store": store},
        "ingester": {
            "totalReached": 1,
            "totalChunksMatched": 0,
            "totalBatches": 0,
            "totalLinesSent": 0,
            "store": store,
        },
    }
    return {"status": "success", "data": {"resultType": kind, "result": rows, "stats": stats}}


async def _ready(request: web.Request) -> web.Response:
    return web.Response(text="ready\n")


async def _buildinfo(request: web.Request) -> web.Response:
    body = {
        "version": "2.9.8",
        "revision": "emulated",
        "branch": "HEAD",
        "buildUser": "emulator",
        "buildDate": "2025-01-01T00:00:00Z",
        "goVersion": "",
    }
    return web.json_response(body)
