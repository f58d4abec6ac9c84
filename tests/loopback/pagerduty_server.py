"""PagerDuty's REST API v2 (application/vnd.pagerduty+json;version=2) on loopback."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

Json = dict[str, Any]


class PagerDutyServer:
    """`incidents` are served to whoever sends `token`; `pages` counts the requests for them."""

    def __init__(
        self, incidents: Sequence[Json], *, token: str = "key", notes: Sequence[Json] = ()
    ) -> None:
        self._incidents = incidents
        self._token = token
        self._notes = notes
        self._runner: web.AppRunner | None = None
        self.pages = 0
        self.url = ""

    async def __aenter__(self) -> PagerDutyServer:
        app = web.Application(middlewares=[self._authorize])
        app.router.add_get("/incidents", self._list)
        app.router.add_get("/incidents/{id}/notes", self._list_notes)
        app.router.add_get("/services", self._services)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Token token={self._token}":
            return web.json_response(
                {"error": {"message": "Unauthorized", "code": 2006}}, status=401
            )
        if request.headers.get("Accept") != "application/vnd.pagerduty+json;version=2":
            return web.json_response(
                {"error": {"message": "Bad version", "code": 2001}}, status=400
            )
        response: web.StreamResponse = await handler(request)
        return response

    async def _list(self, request: web.Request) -> web.Response:
        self.pages += 1
        query = request.query
        limit, offset = int(query.get("limit", "25")), int(query.get("offset", "0"))
        since, until = (datetime.fromisoformat(query[name]) for name in ("since", "until"))
        if (until - since).days > 180:
            errors = ["The date range cannot be more than 6 months."]
            body = {"error": {"message": "Invalid Input Provided", "code": 2001, "errors": errors}}
            return web.json_response(body, status=400)
        statuses = query.getall("statuses[]", [])
        services = query.getall("service_ids[]", [])
        found = [
            item
            for item in self._incidents
            if since <= datetime.fromisoformat(item["created_at"]) < until
            and (not statuses or item["status"] in statuses)
            and (not services or item["service"]["id"] in services)
        ]
        page = found[offset : offset + limit]
        more = offset + limit < len(found)
        body = {"incidents": page, "limit": limit, "offset": offset, "total": None, "more": more}
        return web.json_response(body)

    async def _list_notes(self, request: web.Request) -> web.Response:
        if all(item["id"] != request.match_info["id"] for item in self._incidents):
            return web.json_response({"error": {"message": "Not Found", "code": 2100}}, status=404)
        return web.json_response({"notes": list(self._notes)})

    async def _services(self, request: web.Request) -> web.Response:
        services = {item["service"]["id"]: item["service"]["summary"] for item in self._incidents}
        rows = [{"id": id, "name": name} for id, name in services.items()]
        return web.json_response({"services": rows, "limit": 100, "offset": 0, "more": False})
