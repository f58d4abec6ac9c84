"""A plain HTTP client for the tests of the servers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp


class Server(Protocol):
    async def serve(self) -> str: ...

    async def close(self) -> None: ...


class Api:
    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http, self.url = http, url

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with self.http.request(method, self.url + path, **options) as answer:
            text = await answer.text()
            try:
                return answer.status, json.loads(text)
            except ValueError:
                return answer.status, text

    async def get(self, path: str, params: Any = None) -> tuple[int, Any]:
        return await self.ask("GET", path, params=params)

    async def good(self, path: str, params: Any = None) -> Any:
        status, body = await self.get(path, params)
        assert status == 200, body
        return body


@asynccontextmanager
async def served(server: Server) -> AsyncIterator[Api]:
    url = await server.serve()
    async with aiohttp.ClientSession() as http:
        yield Api(http, url)
    await server.close()
