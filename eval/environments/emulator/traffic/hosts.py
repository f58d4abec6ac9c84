"""What happens to the machines and networks under an app's pods; no Kubernetes object knows of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

Resource = Literal["connections", "file_descriptors", "ports", "disk", "shm"]
RESOURCES: tuple[Resource, ...] = get_args(Resource)

_FIRST_RETRANSMISSION_MS = 200.0


@dataclass(slots=True)
class Condition:
    """The condition of the hosts' part under the pods of one service."""

    delay_ms: float = 0.0
    loss: float = 0.0
    fails_until: datetime | None = None
    clock_seconds: float = 0.0
    exhausted: set[Resource] = field(default_factory=set)


_FINE = Condition()


class Hosts:
    """The conditions by service; everything is fine where none was set."""

    def __init__(self) -> None:
        self._conditions: dict[str, Condition] = {}

    @property
    def fine(self) -> bool:
        """Whether nothing was ever changed."""
        return not self._conditions

    def of(self, service: str) -> Condition:
        """The condition of a service's pods, to be read."""
        return self._conditions.get(service, _FINE)

    def change(self, service: str) -> Condition:
        """The condition of a service's pods, to be changed."""
        return self._conditions.setdefault(service, Condition())

    def failing(self, service: str, now: datetime) -> bool:
        """Whether nothing can run in the pods now."""
        until = self.of(service).fails_until
        return until is not None and now < until

    def path(self, one: str, other: str) -> tuple[float, float]:
        """The (added ms, share of lost packets) of a round trip between pods of two services."""
        if not self._conditions:
            return 0.0, 0.0
        first, second = self.of(one), self.of(other) if other != one else _FINE
        return first.delay_ms + second.delay_ms, 1 - (1 - first.loss) * (1 - second.loss)


def retransmission(loss: float, limit_ms: float) -> tuple[float, float]:
    """What lost packets do to an exchange: (mean ms added where it succeeds, share that takes too long).

    TCP sends again after 200 ms, then after twice as long each time.
    """
    if loss <= 0:
        return 0.0, 0.0
    tries = max(1, int(math.log2(limit_ms / _FIRST_RETRANSMISSION_MS + 1)) + 1)
    late = loss**tries
    shares = [(1 - loss) * loss**k for k in range(tries)]
    added = sum(p * _FIRST_RETRANSMISSION_MS * (2**k - 1) for k, p in enumerate(shares))
    return added / max(1e-9, 1 - late), late
