"""What an agent is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from copilot.config.settings import Settings
from eval.apps.model import App
from eval.problems import Problem, Task
from eval.protocols import Environment, Fault


class Agent(Protocol):
    """Anything that answers a state with one call in a fenced block: AIOpsLab's own contract."""

    async def get_action(self, input: str, /) -> str:
        """Say what to do next."""
        ...


@dataclass
class Spent:
    """What an agent used beyond the session's actions, and what it says of its answer.

    `confidence` is its own, 0 to 1. `claims` are the statements of its diagnosis, of which `grounded`
    cite evidence that holds. `cause` is the id of the taxonomy at rank 1. `named` are the objects named as
    causes, `chain` those on the way from the first cause to the users, in order.
    """

    tool_calls: int = 0
    tool_errors: int = 0
    repeated: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    money: float | None = None
    confidence: float | None = None
    claims: int = 0
    grounded: int = 0
    cause: str = ""
    named: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    tools: dict[str, int] = field(default_factory=dict)
    answer: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Briefing:
    """What an agent may use. `faults` is the truth: only agents that are no candidates read it.

    `knowledge` is a prepared state folder, None for none.
    """

    problem: Problem
    app: App
    description: str
    instructions: str
    apis: Mapping[str, str]
    environment: Environment
    settings: Settings
    seed: int
    knowledge: Path | None = None
    faults: tuple[tuple[Fault, str], ...] = ()


class Playing(Protocol):
    """An agent with its account. `turn_seconds` is what its turns cost in virtual time."""

    @property
    def spent(self) -> Spent:
        """The account so far."""
        ...

    @property
    def turn_seconds(self) -> float:
        """Virtual seconds of each turn."""
        ...

    async def get_action(self, input: str, /) -> str:
        """Say what to do next."""
        ...


Open = Callable[[Briefing], AbstractAsyncContextManager[Playing]]
"""Opens an agent for one problem, and closes it afterwards."""


def block(call: str) -> str:
    """Put a call into the format of a reply."""
    return f"```\n{call}\n```"


def submit_call(
    task: Task, *, anomaly: bool, services: Sequence[str], level: str = "", type_: str = ""
) -> str:
    """Return the call that answers a task."""
    yes, named = "Yes" if anomaly else "No", list(services)
    kind = {"system_level": level, "fault_type": type_}
    match task:
        case Task.DETECTION:
            return f"submit({yes!r})"
        case Task.LOCALIZATION:
            return f"submit({named!r})"
        case Task.ANALYSIS:
            return f"submit({kind!r})"
        case Task.MITIGATION:
            return "submit()"
        case Task.CONVERSATION:
            return f"submit({(yes + ' ' + ' '.join(named))!r})"
        case Task.END_TO_END:
            return f"submit({ {'has_anomaly': yes, 'faulty_components': named, **kind}!r})"
