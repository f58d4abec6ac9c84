"""What an endpoint can do, found out by one small request, for `doctor` and for the settings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from copilot.agent.calls import Reply
from copilot.agent.client import ModelClient
from copilot.agent.failures import ToolsRefused
from copilot.agent.messages import Message, function
from copilot.agent.settings import ModelSettings

_PING = "Call the tool `ping` twice in one reply: with a=1 and with a=2. Write nothing else."


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Whether it calls tools, several at once, takes strict schemas, and counts tokens in streams."""

    tools: bool
    parallel: bool
    strict: bool
    usage: bool

    def __str__(self) -> str:
        """Say it in one line, with what to set where something is missing."""
        able = {
            "tool calls": self.tools,
            "parallel calls": self.parallel,
            "strict schemas": self.strict,
            "token counts": self.usage,
        }
        text = ", ".join(f"{'' if yes else 'no '}{what}" for what, yes in able.items())
        return text if self.tools else f'{text}; set model.tools = "text"'


async def probe(settings: ModelSettings, *, seconds: float = 20.0) -> Capabilities:
    """Ask the endpoint for two calls at once. Raises `ModelError` when it gives no answer at all."""
    client = ModelClient(
        replace(settings, tools="auto", reply_tokens=min(settings.reply_tokens, 2000))
    )
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    tool = function("ping", "Answers pong.", schema)
    tool["function"]["strict"] = True
    try:
        try:
            reply = await _ask(client, [tool], seconds)
        except ToolsRefused:
            reply = await _ask(client, [], seconds)
        calls = len(reply.calls) if reply else 0
        return Capabilities(
            tools=calls > 0,
            parallel=calls > 1,
            strict=calls > 0 and "strict" not in client.refused,
            usage=reply is not None and not reply.spent.estimated,
        )
    finally:
        await client.close()


async def _ask(client: ModelClient, tools: list[Message], seconds: float) -> Reply | None:
    messages = [{"role": "user", "content": _PING}]
    async for part in client.reply(messages, tools, seconds=seconds):
        if isinstance(part, Reply):
            return part
    return None
