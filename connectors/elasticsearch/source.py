"""Elasticsearch or OpenSearch as a source of logs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from connectors.api.errors import ConnectorError, SourceMissing
from connectors.api.health import failed
from connectors.api.http import HttpClient
from connectors.api.http_failures import malformed, one_line
from connectors.api.values import Check, Json, LogPage, LogSelector, LogVolume
from connectors.elasticsearch.queries import LABELS, conditions, to_line
from connectors.elasticsearch.settings import ElasticsearchSettings

_CONTAINERS = 500
_MAX_PAGES = 20


class ElasticsearchLogs:
    """Logs of one Elasticsearch (7, 8, 9) or OpenSearch (1, 2, 3) cluster. Fits `LogSource`."""

    def __init__(self, settings: ElasticsearchSettings) -> None:
        self._settings = settings
        key = {"Authorization": f"ApiKey {settings.api_key}"} if settings.api_key else {}
        self._http = HttpClient(settings, key)

    @property
    def name(self) -> str:
        """The kind and the address, without credentials."""
        return f"elasticsearch ({self._settings.url})"

    async def lines(
        self,
        selector: LogSelector,
        start: datetime,
        end: datetime,
        *,
        limit: int = 1000,
        contains: str = "",
    ) -> LogPage:
        """Return the newest `limit` lines in [start, end) that contain a text.

        Where lines are indexed as words, `contains` finds whole words next to each other.
        """
        limit = min(limit, self._settings.max_lines)
        fields = self._settings.fields
        body = await self._search(
            {
                "size": limit,
                "query": conditions(selector, fields, start, end, contains),
                "sort": [{fields.time: {"order": "desc"}}],
                "track_total_hits": False,
            }
        )
        try:
            hits = body["hits"]["hits"]
            found = [to_line(hit["_source"], fields) for hit in hits]
        except (KeyError, TypeError, ValueError) as error:
            raise self._malformed(f"a document without {error}") from error
        found.reverse()
        return LogPage(tuple(found), truncated=len(hits) >= limit, caveat=_caveat(body))

    async def volume(
        self, selector: LogSelector, start: datetime, end: datetime
    ) -> list[LogVolume]:
        """Return how many lines each container wrote in [start, end), the most first."""
        fields = self._settings.fields
        names = ("namespace", "pod", "container")
        sources = [
            {name: {"terms": {"field": getattr(fields, name) + fields.exact}}} for name in names
        ]
        pages: Json = {"size": _CONTAINERS, "sources": sources}
        found: list[LogVolume] = []
        for _ in range(_MAX_PAGES):
            body = await self._search(
                {
                    "size": 0,
                    "query": conditions(selector, fields, start, end),
                    "aggs": {"containers": {"composite": pages}},
                    "track_total_hits": False,
                }
            )
            try:
                answer = body["aggregations"]["containers"]
                found += [_volume(row) for row in answer["buckets"]]
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise self._malformed("buckets of another shape") from error
            if len(answer["buckets"]) < _CONTAINERS or "after_key" not in answer:
                break
            pages["after"] = answer["after_key"]
        return sorted(found, key=lambda each: (-each.lines, sorted(each.labels.items())))

    async def check(self) -> Sequence[Check]:
        """Try it out, for `doctor`. Never raises."""
        try:
            about = await self._http.get("/")
        except ConnectorError as error:
            return [failed("elasticsearch", error)]
        version = about.get("version") if isinstance(about, dict) else None
        version = version if isinstance(version, dict) else {}
        product = version.get("distribution", "elasticsearch")
        shown = f"{self.name}, {product} {version.get('number', 'unknown')}"
        rows = [Check("elasticsearch", True, shown)]
        try:
            body = await self._search({"size": 1, "sort": [{self._settings.fields.time: "desc"}]})
            hits = body["hits"]["hits"]
            newest = [to_line(hit["_source"], self._settings.fields) for hit in hits]
        except ConnectorError as error:
            return [*rows, failed("log documents", error)]
        except (KeyError, TypeError, ValueError) as error:
            repair = "say how the fields of log documents are called (fields)"
            return [*rows, Check("log documents", False, f"a document lacks {error}", repair)]
        if not newest:
            repair = "set the index pattern under which logs are kept"
            detail = f"no document in {self._settings.index}"
            return [*rows, Check("log documents", False, detail, repair)]
        missing = [name for name in LABELS[:2] if name not in newest[0].labels]
        if missing:
            repair = "say how the fields of log documents are called (fields)"
            detail = f"the newest document lacks the {' and the '.join(missing)}"
            return [*rows, Check("log documents", False, detail, repair)]
        return [*rows, Check("log documents", True, f"the newest is of {newest[0].time:%F %T} UTC")]

    async def close(self) -> None:
        """Release connections."""
        await self._http.close()

    async def _search(self, query: Json) -> Json:
        index = quote(self._settings.index, safe="*,-_")
        params = {"ignore_unavailable": "true", "allow_no_indices": "true"}
        try:
            body: Any = await self._http.post(f"/{index}/_search", query, params)
        except SourceMissing as error:
            raise SourceMissing(f"no index {self._settings.index}: {error}") from error
        if not isinstance(body, dict) or not isinstance(body.get("hits"), dict):
            raise self._malformed("JSON of another shape")
        shards = body.get("_shards") or {}
        if shards.get("total") and shards.get("failed") == shards["total"]:
            raise ConnectorError(f"every shard of {self._settings.index} failed{_reason(shards)}")
        return body

    def _malformed(self, why: str) -> ConnectorError:
        return malformed("Elasticsearch", self._settings.url, why)


def _volume(row: Json) -> LogVolume:
    labels = {str(name): str(value) for name, value in row["key"].items()}
    return LogVolume(labels, int(row["doc_count"]))


def _caveat(body: Json) -> str:
    """Say what a partial answer lacks."""
    shards = body.get("_shards") or {}
    if shards.get("failed"):
        return f"{shards['failed']} of {shards.get('total')} shards failed{_reason(shards)}"
    return "the search ran out of time: lines are missing" if body.get("timed_out") else ""


def _reason(shards: Json) -> str:
    failures = shards.get("failures") or [{}]
    reason = failures[0].get("reason")
    text = reason.get("reason", "") if isinstance(reason, dict) else ""
    return f": {one_line(text)}" if text else ""
