"""Loki as a source of logs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from connectors.api.errors import ConnectorError, SourceRejected
from connectors.api.health import failed
from connectors.api.http import HttpClient, Value
from connectors.api.http_failures import malformed
from connectors.api.values import Check, LogPage, LogSelector, LogVolume
from connectors.loki.queries import nanoseconds, quoted, stream_selector, to_labels, to_lines
from connectors.loki.settings import LokiSettings

_API = "/loki/api/v1"


class LokiLogs:
    """Logs of one Loki (2.x, 3.x, Grafana Cloud). Fits `LogSource`."""

    def __init__(self, settings: LokiSettings) -> None:
        self._settings = settings
        tenant = {"X-Scope-OrgID": settings.tenant} if settings.tenant else {}
        self._http = HttpClient(settings, tenant)

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"loki ({self._settings.url})"

    async def lines(
        self,
        selector: LogSelector,
        start: datetime,
        end: datetime,
        *,
        limit: int = 1000,
        contains: str = "",
    ) -> LogPage:
        """Return the newest `limit` lines in [start, end) that contain a text."""
        limit = min(limit, self._settings.max_lines)
        query = self._selector(selector) + (f" |= {quoted(contains)}" if contains else "")
        params: dict[str, Value] = {
            "query": query,
            "start": nanoseconds(start),
            "end": nanoseconds(end),
            "limit": limit,
            "direction": "backward",
        }
        result = self._result(await self._http.get(f"{_API}/query_range", params), "streams")
        try:
            lines = to_lines(result, self._settings.labels)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise self._malformed("a stream of another shape") from error
        # there may be no more; Loki does not say
        return LogPage(tuple(lines), truncated=len(lines) >= limit)

    async def volume(
        self, selector: LogSelector, start: datetime, end: datetime
    ) -> list[LogVolume]:
        """Return how many lines each container wrote in [start, end), the most first."""
        own = self._settings.labels
        by = ", ".join(own[ours] for ours in ("namespace", "pod", "container") if ours in own)
        seconds = max(1, round((end - start).total_seconds()))
        window = f"count_over_time({self._selector(selector)}[{seconds}s])"
        params: dict[str, Value] = {"query": f"sum by ({by}) ({window})", "time": nanoseconds(end)}
        result = self._result(await self._http.get(f"{_API}/query", params), "vector")
        try:
            found = [
                LogVolume(to_labels(row["metric"], own), round(float(row["value"][1])))
                for row in result
            ]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise self._malformed("a series of another shape") from error
        return sorted(found, key=lambda each: (-each.lines, sorted(each.labels.items())))

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        try:
            body = await self._http.get(f"{_API}/labels")
        except ConnectorError as error:
            return [failed("loki", error)]
        names = body.get("data") or [] if isinstance(body, dict) else []
        rows = [Check("loki", True, f"{self.name}, version {await self._version()}")]
        own = self._settings.labels
        missing = [own[ours] for ours in ("namespace", "pod") if own[ours] not in names]
        if missing:
            repair = "have the collector set them, or say how the store calls them (labels)"
            detail = f"the last hour's streams lack the labels {', '.join(missing)}"
            return [*rows, Check("loki labels", False, detail, repair)]
        return [*rows, Check("loki labels", True, f"{len(names)} labels")]

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _version(self) -> str:
        """Return the version; a hosted Loki may not tell."""
        try:
            body = await self._http.get(f"{_API}/status/buildinfo")
        except ConnectorError:
            return "unknown"
        return str(body.get("version", "unknown")) if isinstance(body, dict) else "unknown"

    def _selector(self, selector: LogSelector) -> str:
        try:
            return stream_selector(selector, self._settings.labels)
        except ValueError as error:
            raise SourceRejected(f"Loki cannot be asked that: {error}") from error

    def _result(self, body: Any, kind: str) -> list[Any]:
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, dict) or data.get("resultType") != kind:
            raise self._malformed(f"no result of type {kind}")
        result = data.get("result")
        if not isinstance(result, list):
            raise self._malformed("the result is no list")
        return result

    def _malformed(self, why: str) -> ConnectorError:
        return malformed("Loki", self._settings.url, why)
