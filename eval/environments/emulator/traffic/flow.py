"""Requests on their way through the call graph.

Requests of one kind travel together as a batch; each call splits it into those that succeed and
those that fail, and failures travel back to the callers as they would one by one. What happens is
decided by the cluster's state alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from eval.apps.model import App, Call, Line, Operation
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages import DIALECTS
from eval.environments.emulator.traffic.languages.go import panic_dump
from eval.environments.emulator.traffic.languages.mongod import denial
from eval.environments.emulator.traffic.logbook import Logbook, shifted
from eval.environments.emulator.traffic.network import Network
from eval.environments.emulator.traffic.processes import Process
from eval.environments.emulator.traffic.spans import CLIENT, ERROR, OK, SERVER, SpanMetrics
from eval.environments.emulator.traffic.start import AppPrograms

_HOP_MS = 0.25
_MAX_DEPTH = 32


@dataclass(slots=True)
class Failed:
    """Requests that failed for one reason: when, and how long they took."""

    failure: Failure
    times: list[datetime]
    ms: float


@dataclass(slots=True)
class Outcome:
    """What became of a batch."""

    ok: int
    ms: float
    failed: list[Failed] = field(default_factory=list)

    @property
    def errors(self) -> int:
        """How many requests failed."""
        return sum(len(part.times) for part in self.failed)


class Flow:
    """Lets batches of requests through the app, between two instants."""

    def __init__(
        self,
        app: App,
        network: Network,
        programs: AppPrograms,
        spans: SpanMetrics,
        logbook: Logbook,
        random: np.random.Generator,
    ) -> None:
        self._app = app
        self._network = network
        self._programs = programs
        self._spans = spans
        self._logbook = logbook
        self._random = random
        self._start = datetime.min
        self._seconds = 0.0
        self._pace = 1.0

    def begin(self, start: datetime, end: datetime) -> None:
        """Let the following batches happen between `start` and `end`."""
        self._start = start
        self._seconds = (end - start).total_seconds()
        self._pace = float(self._random.lognormal(0.0, 0.06))

    def users(self, operation: str, requests: int) -> Outcome:
        """Let users send `requests` of one kind to the app's entry."""
        call = Call(self._app.entry, operation)
        workload = self._app.workload
        return self._call(None, call, requests, "", (workload.client, workload.namespace), 0)

    def _serve(self, process: Process, operation: Operation, n: int, depth: int) -> Outcome:
        process.worked(n)
        outcome = Outcome(n, operation.latency_ms * self._pace)
        for group in operation.calls:
            if outcome.ok == 0:
                break
            self._group(process, operation, group, outcome, depth)
        if outcome.failed and operation.failed:
            dialect = DIALECTS[process.program.language]
            for part in outcome.failed:
                text = dialect.error(part.failure)
                for at in part.times:
                    self._logbook.say(process, at, operation.failed, operation.name, error=text)
        if operation.traced:
            names = (process.program.name, self._app.namespace, operation.span_name)
            self._record(names, SERVER, "", outcome, operation.spread)
        return outcome

    def _group(
        self,
        process: Process,
        operation: Operation,
        group: tuple[Call, ...],
        outcome: Outcome,
        depth: int,
    ) -> None:
        """Make calls that run at the same time; a request fails with the first that fails."""
        asked = outcome.ok
        slowest = 0.0
        for call in group:
            n = asked if call.share == 1.0 else self._times(asked, call.share)
            if n == 0:
                continue
            span = process.program.name, self._app.namespace
            made = self._call(process, call, n, operation.name, span, depth + 1)
            slowest = max(slowest, made.ms * min(1.0, n / asked) if made.ok else 0.0)
            if call.optional:
                continue
            for part in made.failed:
                # some of them belong to requests that failed already in this group
                lost = min(outcome.ok, round(len(part.times) * outcome.ok / asked))
                if lost:
                    times = shifted(part.times[:lost], 0.3)
                    outcome.failed.append(Failed(part.failure, times, outcome.ms + part.ms))
                    outcome.ok -= lost
        outcome.ms += slowest

    def _times(self, n: int, share: float) -> int:
        whole = int(share)
        return n * whole + int(self._random.binomial(n, share - whole))

    def _call(
        self,
        caller: Process | None,
        call: Call,
        n: int,
        operation: str,
        span_of: tuple[str, str],
        depth: int,
    ) -> Outcome:
        """Make `n` calls, with retries."""
        outcome = self._attempt(caller, call, n, operation, span_of, depth)
        for _ in range(call.retries):
            again = outcome.errors
            if not again:
                break
            waited = max(part.ms for part in outcome.failed)
            retried = self._attempt(caller, call, again, operation, span_of, depth)
            total = outcome.ok + retried.ok
            if total:
                outcome.ms = (outcome.ok * outcome.ms + retried.ok * (retried.ms + waited)) / total
            outcome.ok = total
            outcome.failed = [
                Failed(part.failure, part.times, part.ms + waited) for part in retried.failed
            ]
        return outcome

    def _attempt(
        self,
        caller: Process | None,
        call: Call,
        n: int,
        operation: str,
        span_of: tuple[str, str],
        depth: int,
    ) -> Outcome:
        reached = self._network.reach(caller, call.to, call.port, call.via)
        outcome = Outcome(0, 0.0)
        if isinstance(reached, Failure):
            outcome.failed.append(Failed(reached, self._moments(n), reached.cost_ms))
        else:
            shares = _split(n, len(reached), self._random)
            for (target, _), count in zip(reached, shares, strict=True):
                if count:
                    self._deliver(caller, call, target, count, outcome, depth)
        if caller is not None and outcome.failed:
            self._log(caller, call, outcome, operation)
        target_name = self._app.services[call.to].operations[call.operation].span_name
        names = (*span_of, call.span or _client_span(target_name))
        self._record(names, CLIENT, call.to, outcome, 0.35)
        return outcome

    def _deliver(
        self,
        caller: Process | None,
        call: Call,
        target: Process,
        n: int,
        outcome: Outcome,
        depth: int,
    ) -> None:
        """Let one process answer `n` calls, and add that to the outcome."""
        if caller is not None:
            command = f'{{ {call.operation}: "{call.span or call.to}" }}'
            refused = self._programs.refusal(caller, call.to, command)
            if refused:
                target.worked(n)
                times = self._moments(n)
                if target.program.language == "mongod" and refused.kind == "denied":
                    for at in times:
                        context = f"conn{1 + caller.seed('connection') % 40}"
                        self._logbook.write(target, at, denial(at, context, refused))
                outcome.failed.append(Failed(refused, times, 0.4))
                return
        operation = target.program.operations.get(call.operation)
        if operation is None or depth > _MAX_DEPTH:
            failure = Failure("answered", call.to, call.port, detail=_unknown(call.operation))
            outcome.failed.append(Failed(failure, self._moments(n), 0.4))
            return
        served = self._serve(target, operation, n, depth)
        ms = served.ms + _HOP_MS
        if outcome.ok + served.ok:
            outcome.ms = (outcome.ok * outcome.ms + served.ok * ms) / (outcome.ok + served.ok)
        outcome.ok += served.ok
        dialect = DIALECTS[target.program.language]
        for part in served.failed:
            failure = Failure("answered", call.to, call.port, detail=dialect.answer(part.failure))
            outcome.failed.append(Failed(failure, shifted(part.times, 0.4), part.ms + _HOP_MS))

    def _log(self, caller: Process, call: Call, outcome: Outcome, operation: str) -> None:
        dialect = DIALECTS[caller.program.language]
        for part in outcome.failed:
            self._logbook.client_failed(caller, part.times, part.failure, operation)
            text = dialect.error(part.failure)
            if call.crashes:
                self._crash(caller, call, part.times[0], text, operation)
                return
            for line in (call.failed if part.failure.connected else None, call.always):
                if line is not None:
                    for at in part.times:
                        self._logbook.say(caller, at, line, operation, error=text)

    def _crash(self, caller: Process, call: Call, at: datetime, error: str, operation: str) -> None:
        """The first failure ends the caller; what else it was doing fails without a word."""
        if caller.crashed:
            return
        caller.crashed = True
        line = call.always or Line("{error}", level="panic")
        self._logbook.say(caller, at, line, operation, error=error)
        if caller.program.language == "go":
            for text in panic_dump(caller, line.text.replace("{error}", error), line.at):
                self._logbook.write(caller, at, text)

    def _record(
        self, names: tuple[str, str, str], kind: str, peer: str, outcome: Outcome, spread: float
    ) -> None:
        service, namespace, span = names
        key = (service, namespace, span, kind, OK, peer)
        self._spans.record(key, outcome.ok, outcome.ms, spread)
        for part in outcome.failed:
            key = (service, namespace, span, kind, ERROR, peer)
            self._spans.record(key, len(part.times), part.ms, spread)

    def _moments(self, n: int) -> list[datetime]:
        """Draw `n` instants of the present tick, in order."""
        offsets = np.sort(self._random.random(n)) * self._seconds
        return [self._start + timedelta(seconds=float(offset)) for offset in offsets]


def _client_span(server_span: str) -> str:
    """Thrift services name a client span after the operation; others like the server's."""
    if server_span.endswith("_server"):
        return server_span.removesuffix("_server") + "_client"
    return server_span


def _split(n: int, parts: int, random: np.random.Generator) -> list[int]:
    """Spread calls evenly; who gets the remainder is chance."""
    if parts == 1:
        return [n]
    shares = [n // parts] * parts
    for index in random.permutation(parts)[: n % parts]:
        shares[int(index)] += 1
    return shares


def _unknown(operation: str) -> str:
    if operation.startswith("/") and "." in operation:
        service = operation.strip("/").split("/")[0]
        return f"rpc error: code = Unimplemented desc = unknown service {service}"
    return f"Invalid method name: '{operation}'"
