"""The users: an open-loop workload that lives on the virtual clock."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import is_not

import numpy as np

from connectors.api.values import Json
from eval.apps.model import App
from eval.environments.emulator.traffic.arrivals import shape
from eval.environments.emulator.traffic.consumers import Consumers
from eval.environments.emulator.traffic.flags import FeatureFlags
from eval.environments.emulator.traffic.flow import Flow
from eval.environments.emulator.traffic.ingress import Front
from eval.environments.emulator.traffic.logbook import Logbook
from eval.environments.emulator.traffic.network import Network
from eval.environments.emulator.traffic.processes import Processes
from eval.environments.emulator.traffic.resources import Resources
from eval.environments.emulator.traffic.routine import Routine
from eval.environments.emulator.traffic.surroundings import AppCluster
from eval.environments.emulator.traffic.tracing import Tracer

STEP_SECONDS = 5
"""Requests are let through in batches of this many seconds, on whole multiples of it, while nobody who
answers them comes or goes."""

_PANIC_EXIT_CODE = 2
_BATCH, _MOST_STEPS = 8, 3
_LARGE_BATCH, _LARGE_MOST_STEPS = 16, 6
_LARGE = 40
"""From so many services on requests travel in larger batches."""


class Traffic:
    """Sends users' requests (`eval.environments.emulator.seams.Ticker`)."""

    def __init__(
        self,
        app: App,
        cluster: AppCluster,
        processes: Processes,
        network: Network,
        flags: FeatureFlags,
        flow: Flow,
        consumers: Consumers,
        resources: Resources,
        routine: Routine,
        tracer: Tracer | None,
        logbook: Logbook,
        random: np.random.Generator,
        rate: float | None = None,
    ) -> None:
        self._app = app
        self._cluster = cluster
        self._processes = processes
        self._network = network
        self._flags = flags
        self._flow = flow
        self._consumers = consumers
        self._resources = resources
        self._routine = routine
        self._tracer = tracer
        self._logbook = logbook
        self._random = random
        self._front = Front(app, cluster)
        self._rate = app.workload.rate if rate is None else rate
        self._done: datetime | None = None
        self._owed = 0.0
        self._steps = 0
        large = len(app.services) >= _LARGE
        self._batch = _LARGE_BATCH if large else _BATCH
        self._most_steps = _LARGE_MOST_STEPS if large else _MOST_STEPS
        self._gathered = [0] * len(app.workload.mix)
        self._answers: deque[tuple[datetime, int, int]] = deque()
        self._seen: tuple[int, list[Sequence[Json]]] = (-1, [(), (), ()])
        self.running = False

    def tick(self, start: datetime, end: datetime) -> None:
        """Let everything up to the last whole step before `end` happen.

        Where somebody comes or goes, a step ends: what was sent before meets who was there before.
        """
        if self._done is None:
            self._done = start
        if self._processes.pressed:
            self._processes.refresh()
            self._routine.press(end)
        if self.running and self._changed():
            self._step(_whole(start, 1), anew=False)
            self._step(_whole(end, 1))
        else:
            self._step(_whole(end, STEP_SECONDS))

    def _changed(self) -> bool:
        """Whether who answers has changed since the last tick."""
        kinds = ("Endpoints", "Service", "NetworkPolicy")
        lists = [self._cluster.objects(kind, self._app.namespace) for kind in kinds]
        before, self._seen = self._seen, (self._processes.generation, lists)
        return before[0] != self._seen[0] or any(map(is_not, before[1], lists))

    def _step(self, last: datetime, *, anew: bool = True) -> None:
        """Let the time until `last` pass, with a look at the cluster as it is now, or without."""
        assert self._done is not None
        if last <= self._done:
            return
        begun, self._done = self._done, last
        seconds = (last - begun).total_seconds()
        if anew:
            self._processes.refresh()
            self._network.refresh(last)
            self._flags.refresh()
            self._routine.before(begun, last)
        self._flow.begin(begun, last)
        if self.running:
            self._send(seconds, begun, last)
        self._consumers.tick(seconds)
        self._resources.settle(seconds, last)
        self._routine.after(begun, last)
        self._logbook.flush(self._cluster, last, self._processes)
        for process in self._processes:
            if process.crashed:
                self._processes.remove(process)
                self._cluster.terminate(process.pod, process.container, _PANIC_EXIT_CODE)

    def error_share(self, seconds: float = 60.0) -> float | None:
        """The share of users' requests of the last `seconds` that failed, None without requests."""
        if self._done is None:
            return None
        since = self._done - timedelta(seconds=seconds)
        recent = [(ok, errors) for at, ok, errors in self._answers if at > since]
        total = sum(ok + errors for ok, errors in recent)
        return sum(errors for _, errors in recent) / total if total else None

    def _send(self, seconds: float, begun: datetime, at: datetime) -> None:
        workload = self._app.workload
        expected = self._rate * seconds * shape(workload, at)
        shares = np.array([request.share for request in workload.mix], dtype=float)
        shares /= shares.sum()
        if workload.flag:
            factor, only = self._flags.factor(workload.flag), workload.flag_operation
            shares *= [factor if only in ("", r.operation) else 1.0 for r in workload.mix]
            expected *= float(shares.sum())
        if workload.arrivals == "exponential":
            requests = int(self._random.poisson(expected))
        else:
            self._owed += expected
            requests = int(self._owed)
            self._owed -= requests
        total = float(shares.sum())
        counts = self._random.multinomial(requests, shares / total)
        ok = errors = 0
        if self._tracer is not None:
            self._tracer.begin(expected * STEP_SECONDS / seconds)
        whole = seconds >= STEP_SECONDS
        self._steps += whole
        for index, (request, arrived) in enumerate(zip(workload.mix, counts.tolist(), strict=True)):
            self._gathered[index] += arrived
            # rare kinds of requests travel together: fewer, larger batches
            usual = expected * request.share / total
            every = min(self._most_steps, math.ceil(self._batch / max(usual, 0.01)))
            if whole and (self._steps + index) % every:
                continue
            count, self._gathered[index] = self._gathered[index], 0
            if not count:
                continue
            call, failure = self._front.route(request.operation, at)
            if failure is None:
                made = self._flow.users(call, count)
                if self._tracer is not None:
                    self._tracer.sample(made, begun, seconds)
            else:
                made = self._flow.turned_away(call, count, failure)
            outcome = made.attempts[-1].outcome
            ok += outcome.ok
            errors += outcome.errors
        self._answers.append((at, ok, errors))
        while self._answers and self._answers[0][0] < at - timedelta(minutes=10):
            self._answers.popleft()


def _whole(at: datetime, seconds: int) -> datetime:
    """The last multiple of so many seconds until an instant."""
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, UTC)
