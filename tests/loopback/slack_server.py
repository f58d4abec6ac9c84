"""A loopback Slack: the Web API that the app calls, and Socket Mode over a real WebSocket."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
Call = tuple[str, dict[str, Any]]


@dataclass
class SlackServer:
    """Records every call as (method, arguments); `deliver` sends an envelope over the socket."""

    calls: list[Call] = field(default_factory=list)
    acked: list[str] = field(default_factory=list)
    base_url: str = ""
    _sockets: list[web.WebSocketResponse] = field(default_factory=list)
    _runner: web.AppRunner | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _ts: int = 1000

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_get("/socket", self._socket)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/api/"

    async def stop(self) -> None:
        for socket in self._sockets:
            await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def of(self, method: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.calls if name == method]

    async def until(self, condition: Any, seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def deliver(self, envelope: str, kind: str, payload: dict[str, Any]) -> None:
        await self.until(lambda: self._sockets)
        message = {"envelope_id": envelope, "type": kind, "payload": payload}
        await self._sockets[-1].send_json({**message, "accepts_response_payload": False})

    async def _api(self, request: web.Request) -> web.Response:
        arguments: dict[str, Any] = dict(request.query)
        if request.content_type == "application/json":
            arguments.update(await request.json())
        else:
            arguments.update(await request.post())
        for name in ("blocks", "view"):
            if isinstance(arguments.get(name), str):
                arguments[name] = json.loads(arguments[name])
        method = request.match_info["method"]
        self.calls.append((method, arguments))
        self._changed.set()
        self._ts += 1
        answer: dict[str, Any] = {"ok": True, "ts": f"{self._ts}.0001"}
        if method == "auth.test":
            answer |= {"team_id": "T1", "user_id": "UBOT", "bot_id": "B1", "user": "copilot"}
        if method == "apps.connections.open":
            answer["url"] = self.base_url.replace("http", "ws").replace("/api/", "/socket")
        return web.json_response(answer)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1})
        self._sockets.append(socket)
        self._changed.set()
        async for message in socket:
            if message.type is WSMsgType.TEXT and "envelope_id" in message.data:
                self.acked.append(json.loads(message.data)["envelope_id"])
                self._changed.set()
        return socket


def mention(
    text: str, *, event: str = "Ev1", ts: str = "100.1", thread: str = ""
) -> dict[str, Any]:
    inner: dict[str, Any] = {
        "type": "app_mention",
        "user": "U1",
        "channel": "C1",
        "ts": ts,
        "text": f"<@UBOT> {text}",
    }
    if thread:
        inner["thread_ts"] = thread
    return {"type": "event_callback", "team_id": "T1", "event_id": event, "event": inner}


def click(action: str, value: str, *, user: str = "U1", thread: str = "100.1") -> dict[str, Any]:
    return {
        "type": "block_actions",
        "trigger_id": "t-1",
        "team": {"id": "T1"},
        "user": {"id": user, "team_id": "T1"},
        "channel": {"id": "C1"},
        "message": {"ts": "1005.1", "thread_ts": thread, "blocks": [{"type": "actions"}]},
        "actions": [
            {"type": "button", "action_id": action, "block_id": "decision", "value": value}
        ],
    }


def dialog(view: dict[str, Any], *, user: str = "U1", **values: dict[str, Any]) -> dict[str, Any]:
    """What is sent when somebody stores a dialog; `values` are those of its inputs."""
    state = {"values": {name: {"value": value} for name, value in values.items()}}
    return {
        "type": "view_submission",
        "team": {"id": "T1"},
        "user": {"id": user, "team_id": "T1"},
        "view": {**view, "id": "V1", "state": state},
    }


def signed(body: str, *, secret: str = SECRET) -> dict[str, str]:
    now = str(int(time.time()))
    mac = hmac.new(secret.encode(), f"v0:{now}:{body}".encode(), hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": now,
        "X-Slack-Signature": f"v0={mac}",
        "Content-Type": "application/json",
    }
