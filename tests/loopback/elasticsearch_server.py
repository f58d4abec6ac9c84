"""An Elasticsearch 8.14 or OpenSearch 2.15 on loopback, over documents given as data.

It executes the searches that log readers send: bool filters of range and match_phrase, sorting by
one field, size, and a composite aggregation. Anything else is refused with a parsing exception.
"""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

Json = dict[str, Any]


class ElasticsearchServer:
    """`indices` are documents by index name; `failed` is a number of shards that fail."""

    def __init__(
        self, indices: Mapping[str, Sequence[Json]], *, opensearch: bool = False, failed: int = 0
    ) -> None:
        self._indices = indices
        self._opensearch = opensearch
        self._failed = failed
        self._runner: web.AppRunner | None = None
        self.searches: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    async def __aenter__(self) -> ElasticsearchServer:
        app = web.Application()
        app.router.add_get("/", self._about)
        app.router.add_post("/{index}/_search", self._search)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _about(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        version: Json = {"number": "8.14.3", "build_flavor": "default", "lucene_version": "9.10.0"}
        if self._opensearch:
            version = {"distribution": "opensearch", "number": "2.15.0"}
        return web.json_response({"name": "node-1", "cluster_name": "logs", "version": version})

    async def _search(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.searches.append(body)
        documents = self._documents(request.match_info["index"])
        try:
            kept = [hit for hit in documents if _matches(hit["_source"], body.get("query"))]
            for rule in body.get("sort", ()):
                [(path, order)] = rule.items()
                order = order if isinstance(order, str) else order["order"]
                kept.sort(key=lambda hit: _at(hit["_source"], path), reverse=order == "desc")
            answer: Json = {
                "took": 3,
                "timed_out": False,
                "_shards": self._shards(),
                "hits": {"max_score": None, "hits": kept[: body.get("size", 10)]},
            }
            if "aggs" in body:
                answer["aggregations"] = {
                    name: _composite(kept, each["composite"]) for name, each in body["aggs"].items()
                }
        except (KeyError, TypeError, ValueError) as error:
            return _refused(400, "parsing_exception", f"unknown query {error}")
        return web.json_response(answer)

    def _documents(self, pattern: str) -> list[Json]:
        patterns = pattern.split(",")
        return [
            {"_index": index, "_id": str(number), "_score": None, "_source": document}
            for index, documents in self._indices.items()
            if any(fnmatch.fnmatchcase(index, each) for each in patterns)
            for number, document in enumerate(documents)
        ]

    def _shards(self) -> Json:
        total = 2
        shards: Json = {"total": total, "successful": total - self._failed, "skipped": 0}
        shards["failed"] = self._failed
        if self._failed:
            reason = {"type": "circuit_breaking_exception", "reason": "[parent] Data too large"}
            shards["failures"] = [{"shard": 0, "index": "logs", "reason": reason}]
        return shards


def _refused(status: int, kind: str, reason: str) -> web.Response:
    cause = {"type": kind, "reason": reason}
    body = {"error": {"root_cause": [cause], **cause}, "status": status}
    return web.json_response(body, status=status)


def _matches(document: Json, query: Json | None) -> bool:
    if query is None:
        return True
    [(kind, inner)] = query.items()
    if kind == "bool":
        must = all(_matches(document, each) for each in inner.get("filter", ()))
        should = inner.get("should", ())
        return must and (not should or any(_matches(document, each) for each in should))
    [(path, wanted)] = inner.items()
    value = _at(document, path)
    if kind == "range":
        return _time(wanted["gte"]) <= _time(value) < _time(wanted["lt"])
    if kind == "match_phrase":
        # a text field is analyzed into words; a keyword field is one
        if path in ("message", "log"):
            return f" {_words(wanted)} " in f" {_words(str(value))} "
        return bool(value == wanted)
    raise KeyError(kind)


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _at(document: Any, path: str) -> Any:
    for key in path.removesuffix(".keyword").split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _composite(kept: Sequence[Json], asked: Json) -> Json:
    names = [next(iter(source)) for source in asked["sources"]]
    fields = [
        source[name]["terms"]["field"] for name, source in zip(names, asked["sources"], strict=True)
    ]
    counts: Counter[tuple[str, ...]] = Counter()
    for hit in kept:
        key = tuple(_at(hit["_source"], field) for field in fields)
        if None not in key:
            counts[key] += 1
    after = tuple(asked["after"][name] for name in names) if "after" in asked else ()
    chosen = [key for key in sorted(counts) if key > after][: asked["size"]]
    buckets = [
        {"key": dict(zip(names, key, strict=True)), "doc_count": counts[key]} for key in chosen
    ]
    return {"buckets": buckets, **({"after_key": buckets[-1]["key"]} if buckets else {})}
