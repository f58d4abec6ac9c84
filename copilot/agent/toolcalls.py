"""Carrying out what the model asks for: all calls of one reply together, each failure as text."""

from __future__ import annotations

import asyncio
import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from copilot.agent.client import ToolCall
from copilot.agent.seams import ToolboxLike
from copilot.model.errors import CorrectYourCall, ToolFailure
from copilot.model.protocols import ToolResult

MAX_PARALLEL = 8
"""Calls of one reply that are carried out; the rest are answered with a refusal."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call. `ok` is False when the text is the reason of a failure."""

    call: ToolCall
    result: ToolResult
    ok: bool
    seconds: float


async def run_all(
    calls: Sequence[ToolCall], toolbox: ToolboxLike, *, seconds: float
) -> tuple[Outcome, ...]:
    """Run calls at the same time, for at most `seconds`; return outcomes in the calls' order."""
    running = [
        _run(call, toolbox, seconds, refused=number >= MAX_PARALLEL)
        for number, call in enumerate(calls)
    ]
    return tuple(await asyncio.gather(*running))


async def _run(call: ToolCall, toolbox: ToolboxLike, seconds: float, *, refused: bool) -> Outcome:
    started = monotonic()
    try:
        if refused:
            raise CorrectYourCall(f"At most {MAX_PARALLEL} calls at once. Ask again if needed.")
        arguments = parsed(call, toolbox)
        async with asyncio.timeout(seconds):
            result = await toolbox.call(call.name, arguments)
    except ToolFailure as error:
        return Outcome(call, ToolResult(str(error)), False, monotonic() - started)
    except TimeoutError:
        text = f"{call.name} was not finished in the time that is left."
        return Outcome(call, ToolResult(text), False, monotonic() - started)
    return Outcome(call, result, True, monotonic() - started)


def parsed(call: ToolCall, toolbox: ToolboxLike) -> dict[str, Any]:
    """Return a call's arguments. Raises `CorrectYourCall` for an unknown tool or bad JSON."""
    names = [tool.name for tool in toolbox.tools]
    if call.name not in names:
        near = tuple(difflib.get_close_matches(call.name, names, 2, 0.5))
        raise CorrectYourCall(f'There is no tool "{call.name}". Tools: {", ".join(names)}.', near)
    try:
        arguments = json.loads(call.arguments or "{}")
    except json.JSONDecodeError as error:
        raise CorrectYourCall(
            f"The arguments of {call.name} are not valid JSON: {error}."
        ) from error
    if not isinstance(arguments, dict):
        raise CorrectYourCall(f"The arguments of {call.name} must be a JSON object.")
    return arguments


def object_text(arguments: str) -> str:
    """Return arguments as the text of a JSON object, "{}" when they are not one."""
    try:
        data = json.loads(arguments or "{}")
    except json.JSONDecodeError:
        return "{}"
    return json.dumps(data) if isinstance(data, dict) else "{}"


def call_text(call: ToolCall) -> str:
    """Return a call as people read it: "get_logs(service=web)"."""
    given = json.loads(object_text(call.arguments))
    return f"{call.name}({', '.join(f'{name}={value}' for name, value in given.items())})"


class News:
    """Tells whether a step brought anything new; numbers alone, such as times, are not news."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self.stale_steps = 0

    def take(self, outcomes: Sequence[Outcome]) -> None:
        """Count a step; `stale_steps` is how many in a row brought nothing."""
        keys = {
            f"{outcome.call.name} {re.sub(r'ev-[0-9a-f]+|[0-9]+', '0', outcome.result.text)}"
            for outcome in outcomes
        }
        self.stale_steps = 0 if keys - self._seen else self.stale_steps + 1
        self._seen |= keys
