"""Carrying out what the model asks for: all calls of one reply together, each failure as text."""

from __future__ import annotations

import asyncio
import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from copilot.agent.calls import ToolCall
from copilot.agent.journal import keep_result, stored_result
from copilot.agent.seams import Journal, ToolboxLike
from copilot.agent.telemetry import Trace
from copilot.model.errors import CorrectYourCall, ToolFailure
from copilot.model.protocols import ToolResult

MAX_PARALLEL = 8
"""Calls of one reply that are carried out; the rest are answered with a refusal."""

_MANY = f"At most {MAX_PARALLEL} calls at once. Ask again if needed."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call. `ok` is False when the text is the reason of a failure."""

    call: ToolCall
    result: ToolResult
    ok: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Runner:
    """Carries out calls: `journal` answers those that were made before, `trace` notes them all."""

    toolbox: ToolboxLike
    journal: Journal
    trace: Trace

    async def run_all(
        self, calls: Mapping[str, ToolCall], refused: Mapping[str, str], *, seconds: float
    ) -> tuple[Outcome, ...]:
        """Run calls at the same time, for at most `seconds`; return outcomes in the calls' order.

        The keys of `calls` name them within the session; `refused` says of some why they are not
        carried out.
        """
        running = [
            self._run(
                name, call, refused.get(name, "") or (_MANY if n >= MAX_PARALLEL else ""), seconds
            )
            for n, (name, call) in enumerate(calls.items())
        ]
        return tuple(await asyncio.gather(*running))

    async def _run(self, name: str, call: ToolCall, refused: str, seconds: float) -> Outcome:
        started = monotonic()
        if refused:
            return Outcome(call, ToolResult(refused), False, 0.0)
        if (before := stored_result(self.journal, name)) is not None:
            for piece in before[0].evidence:
                self.toolbox.evidence.setdefault(piece.id, piece)
            return Outcome(call, before[0], before[1], 0.0)
        with self.trace.tool(call.name, name, call.arguments) as span:
            result, ok = await self._called(call, seconds)
            span.gave(result.text, ok=ok)
        keep_result(self.journal, name, result, ok=ok)
        return Outcome(call, result, ok, monotonic() - started)

    async def _called(self, call: ToolCall, seconds: float) -> tuple[ToolResult, bool]:
        try:
            arguments = parsed(call, self.toolbox)
            async with asyncio.timeout(seconds):
                return await self.toolbox.call(call.name, arguments), True
        except ToolFailure as error:
            return ToolResult(str(error)), False
        except TimeoutError:
            return ToolResult(f"{call.name} was not finished in the time that is left."), False


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
