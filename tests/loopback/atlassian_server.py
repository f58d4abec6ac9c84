"""Confluence (REST API of Cloud and of Data Center 8.5) and Jira (Cloud 3, Data Center 9.12's 2) on loopback."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from aiohttp import web

from tests.loopback.rest_server import Handler, RestServer

Json = dict[str, Any]
_BASIC = "Basic " + base64.b64encode(b"me@example.com:api-token").decode()
_CREDENTIALS = {"Authorization": _BASIC}


class ConfluenceServer(RestServer):
    """`pages` as content objects, each with its `space`; the CQL is kept and its spaces are heeded."""

    refusal: ClassVar[Any] = {"statusCode": 401, "message": "Unauthorized"}

    def __init__(self, pages: Sequence[Json]) -> None:
        super().__init__(_CREDENTIALS)
        self._pages = pages

    def routes(self) -> Mapping[str, Handler]:
        return {"/wiki/rest/api/content/search": self._search}

    async def _search(self, request: web.Request) -> web.Response:
        query = request.query
        start, limit = int(query["start"]), int(query["limit"])
        found = [
            {
                key: value
                for key, value in page.items()
                if key != "body" or "body" in query["expand"]
            }
            for page in self._pages
            if "space in" not in query["cql"] or f'"{page["space"]["key"]}"' in query["cql"]
        ]
        page = found[start : start + limit]
        return web.json_response(
            {"results": page, "start": start, "limit": limit, "size": len(page)}
        )


class JiraServer(RestServer):
    """`issues` as Cloud or as Data Center serves them; every query finds all."""

    refusal: ClassVar[Any] = {"errorMessages": ["You do not have permission"], "errors": {}}

    def __init__(self, issues: Sequence[Json], *, cloud: bool) -> None:
        super().__init__(_CREDENTIALS | {"X-Any": "any"})
        self._issues, self._cloud = issues, cloud

    def routes(self) -> Mapping[str, Handler]:
        if self._cloud:
            return {"/rest/api/3/search/jql": self._search}
        return {"/rest/api/2/search": self._old_search}

    async def _search(self, request: web.Request) -> web.Response:
        query = request.query
        if "badfield" in query["jql"]:
            errors = ["Field 'badfield' does not exist or you do not have permission to view it."]
            return web.json_response({"errorMessages": errors, "errors": {}}, status=400)
        start, size = int(query.get("nextPageToken", "0")), int(query["maxResults"])
        body: Json = {"issues": list(self._issues[start : start + size])}
        last = start + size >= len(self._issues)
        body |= {"isLast": True} if last else {"nextPageToken": str(start + size)}
        return web.json_response(body)

    async def _old_search(self, request: web.Request) -> web.Response:
        start, size = int(request.query.get("startAt", "0")), int(request.query["maxResults"])
        body = {"startAt": start, "maxResults": size, "total": len(self._issues)}
        return web.json_response({**body, "issues": list(self._issues[start : start + size])})
