"""What one answer has cost, and how well it held: one line of the ledger."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Booking:
    """One answer of a model.

    `prompts` names the version of our prompts. Tokens are as the endpoint counted them, `cached`
    among the `input`; `money` is in US dollars, None when the price is unknown. `claims` were checked,
    `verified` of them hold. `fallback` says why the engine answered instead, "" when it did not.
    """

    model: str
    prompts: str
    state: str = ""
    input: int = 0
    output: int = 0
    cached: int = 0
    money: float | None = None
    seconds: float = 0.0
    steps: int = 0
    tool_calls: int = 0
    tool_errors: int = 0
    claims: int = 0
    verified: int = 0
    fallback: str = ""
