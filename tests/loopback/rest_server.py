"""What the loopback servers of REST APIs share: a port, routes, requests that are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Self

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RestServer:
    """Serves `routes` (path patterns of aiohttp, all for GET) to requests whose headers fit.

    Whoever does not send one of `credentials` (header, value) gets a 401 with `refusal`.
    """

    refusal: ClassVar[Any] = {"message": "Bad credentials"}

    def __init__(self, credentials: Mapping[str, str]) -> None:
        self._credentials = credentials
        self._runner: web.AppRunner | None = None
        self.requests: list[web.Request] = []
        self.url = ""

    def routes(self) -> Mapping[str, Handler]:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._authorize])
        for path, handler in self.routes().items():
            app.router.add_get(path, handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @web.middleware
    async def _authorize(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests.append(request)
        if not any(request.headers.get(k) == v for k, v in self._credentials.items()):
            return web.json_response(self.refusal, status=401)
        return await handler(request)


def page_of(request: web.Request, items: list[Any]) -> list[Any]:
    """Return one page, as `page` and `per_page` say."""
    size, number = int(request.query.get("per_page", "30")), int(request.query.get("page", "1"))
    return items[(number - 1) * size : number * size]
