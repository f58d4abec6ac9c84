"""How every emulated server of the observability stack listens."""

from __future__ import annotations

from aiohttp import web


class LoopbackServer:
    """Serves an application on a free loopback port, without authentication."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def serve(self) -> str:
        """Start, and return the base URL, without a path."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def close(self) -> None:
        """Stop and free the port."""
        await self._runner.cleanup()


def mounted(app: web.Application, base_path: str) -> web.Application:
    """Return the application under a path such as "/jaeger/ui" ("" or "/": where it is)."""
    prefix = "/" + base_path.strip("/")
    if prefix == "/":
        return app
    outer = web.Application()
    outer.add_subapp(prefix, app)
    return outer
