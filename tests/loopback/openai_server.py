"""An OpenAI-compatible chat endpoint on loopback whose replies are a script, given as data.

    async with OpenAIServer([calls(("get_logs", {"service": "a"})), say("Done.")]) as server:
        ... ModelSettings(model="scripted", base_url=server.base_url) ...
        server.requests[0]["messages"]

Speaks the true protocol: server-sent events, tool calls split over chunks, a usage chunk. Each
request takes the next step; a step that nobody asked for, or a request beyond the script, is an
error at the end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

Behaviour = Literal["answer", "status", "silence", "cut", "end", "garbage", "drop"]


@dataclass(frozen=True, slots=True)
class Step:
    """How one request is answered.

    `calls` are (name, arguments) with the arguments as data, or as text to send it as it is.
    `cut` breaks the connection after `text` and half of each call, `end` ends the stream there in
    good order, `drop` breaks the connection at once, `garbage` is no JSON, `silence` never answers.
    `delay` and `stall` are seconds before the answer and in the middle of it. `times` answers that many requests in the same way, 0 for all that follow.
    """

    behaviour: Behaviour = "answer"
    text: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    refusal: str = ""
    finish: str = ""
    status: int = 200
    error: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    usage: tuple[int, int, int] | None = (1000, 100, 0)
    delay: float = 0.0
    stall: float = 0.0
    times: int = 1
    ids: bool = True


def say(text: str, **options: Any) -> Step:
    """Answer in prose."""
    return Step(text=text, **options)


def calls(*wanted: tuple[str, Any], **options: Any) -> Step:
    """Call tools."""
    return Step(calls=wanted, **options)


def submit(arguments: Any, **options: Any) -> Step:
    """Give a final diagnosis."""
    return Step(calls=(("submit_diagnosis", arguments),), **options)


def fail(status: int, message: str = "it broke", **options: Any) -> Step:
    """Answer with an HTTP error."""
    body = {"message": message, "type": "error", "param": options.pop("param", None)}
    body["code"] = options.pop("code", None)
    return Step("status", status=status, error=body, **options)


def silence(**options: Any) -> Step:
    """Never answer."""
    return Step("silence", **options)


class OpenAIServer:
    """The endpoint. `requests` holds every body that was sent, in order."""

    def __init__(self, script: Iterable[Step], *, strict: bool = True) -> None:
        self._script: list[Step] = list(script)
        self._left = [step.times for step in self._script]
        self._position = 0
        self._strict = strict
        self._released = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.beyond = 0
        self.base_url = ""

    async def __aenter__(self) -> OpenAIServer:
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._released.set()
        assert self._runner is not None
        await self._runner.cleanup()
        if kind is None and self._strict:
            self.check()

    def check(self) -> None:
        """Complain about steps that were never asked for, and requests beyond the script."""
        unused = [
            step
            for step, left in zip(self._script, self._left, strict=True)
            if left > 0 or (step.times == 0 and left == 0)
        ]
        assert not unused, f"unused steps of the script: {unused}"
        assert not self.beyond, f"{self.beyond} requests beyond the end of the script"

    def _next(self) -> Step:
        while self._position < len(self._script):
            step, left = self._script[self._position], self._left[self._position]
            if step.times == 0:
                self._left[self._position] = -1
                return step
            if left > 0:
                self._left[self._position] -= 1
                return step
            self._position += 1
        self.beyond += 1
        # 400, because the client would ask again after a 5xx.
        return fail(400, "the script has no more steps")

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "scripted"}]})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        step = self._next()
        if step.delay:
            await self._wait(step.delay)
        if step.behaviour == "silence":
            await self._wait(None)
            return web.Response(status=504)
        if step.behaviour == "status":
            return web.json_response(
                {"error": step.error}, status=step.status, headers=step.headers
            )
        if step.behaviour == "drop":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if step.behaviour == "garbage":
            return await _stream(request, ["data: {not json\n\n"])
        events = list(_chunks(step, body, len(self.requests)))
        lines = [_sse(event) for event in events]
        if step.behaviour in ("cut", "end"):
            response = await _stream(request, lines)
            if step.behaviour == "cut" and request.transport is not None:
                await asyncio.sleep(0.05)
                request.transport.abort()
            return response
        if step.stall:
            response = await _stream(request, lines[: len(lines) // 2])
            await self._wait(step.stall)
            return response
        return await _stream(request, [*lines, "data: [DONE]\n\n"])

    async def _wait(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._released.wait()
        except TimeoutError:
            return


async def _stream(request: web.Request, lines: Sequence[str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for line in lines:
        await response.write(line.encode())
    return response


def _sse(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event)}\n\n"


def _chunks(step: Step, body: dict[str, Any], number: int) -> Iterable[dict[str, Any]]:
    base = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": body.get("model", ""),
    }

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    for start in range(0, len(step.text), 11):
        yield chunk({"content": step.text[start : start + 11]})
    if step.refusal:
        yield chunk({"refusal": step.refusal})
    for index, (name, arguments) in enumerate(step.calls):
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        head: dict[str, Any] = {"index": index, "type": "function"}
        if step.ids:
            head["id"] = f"call_{number}_{index}"
        yield chunk({"tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]})
        half = step.behaviour in ("cut", "end")
        end = len(text) // 2 if half else len(text)
        for start in range(0, end, 7):
            part = {"arguments": text[start : min(start + 7, end)]}
            yield chunk({"tool_calls": [{"index": index, "function": part}]})
    if step.behaviour in ("cut", "end"):
        return
    yield chunk({}, step.finish or ("tool_calls" if step.calls else "stop"))
    asked = (body.get("stream_options") or {}).get("include_usage")
    if step.usage and asked:
        prompt, completion, cached = step.usage
        yield {
            **base,
            "choices": [],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completion,
                "total_tokens": prompt + completion,
                "prompt_tokens_details": {"cached_tokens": cached},
            },
        }
