"""What the agent must know about the model that it talks to, and how far it may go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from copilot.agent.prices import Price

DEFAULT_URL = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """An OpenAI-compatible endpoint and the limits of one answer.

    `timeout` bounds one request, in seconds, with the client's own retries inside it; `max_retries`
    is how often the client may retry. The `max_…` limits are per answer: requests to the model,
    tokens in and out together, seconds of real time, US dollars. `context_tokens` is the model's
    context window and `reply_tokens` the part of it that is kept free for one reply, with what the
    model thinks before it writes. A `temperature` of None is not sent. `prices` overrides the built-in
    price table, by model name.

    What the endpoint can do is found out unless it is set: `tools` says whether it takes tool calls
    ("text" offers the same tools by a text protocol), `parallel` whether several at once, `strict`
    that the final answer's schema is sent as a strict one. `small` offers few tools with short schemas,
    and the engine proposes each next step; by default it does so for small context windows. `samples`
    asks a hard question that many times and counts how often the answers agree.
    """

    model: str
    base_url: str = DEFAULT_URL
    api_key: str = field(default="", repr=False)
    timeout: float = 60.0
    max_retries: int = 2
    max_steps: int = 12
    max_tokens: int = 200_000
    max_seconds: float = 180.0
    max_money: float = 1.0
    context_tokens: int = 32_000
    reply_tokens: int = 8_000
    temperature: float | None = None
    tools: Literal["auto", "native", "text"] = "auto"
    parallel: bool | None = None
    strict: bool = False
    small: bool | None = None
    samples: int = 1
    prices: Mapping[str, Price] = field(default_factory=dict)

    @property
    def reply_room(self) -> int:
        """Tokens that one reply may have: at most a third of a small context window."""
        return min(self.reply_tokens, self.context_tokens // 3)

    @property
    def is_small(self) -> bool:
        """Whether the model is treated as a small one."""
        return self.context_tokens < 10_000 if self.small is None else self.small
