"""The limits of one answer: steps, tokens, seconds, money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from copilot.agent.prices import price_of
from copilot.agent.settings import ModelSettings
from copilot.model.diagnosis import Usage


@dataclass(frozen=True, slots=True)
class Spent:
    """Tokens of one reply, as the endpoint counted them; `cached` are among the `input`."""

    input: int = 0
    output: int = 0
    cached: int = 0
    estimated: bool = False


class Budget:
    """Counts what an answer has used so far and says when, and why, it must end.

    Seconds are real ones, because they are what a person waits and what an endpoint bills;
    an emulated cluster's clock does not slow them down.
    """

    def __init__(self, settings: ModelSettings, *, timer: Callable[[], float] = monotonic) -> None:
        self._settings = settings
        self._price = price_of(settings.model, settings.prices)
        self._timer = timer
        self._started = timer()
        self.steps = 0
        self.tool_calls = 0
        self.tool_errors = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.cached_tokens = 0

    def count(self, spent: Spent, *, step: bool = True) -> None:
        """Add one request to the model; a sample beside another request is no `step` of its own."""
        self.steps += step
        self.input_tokens += spent.input
        self.output_tokens += spent.output
        self.cached_tokens += spent.cached

    @property
    def seconds_left(self) -> float:
        """Seconds until this answer must be finished, at least 0."""
        return max(0.0, self._settings.max_seconds - self.seconds)

    @property
    def seconds(self) -> float:
        """Seconds since the model was first asked."""
        return self._timer() - self._started

    @property
    def money(self) -> float | None:
        """US dollars so far; None when the model's price is unknown."""
        if self._price is None:
            return None
        return self._price.of(self.input_tokens, self.output_tokens, self.cached_tokens)

    def exhausted(self, next_request: int = 0) -> str:
        """Return which limit forbids a request of about `next_request` tokens, "" for none."""
        limit = self._settings
        tokens = self.input_tokens + self.output_tokens
        if self.steps >= limit.max_steps:
            return f"it used its {limit.max_steps} steps"
        if tokens + next_request >= limit.max_tokens:
            return f"it used {tokens:,} of {limit.max_tokens:,} tokens and needs more"
        if self.seconds_left <= 0:
            return f"it used its {limit.max_seconds:g} seconds"
        if self.money is not None and self.money >= limit.max_money:
            return f"it used ${self.money:.2f} of ${limit.max_money:.2f}"
        return ""

    def nearly(self, next_request: int) -> str:
        """Return why a request of about `next_request` tokens is the last that fits, or ""."""
        limit = self._settings
        tokens = self.input_tokens + self.output_tokens
        money = self.money or 0.0
        if self.steps + 1 >= limit.max_steps:
            return f"all of its {limit.max_steps} steps are used"
        if tokens + 2 * (next_request + limit.reply_room) > limit.max_tokens:
            return f"its {limit.max_tokens:,} tokens are nearly used up"
        if self.seconds_left < 0.2 * limit.max_seconds:
            return f"its {limit.max_seconds:g} seconds are nearly over"
        if self.steps and money + 2 * money / self.steps > limit.max_money:
            return f"its ${limit.max_money:.2f} are nearly spent"
        return ""

    def usage(self) -> Usage:
        """Return what the model's part of the answer has cost."""
        return Usage(
            seconds=self.seconds,
            tool_calls=self.tool_calls,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            money=self.money,
        )

    def __str__(self) -> str:
        """Return the cost in one line, for the foot of an answer."""
        cost = "cost unknown: no price is set for this model" if self._price is None else ""
        if not cost:
            cost = f"${self.money:.4f}"
        steps = f"{self.steps} step{'s' if self.steps != 1 else ''}"
        tokens = f"{self.input_tokens + self.output_tokens:,} tokens"
        return f"{steps}, {self.tool_calls} tool calls, {tokens}, {self.seconds:.1f} s, {cost}"
