"""What things cost in virtual seconds, so that times do not depend on the machine.

An agent's turn takes `TURN` for a program and `THOUGHT` for a language model; each call of an action
takes what an engineer's tool takes on a cluster of this size. On a real cluster nothing is added.
"""

from __future__ import annotations

from copilot.model.clock import Clock, SystemClock

TURN = 1.0
THOUGHT = 4.0
OWN_TOOL = 0.5
"""One call of the copilot's own tools, of which many run at the same time."""

_ACTIONS = {
    "get_logs": 2.0,
    "get_metrics": 4.0,
    "get_traces": 4.0,
    "read_metrics": 0.5,
    "read_traces": 0.5,
    "exec_shell": 2.0,
    "submit": 0.0,
}


def cost(action: str) -> float:
    """Virtual seconds of one call."""
    return _ACTIONS.get(action, TURN)


def runs_by_itself(clock: Clock) -> bool:
    """Whether time passes without being spent, as on a real cluster."""
    return isinstance(clock, SystemClock)


async def spend(clock: Clock, seconds: float) -> None:
    """Let virtual seconds pass; on a clock that runs by itself things take what they take."""
    if not runs_by_itself(clock):
        await clock.sleep(seconds)
