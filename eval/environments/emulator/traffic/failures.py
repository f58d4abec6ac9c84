"""Why a call did not succeed, as the network or the callee would have it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "no_such_host", "refused", "no_address", "timeout", "denied", "unauthenticated", "answered"
]


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason for a failed call.

    `address` is the IP that was dialled, `detail` what the other side said: the answered error, or
    the refused command. `engine` names the store's kind, "" for a service.
    """

    kind: Kind
    service: str
    port: int
    address: str = ""
    detail: str = ""
    engine: str = ""
    database: str = ""

    @property
    def connected(self) -> bool:
        """Whether a connection stood, so that the failure happened on it."""
        return self.kind in ("answered", "denied", "timeout")

    @property
    def cost_ms(self) -> float:
        """How long the caller waits for it, beyond what the callee itself took."""
        return {"no_such_host": 2.4, "no_address": 0.05}.get(self.kind, 0.6)
