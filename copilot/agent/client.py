"""One request to the model: streamed, bounded in time, its failures in plain words.

Retries are the client's own (it honours Retry-After); nothing here retries a failed request.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connectors.api.tls import trusted
from copilot.agent.budget import Spent
from copilot.agent.calls import Reply, ToolCall
from copilot.agent.failures import ToolsRefused, model_errors
from copilot.agent.settings import DEFAULT_URL, ModelSettings
from copilot.agent.tokens import estimate
from copilot.model.errors import ConfigError, ModelError

__all__ = ["FUSE", "ModelClient", "Reply", "ToolCall", "check_fuse"]

if TYPE_CHECKING:
    from openai import AsyncOpenAI

FUSE = "INCIDENT_COPILOT_LOOPBACK_ONLY"
"""With this in the environment no endpoint outside this machine is ever called."""


def check_fuse(base_url: str, environ: Mapping[str, str] = os.environ) -> None:
    """Refuse an endpoint outside this machine while the fuse is in. Raises `ConfigError`."""
    if not environ.get(FUSE):
        return
    host = urlsplit(base_url).hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ConfigError(
            f"The model endpoint {base_url} is not on this machine.",
            hint=f"{FUSE} forbids any other; unset it to use real endpoints.",
        )


class ModelClient:
    """Talks to one endpoint. What the endpoint turns out not to support is left out from then on."""

    def __init__(self, settings: ModelSettings, refused: set[str] | None = None) -> None:
        """Share `refused`, the options that the endpoint does not know, between clients."""
        check_fuse(settings.base_url or DEFAULT_URL)
        self._settings = settings
        self._client: AsyncOpenAI | None = None
        self._refused = set() if refused is None else refused

    @property
    def calls_tools(self) -> bool:
        """Whether the endpoint takes tools, as far as it is known or set."""
        return self._settings.tools != "text" and "tools" not in self._refused

    @property
    def refused(self) -> frozenset[str]:
        """The options that the endpoint turned out not to know."""
        return frozenset(self._refused)

    async def reply(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        *,
        seconds: float,
    ) -> AsyncIterator[str | Reply]:
        """Yield the reply's text as it is written, and at last the whole `Reply`.

        Never takes longer than `seconds`. Raises `ModelError` with what happened in plain words, also
        for a stream that ends before the reply does; `ToolsRefused` and `ContextTooLong` are those
        that can be helped by asking otherwise.
        """
        loop = asyncio.get_running_loop()
        begin = min(seconds, self._settings.timeout)
        deadline = loop.time() + seconds
        with model_errors(self._settings, begin):
            async with asyncio.timeout(begin):
                stream = await self._open(messages, tools)
        parts = _Parts()
        try:
            chunks = aiter(stream)
            while True:
                left = deadline - loop.time()
                late = left < self._settings.timeout
                # What is said is what was given, not the little of it that was left.
                given = seconds if late else self._settings.timeout
                with model_errors(self._settings, given, answering=True, late=late):
                    async with asyncio.timeout(min(self._settings.timeout, left)):
                        chunk = await anext(chunks, None)
                if chunk is None:
                    break
                if text := parts.add(chunk):
                    yield text
                if parts.size > self._settings.reply_room * _MOST_CHARACTERS:
                    raise ModelError("The model did not stop writing.")
        finally:
            await stream.close()
        yield parts.reply(messages)

    async def close(self) -> None:
        """Release the connections; the next request opens new ones."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _open(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]
    ) -> Any:
        from openai import BadRequestError, UnprocessableEntityError

        if self._client is None:
            from openai import AsyncOpenAI, DefaultAsyncHttpxClient

            self._client = AsyncOpenAI(
                api_key=self._settings.api_key or "none",
                base_url=self._settings.base_url or DEFAULT_URL,
                timeout=self._settings.timeout,
                max_retries=self._settings.max_retries,
                http_client=DefaultAsyncHttpxClient(verify=trusted()),
            )
        while True:
            options = {k: v for k, v in self._options(tools).items() if k not in self._refused}
            if "strict" in self._refused and "tools" in options:
                options["tools"] = [_lax(tool) for tool in options["tools"]]
            try:
                # mypy: the client's overloads cannot follow options that are chosen at run time.
                create: Any = self._client.chat.completions.create
                return await create(
                    model=self._settings.model, messages=list(messages), stream=True, **options
                )
            except (BadRequestError, UnprocessableEntityError) as error:
                refused = _refused(str(error.message), str(error.param or ""), options)
                if not refused or refused in self._refused:
                    raise
                # Not a retry of the same request: endpoints differ in which options they know.
                self._refused.add(refused)
                if refused == "tools":
                    raise ToolsRefused(f"{self._settings.model} takes no tools.") from error

    def _options(self, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        settings = self._settings
        vendor = (urlsplit(settings.base_url or DEFAULT_URL).hostname or "").endswith(
            ("openai.com", "azure.com")
        )
        # OpenAI's newer models refuse `max_tokens`; many compatible servers know nothing else.
        options: dict[str, Any] = {
            "max_completion_tokens" if vendor else "max_tokens": settings.reply_room,
            "stream_options": {"include_usage": True},
        }
        if tools:
            options["tools"] = list(tools)
            if settings.parallel is not None:
                options["parallel_tool_calls"] = settings.parallel
        if settings.temperature is not None:
            options["temperature"] = settings.temperature
        return options


def _refused(message: str, param: str, options: Mapping[str, Any]) -> str:
    """Return the option that a 400 complains about, "" when it is about something else."""
    if param.endswith(".strict") or "'strict'" in message:
        return "strict"
    if param.split(".")[0].split("[")[0] in options:
        return "" if param.startswith("tools[") else param.split(".")[0]
    lowered = message.lower()
    for name in options:
        if name in lowered and any(
            word in lowered for word in ("support", "unknown", "unrecognized", "extra", "permitted")
        ):
            return name
    return ""


def _lax(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = {key: value for key, value in tool["function"].items() if key != "strict"}
    return {**tool, "function": function}


_MOST_CHARACTERS = 12
"""Characters to a token that no text has on average: more is past the limit that we asked for."""


class _Parts:
    """Puts a reply together from chunks; servers differ in how they number tool calls."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._calls: list[list[str]] = []  # [id, name, arguments]
        self._by_index: dict[int, list[str]] = {}
        self._finish = ""
        self._usage: Any = None
        self.size = 0
        """Characters so far, of text and of calls."""

    def add(self, chunk: Any) -> str:
        """Take in one chunk and return the text in it."""
        if chunk.usage is not None:
            self._usage = chunk.usage
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self._finish = choice.finish_reason or self._finish
        delta = choice.delta
        if delta is None:
            return ""
        if delta.refusal:
            self._refusal.append(delta.refusal)
        for part in delta.tool_calls or ():
            self._add_call(part)
        if delta.content:
            self._text.append(delta.content)
            self.size += len(delta.content)
        return delta.content or ""

    def _add_call(self, part: Any) -> None:
        index = part.index if part.index is not None else max(len(self._calls) - 1, 0)
        call = self._by_index.get(index)
        # Some servers give every call the index 0 and tell them apart by id alone.
        if call is None or (part.id and call[0] and part.id != call[0]):
            call = ["", "", ""]
            self._calls.append(call)
            self._by_index[index] = call
        call[0] = part.id or call[0]
        if part.function is not None:
            call[1] = call[1] or part.function.name or ""
            call[2] += part.function.arguments or ""
            self.size += len(part.function.arguments or "")

    def reply(self, messages: Sequence[Mapping[str, Any]]) -> Reply:
        """Return the whole reply. Raises `ModelError` when it is refused or incomplete."""
        if self._refusal:
            raise ModelError(f"The model refused to answer: {''.join(self._refusal).strip()}")
        if not self._finish:
            raise ModelError("The model's reply broke off in the middle.")
        if self._finish == "content_filter":
            raise ModelError("The endpoint's content filter withheld the model's reply.")
        text = "".join(self._text)
        if self._finish == "length" and self._calls:
            raise ModelError("The model's reply was cut off at its length limit.")
        calls = tuple(
            ToolCall(id or f"call_{len(messages)}_{n}", name, arguments)
            for n, (id, name, arguments) in enumerate(self._calls)
            if name
        )
        return Reply(text, calls, self._finish, self._spent(messages, text))

    def _spent(self, messages: Sequence[Mapping[str, Any]], text: str) -> Spent:
        usage = self._usage
        if usage is None:
            written = text + "".join("".join(call) for call in self._calls)
            sent = sum(estimate(str(message)) for message in messages)
            return Spent(sent, estimate(written), estimated=True)
        details = usage.prompt_tokens_details
        cached = (details.cached_tokens or 0) if details is not None else 0
        return Spent(usage.prompt_tokens or 0, usage.completion_tokens or 0, cached)
