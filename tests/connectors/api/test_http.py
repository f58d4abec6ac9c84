"""The client that the HTTP connectors share, where a single source is enough to show it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connectors.api.errors import ConnectorError, SourceRejected, SourceUnreachable
from connectors.api.http import HttpClient, HttpSettings
from connectors.api.tls import trusted
from eval.environments.emulator.cluster.tls import make_certificate, server_context
from tests.loopback.odd_server import OddServer, failing


async def ask(url: str, **options: Any) -> Any:
    client = HttpClient(HttpSettings(url, timeout=5, **options))
    try:
        return await client.get("/x")
    finally:
        await client.close()


async def test_credentials_and_headers_are_sent() -> None:
    async with OddServer(failing(200, {"a": 1})) as odd:
        address = odd.url.removeprefix("http://")
        assert await ask(f"http://user:p%40ss@{address}/", headers={"X-Org": "7"}) == {"a": 1}
        assert await ask(odd.url, token="secret") == {"a": 1}
    basic, bearer = odd.headers
    assert basic["Authorization"] == "Basic dXNlcjpwQHNz"
    assert basic["X-Org"] == "7"
    assert bearer["Authorization"] == "Bearer secret"


def test_secrets_are_not_shown() -> None:
    shown = repr(HttpSettings("http://u:hidden@h", headers={"k": "hidden"})) + repr(
        HttpSettings("http://h", token="hidden")
    )
    assert "hidden" not in shown


async def test_redirects() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/login":
            return web.Response(text="<html>Log in</html>", content_type="text/html")
        raise web.HTTPFound("/login" if "once" in request.query_string else request.path)

    async with OddServer(answer) as odd:
        with pytest.raises(ConnectorError, match="redirects without end"):
            await ask(odd.url)
        client = HttpClient(HttpSettings(odd.url))
        with pytest.raises(ConnectorError, match="login page"):
            await client.get("/x", {"once": 1})
        await client.close()


async def test_credentials_do_not_follow_a_redirect_to_another_host() -> None:
    async with OddServer(failing(200, {})) as other:

        async def answer(request: web.Request) -> web.StreamResponse:
            raise web.HTTPFound(f"{other.url}/elsewhere")

        async with OddServer(answer) as odd:
            await ask(odd.url, token="secret")
    assert "Authorization" not in other.headers[0]


async def test_an_answer_that_is_too_large_is_not_kept() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(80):
            await response.write(b" " * 2**20)
        return response

    async with OddServer(answer) as odd:
        with pytest.raises(SourceRejected, match="more than 64 MiB"):
            await ask(odd.url)


async def test_tls_where_there_is_none_and_a_name_that_is_unknown() -> None:
    async with OddServer(failing(200)) as odd:
        with pytest.raises(SourceUnreachable, match=r"does it want http://|cannot be reached"):
            await ask(odd.url.replace("http:", "https:"))
    with pytest.raises(SourceUnreachable, match="cannot be reached"):
        await ask("http://name.invalid")


async def test_one_client_serves_many_at_once() -> None:
    async with OddServer(failing(200, {})) as odd:
        client = HttpClient(HttpSettings(odd.url))
        assert await asyncio.gather(*(client.get(f"/{n}") for n in range(20))) == [{}] * 20
        await client.close()


@pytest.mark.parametrize("body", ["[" * 100_000, "{", ""])
async def test_what_is_no_json(body: str) -> None:
    async with OddServer(failing(200, text=body)) as odd:
        with pytest.raises(ConnectorError, match="no JSON"):
            await ask(odd.url)


async def test_a_certificate_is_trusted_by_whom_it_is_given_to_and_nobody_else(
    tmp_path: Path,
) -> None:
    certificate, key = make_certificate()
    file = tmp_path / "ca.pem"
    file.write_text(certificate)

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"a": 1})

    app = web.Application()
    app.router.add_get("/x", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(certificate, key)).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        for _ in range(2):
            with pytest.raises(SourceUnreachable, match="certificate that we do not trust"):
                await ask(url)
            assert await ask(url, ca_file=str(file)) == {"a": 1}
            assert await ask(url, verify_tls=False) == {"a": 1}
    finally:
        await runner.cleanup()
    assert trusted() is trusted()
