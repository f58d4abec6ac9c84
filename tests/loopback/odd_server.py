"""A server that misbehaves as a test says: slow, failing, cut off, refusing.

async with OddServer(failing(500)) as odd:
    ... LokiSettings(odd.url) ...
    odd.count
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def failing(status: int, body: Any = None, text: str = "") -> Answer:
    """Answer with a status, and JSON or plain text."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if body is not None:
            return web.json_response(body, status=status)
        return web.Response(text=text, status=status)

    return answer


def slow(seconds: float) -> Answer:
    """Take so long to begin an answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.json_response({})

    return answer


def dripping(seconds: float) -> Answer:
    """Begin at once, and never come to the end: one byte at a time."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(round(seconds / 0.05)):
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    return answer


async def cut(request: web.Request) -> web.StreamResponse:
    """Break the connection in the middle of the body."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = 1000
    await response.prepare(request)
    await response.write(b'{"data": [')
    await asyncio.sleep(0.02)
    assert request.transport is not None
    request.transport.abort()
    return response


class OddServer:
    """Gives every request the same answer, and counts them."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.count = 0
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> OddServer:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.count += 1
        self.headers.append(dict(request.headers))
        return await self.answer(request)
