"""The states of an answer, and what may be called in each.

The tools that the model is shown never change within a conversation, because they are part of the
prefix that endpoints cache; what a state does not allow is answered with what it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from copilot.agent.answer import SUBMIT

PROPOSE_TOOL = "propose_mitigation"
_AGAIN = ("show_evidence", SUBMIT)


class State(StrEnum):
    """Where an answer is."""

    TRIAGE = "triage"
    """The evidence engine looks and the team's memory is searched; the model is not asked yet."""
    DIAGNOSE = "diagnose"
    """The model reads what decides between the causes, and submits."""
    VERIFY = "verify"
    """What was submitted did not hold: it is corrected from the evidence that is there."""
    PROPOSE = "propose"
    """A change is looked for that would repair the cause. It is noted, never made."""
    DONE = "done"
    """There is an answer."""


def allowed(state: State, tools: Iterable[str], *, concluded: bool = False) -> tuple[str, ...]:
    """Return which of `tools` may be called; `concluded` says that a diagnosis is accepted."""
    match state:
        case State.DIAGNOSE:
            return tuple(name for name in tools if name != PROPOSE_TOOL)
        case State.VERIFY:
            return tuple(name for name in tools if name in _AGAIN)
        case State.PROPOSE:
            return tuple(name for name in tools if not (concluded and name == SUBMIT))
        case _:
            return ()


def refusal(name: str, state: State, may: Iterable[str]) -> str:
    """Return what the model is told about a call that its state does not allow."""
    why = {
        State.DIAGNOSE: "first submit the diagnosis",
        State.VERIFY: "only the correction is asked for now",
        State.PROPOSE: "the diagnosis is accepted already",
    }.get(state, "the answer is complete")
    return f"{name} is not for now: {why}. You may call: {', '.join(may) or 'nothing'}."
