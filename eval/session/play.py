"""The loop: state, action, output, until something is submitted or the steps are used up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from copilot.model.clock import Clock
from copilot.model.errors import CopilotError
from eval.agents.protocol import Playing
from eval.session.costs import cost, spend
from eval.session.parser import BadFormat, Call, parse, solution_of
from eval.session.texts import FIRST_STATE

Act = Callable[[Call], Awaitable[str]]
"""Carries out one call and returns its output. Raises `BadFormat` for a call that is none."""

VALID_SUBMISSION = "1"
"""What stands in a trajectory after a submission."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`steps` of the session, `seconds` of the machine's time, dollars of `money`; 0: no limit."""

    steps: int = 20
    seconds: float = 600.0
    money: float = 0.0


@dataclass
class Played:
    """What happened. `trace` is AIOpsLab's: items with `role` and `content`."""

    started: datetime
    ended: datetime
    trace: list[dict[str, str]] = field(default_factory=list)
    solution: Any = None
    submitted: bool = False
    steps: int = 0
    invalid: int = 0
    repeated: int = 0
    actions: dict[str, int] = field(default_factory=dict)
    stopped: str = ""


async def play(agent: Playing, act: Act, clock: Clock, limits: Limits) -> Played:
    """Let an agent work on a problem. Whatever ends it early is told in `stopped`."""
    played = Played(clock.now(), clock.now())
    try:
        async with asyncio.timeout(limits.seconds or None):
            await _loop(agent, act, clock, limits, played)
    except TimeoutError:
        played.stopped = f"stopped after {limits.seconds:g} s"
    except CopilotError as error:
        played.stopped = f"the agent failed: {error}"
    played.ended = clock.now()
    return played


async def _loop(agent: Playing, act: Act, clock: Clock, limits: Limits, played: Played) -> None:
    state, seen = FIRST_STATE, set()
    while played.steps < limits.steps:
        reply = await agent.get_action(state)
        await spend(clock, agent.turn_seconds)
        played.steps += 1
        played.trace.append({"role": "assistant", "content": reply})
        try:
            call = parse(reply)
            key = (call.name, repr(call.args), repr(call.kwargs))
            played.repeated += key in seen
            seen.add(key)
            played.actions[call.name] = played.actions.get(call.name, 0) + 1
            await spend(clock, cost(call.name))
            if call.name == "submit":
                played.solution, played.submitted = solution_of(call), True
                played.trace.append({"role": "env", "content": VALID_SUBMISSION})
                return
            output = await act(call)
        except BadFormat as error:
            played.invalid += 1
            output = str(error)
        played.trace.append({"role": "env", "content": output})
        state = f"{output}\n{FIRST_STATE}"
        if limits.money and (agent.spent.money or 0.0) > limits.money:
            played.stopped = f"stopped at {limits.money:g} dollars"
            return
    played.stopped = f"stopped after {limits.steps} steps"
