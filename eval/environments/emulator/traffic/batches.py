"""What becomes of a batch of requests, and how it came to be: the shape that traces are drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime

from eval.apps.model import Call, Operation
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.processes import Process


@dataclass(slots=True)
class Failed:
    """Requests that failed for one reason: when, and how long they took.

    `made` is the call that failed them, `origin` what it failed of: the same requests, one step
    nearer to the reason.
    """

    failure: Failure
    times: list[datetime]
    ms: float
    made: Made | None = None
    origin: Failed | None = None
    served: Served | None = None


@dataclass(slots=True)
class Outcome:
    """What became of a batch: how many went well, how long those took on average, with which variance."""

    ok: int
    ms: float
    variance: float = 0.0
    failed: list[Failed] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """How many requests failed."""
        return sum(len(part.times) for part in self.failed)

    @property
    def sigma(self) -> float:
        """The spread of a log-normal distribution with this mean and variance."""
        if self.ms <= 0:
            return 0.35
        return max(0.05, math.sqrt(math.log1p(self.variance / (self.ms * self.ms))))

    @property
    def uneven(self) -> bool:
        """Whether the spread is 0.6 or more, so that many take much longer than the mean."""
        return self.variance >= 0.4333 * self.ms * self.ms

    def merge(self, ok: int, ms: float, variance: float) -> None:
        """Add requests that went well elsewhere."""
        total = self.ok + ok
        if total:
            self.ms = (self.ok * self.ms + ok * ms) / total
            self.variance = (self.ok * self.variance + ok * variance) / total
        self.ok = total


@dataclass(slots=True)
class Served:
    """A batch at one process: its operation, what each request took there alone, and its calls."""

    process: Process
    operation: Operation
    own_ms: float
    wait_ms: float
    asked: int
    groups: list[list[Made]] = field(default_factory=list)


@dataclass(slots=True)
class Attempt:
    """One try of a call: what became of it, and who served it how often."""

    outcome: Outcome
    network_ms: float
    served: list[tuple[Served, int]] = field(default_factory=list)


@dataclass(slots=True)
class Made:
    """One call of a batch: of `asked` requests `made` made it, in up to `retries` + 1 attempts."""

    caller: Process | None
    call: Call
    asked: int
    made: int
    attempts: list[Attempt] = field(default_factory=list)
