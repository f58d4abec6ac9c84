"""Tempo as a source of traces."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connectors.api.errors import ConnectorError, SourceMissing
from connectors.api.health import failed
from connectors.api.http import HttpClient, Value
from connectors.api.http_failures import malformed
from connectors.api.values import Check, Dependency, Trace
from connectors.tempo.results import to_trace
from connectors.tempo.settings import TempoSettings


class TempoTraces:
    """Traces of one Tempo (2.4 or newer: TraceQL and tag values by scope). Fits `TraceSource`.

    A search gives only summaries, so that each trace found costs one more request.
    """

    def __init__(self, settings: TempoSettings) -> None:
        self._settings = settings
        tenant = {"X-Scope-OrgID": settings.tenant} if settings.tenant else {}
        self._http = HttpClient(settings, tenant)

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"tempo ({self._settings.url})"

    async def services(self) -> list[str]:
        """Return the names of the services that send spans."""
        return await self._values("resource.service.name", "")

    async def operations(self, service: str) -> list[str]:
        """Return the names of a service's spans."""
        return await self._values("name", f"{{ {_service(service)} }}")

    async def traces(
        self,
        service: str,
        start: datetime,
        end: datetime,
        *,
        operation: str = "",
        errors_only: bool = False,
        min_duration_ms: float = 0.0,
        limit: int = 20,
    ) -> list[Trace]:
        """Return the newest `limit` traces with a matching span of the service, newest first."""
        conditions = [_service(service)]
        if operation:
            conditions.append(f"name = {_quoted(operation)}")
        if errors_only:
            conditions.append("status = error")
        if min_duration_ms > 0:
            conditions.append(f"duration >= {round(min_duration_ms * 1000)}us")
        return await self._search(f"{{ {' && '.join(conditions)} }}", start, end, limit)

    async def trace(self, id: str) -> Trace:
        """Return one trace. Raises `SourceMissing` for an id that is not kept."""
        try:
            body = await self._http.get(f"/api/traces/{quote(id, safe='')}")
        except SourceMissing as error:
            raise SourceMissing(f"Tempo at {self._settings.url} has no trace {id}") from error
        try:
            return to_trace(body, id)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._malformed("a trace of another shape") from error

    async def dependencies(self, start: datetime, end: datetime) -> list[Dependency]:
        """Return which services call which, counted in a sample of the newest traces."""
        found = await self._search("{}", start, end, self._settings.sampled_traces)
        counts: Counter[tuple[str, str]] = Counter()
        for trace in found:
            owner = {span.id: span.service for span in trace.spans}
            for span in trace.spans:
                caller = owner.get(span.parent, span.service)
                if caller != span.service:
                    counts[caller, span.service] += 1
        return [Dependency(*pair, count, sampled=True) for pair, count in sorted(counts.items())]

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        try:
            names = await self.services()
        except ConnectorError as error:
            return [failed("tempo", error)]
        rows = [Check("tempo", True, f"{self.name}, version {await self._version()}")]
        if not names:
            repair = "have the services send spans, and raise the sampling rate if it is near 0"
            return [*rows, Check("tempo services", False, "no service sends spans", repair)]
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        return [*rows, Check("tempo services", True, f"{len(names)} services ({shown})")]

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _search(self, query: str, start: datetime, end: datetime, limit: int) -> list[Trace]:
        params: dict[str, Value] = {
            "q": query,
            "start": int(start.timestamp()),
            # whole seconds: the one that has begun belongs to the period
            "end": int(end.timestamp()) + 1,
            "limit": limit,
        }
        body = await self._http.get("/api/search", params)
        if not isinstance(body, dict):
            raise self._malformed("JSON of another shape")
        rows = body.get("traces")
        if rows is not None and not isinstance(rows, list):
            raise self._malformed("the traces are no list")
        try:
            ids = [str(row["traceID"]) for row in rows or ()]
        except (KeyError, TypeError) as error:
            raise self._malformed("a summary of another shape") from error
        results = await asyncio.gather(*map(self._kept, ids))
        found = [trace for trace in results if trace is not None]
        return sorted(found, key=lambda trace: trace.root.start, reverse=True)[:limit]

    async def _kept(self, id: str) -> Trace | None:
        """Return a trace; one that went since the search is none."""
        try:
            return await self.trace(id)
        except SourceMissing:
            return None

    async def _values(self, tag: str, query: str) -> list[str]:
        params = {"q": query} if query else {}
        body = await self._http.get(f"/api/v2/search/tag/{tag}/values", params)
        try:
            return sorted({str(row["value"]) for row in body.get("tagValues") or ()})
        except (KeyError, TypeError, AttributeError) as error:
            raise self._malformed("tag values of another shape") from error

    async def _version(self) -> str:
        """Return the version; a hosted Tempo may not tell."""
        try:
            body: Any = await self._http.get("/api/status/buildinfo")
        except ConnectorError:
            return "unknown"
        return str(body.get("version", "unknown")) if isinstance(body, dict) else "unknown"

    def _malformed(self, why: str) -> ConnectorError:
        return malformed("Tempo", self._settings.url, why)


def _service(name: str) -> str:
    return f"resource.service.name = {_quoted(name)}"


def _quoted(text: str) -> str:
    """Write a TraceQL string."""
    return json.dumps(text, ensure_ascii=False)
