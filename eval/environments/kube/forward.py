"""A loopback address for a Service of the cluster, through the API server's proxy."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from connectors.api.errors import ConnectorError

if TYPE_CHECKING:
    from aiohttp import web

    from connectors.kubernetes.client import Connection


class Forward:
    """Serves one Service's HTTP port (GET only) on loopback while it is open."""

    def __init__(self, connection: Connection, namespace: str, service: str, port: int) -> None:
        self._connection = connection
        self._path = f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy"
        self._runner: web.AppRunner | None = None
        self.url = ""
        """Its base URL, once opened."""

    async def open(self) -> Self:
        """Begin to serve."""
        from aiohttp import web

        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def close(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _answer(self, request: web.Request) -> web.Response:
        from aiohttp import web

        path = f"{self._path}/{request.match_info['path']}"
        try:
            body = await self._connection.raw(
                "GET", path, f"forward {request.path}", query=dict(request.query), accept="*/*"
            )
        except ConnectorError as error:
            return web.Response(status=502, text=str(error))
        return web.Response(body=body, content_type="application/json")
