"""The users: an open-loop workload that lives on the virtual clock."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np

from connectors.api.values import Json
from eval.apps.model import App, Line
from eval.environments.emulator.seams import ClusterState
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.flow import Flow
from eval.environments.emulator.traffic.languages import DIALECTS
from eval.environments.emulator.traffic.languages.mongod import entry
from eval.environments.emulator.traffic.logbook import Logbook
from eval.environments.emulator.traffic.network import Network
from eval.environments.emulator.traffic.processes import Process, Processes
from eval.environments.emulator.traffic.start import AppPrograms

STEP_SECONDS = 5
"""Requests are let through in batches of this many seconds, on whole multiples of it."""


_PANIC_EXIT_CODE = 2


class AppCluster(ClusterState, Protocol):
    """A cluster whose programs can end by themselves while they run."""

    def terminate(
        self, pod: Json, container: str, exit_code: int = 1, *, oom: bool = False
    ) -> bool:
        """Let the program in a container end now; False when none runs there."""
        ...


class Traffic:
    """Sends users' requests (`eval.environments.emulator.seams.Ticker`)."""

    def __init__(
        self,
        app: App,
        cluster: AppCluster,
        processes: Processes,
        network: Network,
        programs: AppPrograms,
        flow: Flow,
        logbook: Logbook,
        random: np.random.Generator,
        rate: float | None = None,
    ) -> None:
        self._app = app
        self._cluster = cluster
        self._processes = processes
        self._network = network
        self._programs = programs
        self._flow = flow
        self._logbook = logbook
        self._random = random
        self._rate = app.workload.rate if rate is None else rate
        self._done: datetime | None = None
        self._owed = 0.0
        self._answers: deque[tuple[datetime, int, int]] = deque()
        self.running = False

    def tick(self, start: datetime, end: datetime) -> None:
        """Let everything up to the last whole step before `end` happen."""
        if self._done is None:
            self._done = start
        last = datetime.fromtimestamp(end.timestamp() // STEP_SECONDS * STEP_SECONDS, UTC)
        if last <= self._done:
            return
        begun, self._done = self._done, last
        self._processes.refresh()
        self._network.refresh(last)
        self._keep_trying(last)
        if self.running:
            self._flow.begin(begun, last)
            self._send((last - begun).total_seconds(), last)
        self._housekeeping(begun, last)
        self._logbook.flush(self._cluster)
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

    def _send(self, seconds: float, at: datetime) -> None:
        expected = self._rate * seconds
        if self._app.workload.arrivals == "exponential":
            requests = int(self._random.poisson(expected))
        else:
            self._owed += expected
            requests = int(self._owed)
            self._owed -= requests
        mix = self._app.workload.mix
        shares = np.array([request.share for request in mix], dtype=float)
        counts = self._random.multinomial(requests, shares / shares.sum())
        ok = errors = 0
        for request, count in zip(mix, counts, strict=True):
            if count:
                outcome = self._flow.users(request.operation, int(count))
                ok += outcome.ok
                errors += outcome.errors
        self._answers.append((at, ok, errors))
        while self._answers and self._answers[0][0] < at - timedelta(minutes=10):
            self._answers.popleft()

    def _keep_trying(self, now: datetime) -> None:
        """Programs whose start retries a need try it every second."""
        for process in self._processes:
            step = process.waiting
            while process.waiting and process.retried and process.retried < now:
                at = process.retried = process.retried + timedelta(seconds=1)
                failure = self._programs.need(process, process.waiting, at)
                if failure is None:
                    process.waiting = None
                    process.serves_from = max(process.serves_from, at)
                else:
                    self._log_retry(process, at, failure)
            if step and process.waiting is None:
                self._log_rest(process)

    def _log_retry(self, process: Process, at: datetime, failure: Failure) -> None:
        step = process.waiting
        text = DIALECTS[process.program.language].error(failure)
        place = step.at if step else ""
        self._logbook.say(
            process,
            at,
            Line(f"Error in createIndexes: {text}", "utils_mongodb.h:88:CreateIndex"),
            "",
        )
        self._logbook.say(process, at, Line("Failed to create mongodb index, try again", place), "")

    def _log_rest(self, process: Process) -> None:
        for step in process.program.start:
            if step.text:
                values = {"service": process.program.name}
                if process.program.command:
                    values["program"] = process.program.command[0]
                text, place = step.text, step.at
                for key, value in values.items():
                    text, place = (
                        text.replace("{" + key + "}", value),
                        place.replace("{" + key + "}", value),
                    )
                self._logbook.say(process, process.serves_from, Line(text, place, step.level), "")

    def _housekeeping(self, start: datetime, end: datetime) -> None:
        """mongod notes a checkpoint every minute."""
        if start.minute == end.minute:
            return
        stamp = int(end.timestamp())
        text = f"[{stamp}:0][1:0x7f5e], WT_SESSION.checkpoint: [WT_VERB_CHECKPOINT_PROGRESS] saving checkpoint snapshot min: {stamp % 9000}, snapshot max: {stamp % 9000} snapshot count: 0"
        for process in self._processes:
            if process.program.language == "mongod" and self._processes.accepts(
                process, process.program.ports[0].port
            ):
                line = entry(
                    end,
                    "STORAGE",
                    22430,
                    "WTCheckpointThread",
                    "WiredTiger message",
                    {"message": text},
                )
                self._logbook.write(process, end, line)
