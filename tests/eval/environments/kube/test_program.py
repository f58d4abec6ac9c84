"""The program on loopback sockets: what really happens is named, and logged as the language would."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from eval.apps.model import App, Call, Mount
from eval.apps.stores_api import StoreRefused
from eval.environments.kube.program import wire
from eval.environments.kube.program.calling import Calls
from eval.environments.kube.program.catalog import HEALTH, REGISTER, Catalog, Registered
from eval.environments.kube.program.collector import Collector
from eval.environments.kube.program.dialling import CallFailed, Dialler, host_port
from eval.environments.kube.program.flags import Flags
from eval.environments.kube.program.journal import Journal
from eval.environments.kube.program.measure import Measures
from eval.environments.kube.program.serving import Server
from eval.environments.kube.program.stores import StoreServer
from eval.environments.kube.program.tracing import Tracer
from eval.environments.kube.program.wire import Message, Peer


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Played:
    """One service of an app, in this process, that dials its callees at given addresses."""

    def __init__(self, app: App, name: str, dials: dict[str, str]) -> None:
        program = app.services[name]
        self.journal = Journal(program, app.namespace)
        self.measures = Measures()
        self.dialler = Dialler(app, program, lambda to: dials.get(to, ""))
        self.flags = Flags(app, self.dialler)
        tracer = Tracer(name, {}, None, 1.0)
        self.registered = Registered(app, program, self.dialler, "127.0.0.1")
        self.calls = Calls(
            app, program, name, app.namespace, self.dialler, self.registered, self.journal, self.measures, tracer, self.flags
        )  # fmt: skip
        self.store = (
            StoreServer(app, program, program.store, self.journal) if program.store else None
        )
        self.server = Server(
            program, app.namespace, self.calls, self.journal, self.measures, tracer, self.flags, self.store
        )  # fmt: skip

    async def listen(self, port: int) -> asyncio.Server:
        if self.store:
            opened, closed, outdated = self.store.opened, self.store.closed, self.store.outdated
            return await wire.listen(port, self.server.answer, opened, closed, outdated)
        return await wire.listen(port, self.server.answer)


@asynccontextmanager
async def _together(app: App) -> AsyncIterator[tuple[Played, Played]]:
    """The front and the store that it dials, connected until the end."""
    port = _free_port()
    stock = Played(app, "stock", {})
    listening = await stock.listen(port)
    front = Played(app, "front", {"stock": f"127.0.0.1:{port}"})
    try:
        yield front, stock
    finally:
        await _hang_up(front.dialler, listening)


async def _hang_up(dialler: Dialler, listening: asyncio.Server) -> None:
    await dialler.close()
    listening.close()
    await asyncio.sleep(0.02)


async def _buy(front: Played) -> Message:
    return await front.server.answer(Message("POST", "/buy"), Peer("127.0.0.1", 1))


async def _kind(app: App, address: str, seconds: float = 0.3) -> str:
    dialler = Dialler(app, app.services["front"], lambda to: address)
    host, port = host_port(address, 1)
    with pytest.raises(CallFailed) as caught:
        await dialler.request("front", host, port, Message(), seconds)
    return caught.value.failure.kind


async def test_a_request_goes_through_two_programs_and_is_counted(
    shop: App, capsys: pytest.CaptureFixture[str]
) -> None:
    async with _together(shop) as (front, _):
        answer = await _buy(front)
    assert answer.status == 200
    page = front.measures.page()
    counted = 'span_kind="SPAN_KIND_CLIENT",status_code="STATUS_CODE_UNSET",peer_service="stock"} 1'
    assert counted in page
    assert "Connection accepted" in capsys.readouterr().out


async def test_a_refused_socket_is_what_the_languages_driver_says(
    shop: App, capsys: pytest.CaptureFixture[str]
) -> None:
    front = Played(shop, "front", {"stock": f"127.0.0.1:{_free_port()}"})
    answer = await _buy(front)
    assert answer.status == 500
    assert "no reachable servers" in answer.text
    assert "cannot buy: no reachable servers" in capsys.readouterr().out
    assert 'status_code="STATUS_CODE_ERROR"' in front.measures.page()


async def test_what_the_sockets_do_has_the_right_name(shop: App) -> None:
    async def silent(message: Message, peer: Peer) -> Message:
        await asyncio.sleep(0.6)
        return Message()

    port = _free_port()
    listening = await wire.listen(port, silent)
    hanging_up = await wire.listen(closing := _free_port(), silent, lambda peer: False)
    try:
        assert await _kind(shop, f"127.0.0.1:{_free_port()}") == "refused"
        assert await _kind(shop, f"127.0.0.1:{port}") == "timeout"
        assert await _kind(shop, f"127.0.0.1:{closing}") == "reset"
        assert await _kind(shop, "http://no-such-host.invalid:80/x", 3) in (
            "no_such_host",
            "dns_failure",
        )
    finally:
        listening.close()
        hanging_up.close()
        await asyncio.sleep(0.4)


async def test_a_wrong_password_and_a_lost_role_are_refused_as_such(
    shop: App, capsys: pytest.CaptureFixture[str]
) -> None:
    async with _together(shop) as (front, stock):
        assert stock.store is not None
        assert (await _buy(front)).status == 200
        await stock.store.administer("revoke_role", {"user": "shop", "database": "goods"})
        denied = (await _buy(front)).text
        await stock.store.administer("grant_role", {"user": "shop", "database": "goods"})
        await stock.store.administer("set_password", {"user": "shop", "password": "other"})
        unknown = (await _buy(front)).text
        with pytest.raises(StoreRefused):
            await stock.store.administer("check_password", {"user": "shop", "password": "s3"})
    assert "not authorized on goods" in denied
    assert "Authentication failed" in unknown
    assert "Checking authorization failed" in capsys.readouterr().out


async def test_accounts_outlive_the_process_on_its_volume(shop: App, tmp_path: Path) -> None:
    stock = replace(shop.services["stock"], mounts=(Mount(str(tmp_path), claim="stock-pvc"),))
    kept = replace(shop, services={**shop.services, "stock": stock})
    first = Played(kept, "stock", {})
    assert first.store is not None
    await first.store.administer("drop_user", {"user": "shop"})
    again = Played(kept, "stock", {})
    assert again.store is not None
    with pytest.raises(StoreRefused):
        await again.store.administer("check_role", {"user": "shop", "database": "goods"})


async def test_a_lock_makes_readers_wait(shop: App) -> None:
    async with _together(shop) as (front, stock):
        assert stock.store is not None
        await stock.store.administer("hold_lock", {"table": "stock"})
        began = time.monotonic()
        assert (await _buy(front)).status == 500
        assert time.monotonic() - began >= 0.3
        await stock.store.administer("release_lock", {"table": "stock"})
        assert (await _buy(front)).status == 200


async def test_a_standing_connection_is_used_again_until_the_other_side_closes_it(
    shop: App,
) -> None:
    seen: list[int] = []

    async def note(message: Message, peer: Peer) -> Message:
        seen.append(peer.port)
        return Message()

    port = _free_port()
    listening = await wire.listen(port, note)
    dialler = Dialler(shop, shop.services["front"], lambda to: "")
    for headers in ({}, {"connection": "close"}, {}):
        await dialler.request("registry", "127.0.0.1", port, Message(headers=headers), 1)
    await _hang_up(dialler, listening)
    assert seen[0] == seen[1] != seen[2]


async def test_only_the_described_pages_are_healthy(shop: App) -> None:
    front = Played(shop, "front", {})
    peer = Peer("127.0.0.1", 1)
    assert (await front.server.answer(Message("GET", "/healthz"), peer)).status == 200
    assert (await front.server.answer(Message("GET", "/other"), peer)).status == 404


async def test_retries_are_attempts_of_their_own(shop: App) -> None:
    front = Played(shop, "front", {"stock": f"127.0.0.1:{_free_port()}"})
    root = front.calls.tracer.begin("/buy", "server")
    failure = await front.calls.call(Call("stock", "find", retries=2), "/buy", root)
    assert failure is not None and failure.kind == "refused"
    assert "} 3\n" in front.measures.page()


def test_the_registry_forgets_who_does_not_renew(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog, now = Catalog(), [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    body = {"ID": "1", "Name": "srv-stock", "Address": "10.0.0.1", "Port": 27017}
    catalog.answer(Message("PUT", REGISTER, body=json.dumps(body).encode()))

    def known() -> list[str]:
        answer = catalog.answer(Message("GET", HEALTH + "srv-stock"))
        assert answer is not None
        return [item["Service"]["Address"] for item in json.loads(answer.body)]

    assert known() == ["10.0.0.1"]
    now[0] += 60
    assert known() == []


async def test_spans_come_back_through_jaegers_query_api() -> None:
    collector = Collector()
    tracer = Tracer("front", {"hostname": "front-1"}, ("127.0.0.1", 1), 1.0)
    root = tracer.begin("/buy", "server")
    child = tracer.child(root, "find", "client")
    tracer.end(child, peer="stock", error="no reachable servers")
    tracer.end(root)
    other = Tracer("stock", {"hostname": "stock-1"}, ("127.0.0.1", 1), 1.0)
    other.end(other.begin("find", "server", child.header))
    for one in (tracer, other):
        collector.take(one.batch())

    async def ask(path: str) -> object:
        return json.loads((await collector.answer(Message("GET", path), Peer("", 0))).body)["data"]

    assert await ask("/api/services") == ["front", "stock"]
    assert await ask("/api/dependencies?endTs=9999999999999&lookback=9999999999999") == [
        {"parent": "front", "child": "stock", "callCount": 1}
    ]
    traces = await ask("/api/traces?service=front&limit=5&tags=%7B%22error%22%3A%22true%22%7D")
    assert isinstance(traces, list)
    spans = {span["operationName"]: span for span in traces[0]["spans"] if span["references"]}
    assert traces[0]["traceID"] == root.trace
    assert spans["find"]["references"][0]["refType"] == "CHILD_OF"


async def test_an_impaired_link_delays_and_is_taken_back() -> None:
    async def timed(then: Callable[[], Awaitable[None]]) -> float:
        began = time.monotonic()
        await then()
        return time.monotonic() - began

    wire.LINK.delay_ms = 60
    try:
        assert await timed(wire.LINK.pass_through) >= 0.06
    finally:
        wire.LINK.delay_ms = 0
    assert await timed(wire.LINK.pass_through) < 0.05
