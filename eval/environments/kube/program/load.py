"""The users: an open-loop workload against the app's entry."""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
from collections import deque

from eval.apps.model import App, Call
from eval.environments.kube.program.calling import Calls
from eval.environments.kube.program.flags import Flags
from eval.environments.kube.program.tracing import Tracer

_DAY_SECONDS = 86_400.0
_LOWEST_SECONDS = 4 * 3600.0
_LIMIT = 400


class Load:
    """Sends requests at a rate, whatever the answers are."""

    def __init__(self, app: App, rate: float, calls: Calls, tracer: Tracer, flags: Flags) -> None:
        self._app = app
        self._rate = rate
        self._calls = calls
        self._tracer = tracer
        self._flags = flags
        self._answers: deque[tuple[float, bool]] = deque(maxlen=20_000)
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send, for ever."""
        workload = self._app.workload
        operations = [request.operation for request in workload.mix]
        shares = [request.share for request in workload.mix]
        due = time.monotonic()
        while True:
            gap = 1 / self.rate(time.time())
            due += random.expovariate(1 / gap) if workload.arrivals == "exponential" else gap
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if len(self._under_way) < _LIMIT:
                operation = random.choices(operations, shares)[0]
                task = asyncio.create_task(self._send(operation))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    def rate(self, now: float) -> float:
        """Requests per second at an instant (seconds since the epoch)."""
        workload = self._app.workload
        turn = (now % _DAY_SECONDS - _LOWEST_SECONDS) / _DAY_SECONDS * 2 * math.pi
        rate = self._rate * (1 - workload.daily_swing * math.cos(turn))
        for burst in workload.bursts:
            if now % burst.every_seconds < burst.seconds:
                rate *= burst.factor
        if workload.flag:
            rate *= self._flags.number(workload.flag) or 1.0
        return max(rate, 0.001)

    def report(self, seconds: float) -> bytes:
        """How many requests of the last `seconds` were answered, and how many of them failed."""
        since = time.monotonic() - seconds
        recent = [ok for at, ok in self._answers if at >= since]
        return json.dumps({"requests": len(recent), "failed": recent.count(False)}).encode()

    async def _send(self, operation: str) -> None:
        root = self._tracer.begin(operation, "client")
        failure = await self._calls.call(Call(self._app.entry, operation), operation, root)
        self._answers.append((time.monotonic(), failure is None))
