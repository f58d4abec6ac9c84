"""A conversation: the user's turns one after the other, each answer judged by itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from copilot.model.clock import Clock
from copilot.model.errors import CopilotError
from eval.agents.protocol import Playing
from eval.oracles.answers import Judged
from eval.problems import Turn
from eval.session.costs import cost, spend
from eval.session.parser import BadFormat, parse, solution_of
from eval.session.play import Act, Limits, Played


async def talk(
    agent: Playing, turns: Sequence[Turn], act: Act, clock: Clock, limits: Limits
) -> Played:
    """Say each turn and hear the answer. The solution has one entry a turn, with what was wrong."""
    played = Played(clock.now(), clock.now(), solution=[])
    try:
        async with asyncio.timeout(limits.seconds or None):
            for turn in turns:
                looked = agent.spent.tool_calls + sum(played.actions.values())
                answer = await _answer(agent, turn.say, act, clock, limits, played)
                looked = agent.spent.tool_calls + sum(played.actions.values()) - looked
                played.solution.append({"say": turn.say, "wrong": wrong_with(turn, answer, looked)})
        played.submitted = True
    except TimeoutError:
        played.stopped = f"stopped after {limits.seconds:g} s"
    except CopilotError as error:
        played.stopped = f"the agent failed: {error}"
    for turn in turns[len(played.solution) :]:
        played.solution.append({"say": turn.say, "wrong": "no answer"})
    played.ended = clock.now()
    return played


def wrong_with(turn: Turn, answer: str, looked: int) -> str:
    """Say what an answer lacks or says wrongly; "" for a right one. `looked`: calls of tools."""
    for pattern in turn.says:
        if not re.search(pattern, answer, re.I):
            return f"does not say: {pattern}"
    for pattern in turn.never:
        if match := re.search(pattern, answer, re.I):
            return f"says: {match[0]}"
    if turn.looks and not looked:
        return "did not look again"
    return "" if answer.strip() else "no answer"


def talked_well(solution: Any) -> Judged:
    """Every turn must be right; a subset when some are."""
    turns = solution if isinstance(solution, list) else []
    bad = [turn for turn in turns if turn["wrong"]]
    told = "; ".join(f'"{turn["say"]}" {turn["wrong"]}' for turn in bad[:3])
    right = len(turns) - len(bad)
    return Judged(
        bool(turns) and not bad, f"{right}/{len(turns)} turns. {told}".strip(), subset=right > 0
    )


async def _answer(
    agent: Playing, said: str, act: Act, clock: Clock, limits: Limits, played: Played
) -> str:
    """Let the agent act until it answers; the reply without a call is the answer."""
    played.trace.append({"role": "user", "content": said})
    state, reply = said, ""
    for _ in range(limits.steps):
        reply = await agent.get_action(state)
        await spend(clock, agent.turn_seconds)
        played.steps += 1
        played.trace.append({"role": "assistant", "content": reply})
        try:
            call = parse(reply)
        except BadFormat:
            return reply
        if call.name == "submit":
            return str(solution_of(call))
        played.actions[call.name] = played.actions.get(call.name, 0) + 1
        await spend(clock, cost(call.name))
        try:
            state = await act(call)
        except BadFormat as error:
            played.invalid += 1
            state = str(error)
        played.trace.append({"role": "env", "content": state})
    return reply
