"""What things cost in virtual seconds, so that times do not depend on the machine.

An agent's turn takes `TURN` for a program and `THOUGHT` for a language model; each call of an action
takes what an engineer's tool takes on a cluster of this size.
"""

from __future__ import annotations

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
