"""Jaeger as a source of traces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connectors.api.errors import ConnectorError, SourceMissing
from connectors.api.health import failed
from connectors.api.http import HttpClient, Params, Value
from connectors.api.http_failures import malformed
from connectors.api.values import Check, Dependency, Trace
from connectors.jaeger.results import microseconds, to_trace
from connectors.jaeger.settings import JaegerSettings


class JaegerTraces:
    """Traces of one Jaeger (its JSON API, which 1.x and 2.x serve). Fits `TraceSource`."""

    def __init__(self, settings: JaegerSettings) -> None:
        self._settings = settings
        self._http = HttpClient(settings)

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"jaeger ({self._settings.url})"

    async def services(self) -> list[str]:
        """Return the names of the services that send spans."""
        return sorted(str(name) for name in await self._data("/api/services"))

    async def operations(self, service: str) -> list[str]:
        """Return the names of a service's spans."""
        found = await self._data(f"/api/services/{quote(service, safe='')}/operations")
        return sorted(str(name) for name in found)

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
        params: dict[str, Value] = {
            "service": service,
            "start": microseconds(start),
            "end": microseconds(end),
            "limit": limit,
        }
        if operation:
            params["operation"] = operation
        if errors_only:
            params["tags"] = '{"error":"true"}'
        if min_duration_ms > 0:
            params["minDuration"] = f"{round(min_duration_ms * 1000)}us"
        found = self._traces(await self._data("/api/traces", params))
        return sorted(found, key=lambda trace: trace.root.start, reverse=True)[:limit]

    async def trace(self, id: str) -> Trace:
        """Return one trace. Raises `SourceMissing` for an id that is not kept."""
        found = self._traces(await self._data(f"/api/traces/{quote(id, safe='')}"))
        if not found:
            raise SourceMissing(f"Jaeger at {self._settings.url} has no trace {id}")
        return found[0]

    async def dependencies(self, start: datetime, end: datetime) -> list[Dependency]:
        """Return which services call which, by name."""
        # Jaeger counts whole milliseconds here
        params = {
            "endTs": microseconds(end) // 1000,
            "lookback": max(1, (microseconds(end) - microseconds(start)) // 1000),
        }
        rows = await self._data("/api/dependencies", params)
        try:
            found = [Dependency(row["parent"], row["child"], int(row["callCount"])) for row in rows]
        except (KeyError, TypeError, ValueError) as error:
            raise self._malformed("a dependency of another shape") from error
        return sorted(found, key=lambda each: (each.caller, each.callee))

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        try:
            names = await self.services()
        except ConnectorError as error:
            return [failed("jaeger", error)]
        rows = [Check("jaeger", True, self.name)]
        if not names:
            repair = "have the services send spans, and raise the sampling rate if it is near 0"
            return [*rows, Check("jaeger services", False, "no service sends spans", repair)]
        shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        return [*rows, Check("jaeger services", True, f"{len(names)} services ({shown})")]

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _data(self, path: str, params: Params = ()) -> list[Any]:
        body = await self._http.get(path, params)
        if not isinstance(body, dict) or "data" not in body:
            raise self._malformed("JSON of another shape")
        data = body["data"]
        # Go writes an empty list as null
        if data is not None and not isinstance(data, list):
            raise self._malformed("the data is no list")
        return data or []

    def _traces(self, data: list[Any]) -> list[Trace]:
        try:
            return [to_trace(item) for item in data]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._malformed("a trace of another shape") from error

    def _malformed(self, why: str) -> ConnectorError:
        return malformed("Jaeger", self._settings.url, why)
