"""Agents that are no candidates: they show what a number is worth."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from eval.agents.protocol import Briefing, Open, Spent, block, submit_call
from eval.session.costs import TURN

_LEVELS = ("Hardware", "Operating System", "Virtualization", "Application")
_TYPES = (
    "Misconfiguration", "Code Defect", "Authentication Issue", "Network/Storage Issue",
    "Operation Error", "Dependency Problem",
)  # fmt: skip
Answer = Callable[[Briefing], str]


class Scripted:
    """Submits what it was told to. Fits `eval.agents.protocol.Playing`."""

    turn_seconds = TURN

    def __init__(self, call: str) -> None:
        self._call = call
        self.spent = Spent()

    async def get_action(self, input: str, /) -> str:
        """Submit."""
        return block(self._call)


class Knowing(Scripted):
    """Knows the truth, and repairs by taking the fault back."""

    def __init__(self, briefing: Briefing) -> None:
        super().__init__(_truth(briefing))
        self._briefing = briefing

    async def get_action(self, input: str, /) -> str:
        """Repair where that is asked, and submit the truth."""
        environment = self._briefing.environment
        if self._briefing.problem.task.writes:
            for fault, target in self._briefing.faults:
                await fault.recover(environment, target)
        return block(self._call)


def fixed(answer: Answer) -> Open:
    """Return an agent that submits at once."""

    @asynccontextmanager
    async def open_(briefing: Briefing) -> AsyncIterator[Scripted]:
        yield Scripted(answer(briefing))

    return open_


@asynccontextmanager
async def knowing(briefing: Briefing) -> AsyncIterator[Knowing]:
    """The scripted oracle: what full marks look like."""
    yield Knowing(briefing)


def always_yes(briefing: Briefing) -> str:
    """Something is always wrong; nothing more is known, nothing is repaired."""
    return _call(
        briefing, anomaly=True, services=[briefing.app.entry], kind=(_LEVELS[2], _TYPES[0])
    )


def nothing(briefing: Briefing) -> str:
    """Nothing is ever wrong."""
    return _call(briefing, anomaly=False, services=[], kind=("", ""))


def guess(briefing: Briefing) -> str:
    """Dice, thrown by seed and problem."""
    dice = random.Random(f"{briefing.seed}:{briefing.problem.id}")
    return _call(
        briefing,
        anomaly=dice.random() < 0.5,
        services=[dice.choice(sorted(briefing.app.services))],
        kind=(dice.choice(_LEVELS), dice.choice(_TYPES)),
    )


def _truth(briefing: Briefing) -> str:
    problem = briefing.problem
    expected = [fault.expected(briefing.environment, t) for fault, t in briefing.faults]
    services = [each.services[0] for each in expected if each.services]
    if len(expected) == 1 and problem.labels.services:
        services = [problem.labels.services[0]]
    level = problem.labels.system_level or (expected[0].system_level if expected else "")
    type_ = problem.labels.fault_type or (expected[0].fault_type if expected else "")
    return _call(briefing, anomaly=problem.faulty, services=services, kind=(level, type_))


def _call(briefing: Briefing, *, anomaly: bool, services: list[str], kind: tuple[str, str]) -> str:
    task = briefing.problem.task
    return submit_call(task, anomaly=anomaly, services=services, level=kind[0], type_=kind[1])
