"""Requests on their way through the call graph.

Requests of one kind travel together as a batch; each call splits it into those that succeed and
those that fail, and failures travel back to the callers as they would one by one. What happens is
decided by the cluster's state alone.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from eval.apps.model import App, Call, Line, Operation
from eval.environments.emulator.traffic.batches import Attempt, Failed, Made, Outcome, Served
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.flags import FeatureFlags
from eval.environments.emulator.traffic.hosts import Hosts, Resource, retransmission
from eval.environments.emulator.traffic.languages import DIALECTS
from eval.environments.emulator.traffic.load import late_share
from eval.environments.emulator.traffic.logbook import Logbook, shifted
from eval.environments.emulator.traffic.network import Network
from eval.environments.emulator.traffic.processes import Process
from eval.environments.emulator.traffic.programs import AppPrograms
from eval.environments.emulator.traffic.queues import Queues
from eval.environments.emulator.traffic.refusals import Refusals
from eval.environments.emulator.traffic.spans import CLIENT, ERROR, OK, SERVER, SpanKey, SpanMetrics
from eval.environments.emulator.traffic.stores import Accounts
from eval.environments.emulator.traffic.voices import Voices

_HOP_MS = 0.25
_MAX_DEPTH = 32
_WRITES = ("insert", "update", "set", "write", "delete", "put", "save", "create", "publish")
_NO_SPACE = {"disk": "No space left on device", "shm": 'could not resize shared memory segment "/PostgreSQL.1804289383" to 16777216 bytes: No space left on device'}  # fmt: skip


class Flow:
    """Lets batches of requests through the app, between two instants."""

    def __init__(
        self,
        app: App,
        network: Network,
        programs: AppPrograms,
        accounts: Accounts,
        hosts: Hosts,
        flags: FeatureFlags,
        queues: Queues,
        spans: SpanMetrics,
        logbook: Logbook,
        random: np.random.Generator,
    ) -> None:
        self._app = app
        self._network = network
        self._programs = programs
        self._accounts = accounts
        self._hosts = hosts
        self._flags = flags
        self._queues = queues
        self._spans = spans
        self._logbook = logbook
        self._voices = Voices(logbook)
        self._random = random
        self._refusals = Refusals()
        self._start = datetime.min
        self._seconds = 0.0
        self._pace = 1.0
        self._client_keys: dict[tuple[int, str, str], tuple[Call, SpanKey, SpanKey]] = {}
        self._server_keys: dict[tuple[str, str], tuple[SpanKey, SpanKey]] = {}

    def begin(self, start: datetime, end: datetime) -> None:
        """Let the following batches happen between `start` and `end`."""
        self._start = start
        self._seconds = (end - start).total_seconds()
        self._pace = float(self._random.lognormal(0.0, 0.06))

    def users(self, call: Call, requests: int) -> Made:
        """Let users send `requests` of one kind to the app."""
        workload = self._app.workload
        span = (workload.client, workload.namespace)
        return self._call(None, call, requests, requests, "", span, 0, 0.0)[0]

    def turned_away(self, call: Call, requests: int, failure: Failure) -> Made:
        """Let users' requests fail before they reach the app."""
        workload = self._app.workload
        made = Made(None, call, requests, requests)
        outcome = Outcome(0, 0.0)
        outcome.failed.append(Failed(failure, self.moments(requests, 1.0), 1.0))
        made.attempts.append(Attempt(outcome, _HOP_MS))
        span = (workload.client, workload.namespace)
        self._record(self._client_span(call, span), outcome)
        return made

    def consume(self, process: Process, operation: Operation, messages: int) -> Outcome:
        """Let a consumer work on messages."""
        return self._serve(process, operation, messages, 0, 0.0)[0]

    def moments(self, n: int, after_ms: float = 0.0) -> list[datetime]:
        """When `n` requests of this step are `after_ms` after their beginning, in order."""
        offsets = np.sort(self._random.random(n)) * self._seconds + after_ms / 1000
        return [self._start + timedelta(seconds=offset) for offset in offsets.tolist()]

    def _serve(
        self, process: Process, operation: Operation, n: int, depth: int, elapsed: float
    ) -> tuple[Outcome, Served]:
        load, active = process.load, self._flags.on(process, operation.name)
        own = operation.latency_ms * self._pace + active.latency_ms + load.stretch_ms
        if active.pause_ms:
            own += active.pause_ms * active.pause_ms / 20_000
        wait = load.wait_ms
        outcome = Outcome(n, own + wait, (own * operation.spread) ** 2 + wait * wait * 0.6)
        served = Served(process, operation, own, wait, n)
        if active.error_share and active.error is not None:
            lost = int(self._random.binomial(n, active.error_share))
            self._own_errors(process, operation, active.error, lost, outcome, elapsed)
        if process.program.settings:
            broken = self._programs.broken_setting(process, operation.name)
            if broken is not None:
                self._own_errors(process, operation, broken, outcome.ok, outcome, elapsed)
        if not self._hosts.fine:
            exhausted = self._hosts.of(process.program.name).exhausted
            if exhausted:
                self._no_space(process, operation, exhausted, outcome, elapsed)
        for group in operation.calls:
            if outcome.ok == 0:
                break
            self._group(process, operation, group, outcome, served, depth, elapsed)
        process.worked(n, cpu_factor=active.cpu_factor, held_ms=max(0.0, _mean_ms(outcome) - wait))
        if outcome.failed and operation.failed:
            self._voices.operation_failed(process, operation, outcome)
        if operation.traced and not process.crashed:
            self._record(self._server_span(process.program.name, operation.span_name), outcome)
        return outcome, served

    def _own_errors(
        self,
        process: Process,
        operation: Operation,
        line: Line,
        lost: int,
        outcome: Outcome,
        elapsed: float,
    ) -> None:
        """Let a program fail `lost` requests by itself."""
        if not lost:
            return
        times = self.moments(lost, elapsed + outcome.ms)
        for at in times:
            self._logbook.say(process, at, line, operation.name)
        failure = Failure("answered", process.program.name, 0, detail=line.text)
        outcome.failed.append(Failed(failure, times, outcome.ms))
        outcome.ok -= lost

    def _no_space(
        self,
        process: Process,
        operation: Operation,
        exhausted: set[Resource],
        outcome: Outcome,
        elapsed: float,
    ) -> None:
        """What fails for want of space on the host."""
        full = "disk" in exhausted and any(word in operation.name.lower() for word in _WRITES)
        kind = "disk" if full else "shm" if "shm" in exhausted else ""
        if not kind or not outcome.ok:
            return
        failure = Failure("answered", process.program.name, 0, detail=_NO_SPACE[kind])
        times = self.moments(outcome.ok, elapsed + outcome.ms)
        outcome.failed.append(Failed(failure, times, outcome.ms))
        outcome.ok = 0

    def _group(
        self,
        process: Process,
        operation: Operation,
        group: tuple[Call, ...],
        outcome: Outcome,
        served: Served,
        depth: int,
        elapsed: float,
    ) -> None:
        """Make calls that run at the same time; a request fails with the first that fails."""
        asked = outcome.ok
        slowest, variance = 0.0, 0.0
        together: list[Made] = []
        for call in group:
            share = call.share
            if call.cache and share < 1.0 and not self._cached(process, call.cache):
                share = 1.0
            n = asked if share == 1.0 else self._times(asked, share)
            if call.topic:
                n = round(n * self._flags.on(process, operation.name).messages)
            if n == 0:
                continue
            span = process.program.name, self._app.namespace
            begun = elapsed + outcome.ms
            made, result = self._call(
                process, call, asked, n, operation.name, span, depth + 1, begun
            )
            together.append(made)
            if call.topic and result.ok:
                self._queues.publish(call.to, call.topic, result.ok)
            part_of_all = min(1.0, n / asked)
            mean = _mean_ms(result) if call.optional else result.ms
            if (result.ok or call.optional) and mean * part_of_all > slowest:
                slowest, variance = mean * part_of_all, result.variance * part_of_all
            if call.optional:
                continue
            standing = outcome.ok
            for part in result.failed:
                # some of them belong to requests that another call of this group has failed already
                lost = min(outcome.ok, round(len(part.times) * standing / asked))
                if lost:
                    times = shifted(part.times[:lost], 0.3)
                    failed = Failed(part.failure, times, outcome.ms + part.ms, made, part)
                    outcome.failed.append(failed)
                    outcome.ok -= lost
        served.groups.append(together)
        outcome.ms += slowest
        outcome.variance += variance

    def _cached(self, process: Process, cache: str) -> bool:
        """Whether a cache spares its caller the call behind it."""
        calls = [call for call in process.program.calls() if call.to == cache]
        call = calls[0] if calls else Call(cache, "")
        reached = self._network.reach(process, call)
        if isinstance(reached, Failure) or self._network.crowded(cache) > 0.5:
            return False
        delay, loss = self._hosts.path(process.program.name, cache)
        return delay < call.timeout_ms and loss < 0.9

    def _times(self, n: int, share: float) -> int:
        whole = int(share)
        return n * whole + int(self._random.binomial(n, share - whole))

    def _call(
        self,
        caller: Process | None,
        call: Call,
        asked: int,
        n: int,
        operation: str,
        span_of: tuple[str, str],
        depth: int,
        elapsed: float,
    ) -> tuple[Made, Outcome]:
        """Make `n` calls, with retries; return how they were made and what became of them."""
        made = Made(caller, call, asked, n)
        outcome = self._attempt(made, n, operation, span_of, depth, elapsed)
        for number in range(call.retries if outcome.failed else 0):
            again = outcome.errors
            if not again:
                break
            pause = call.backoff_ms * 2**number
            waited = max(part.ms for part in outcome.failed) + pause
            retried = self._attempt(made, again, operation, span_of, depth, elapsed + waited)
            total = Outcome(outcome.ok, outcome.ms, outcome.variance)
            total.merge(retried.ok, retried.ms + waited, retried.variance)
            total.failed = [
                Failed(p.failure, p.times, p.ms + waited, p.made, p.origin, p.served)
                for p in retried.failed
            ]
            outcome = total
            elapsed += waited
        return made, outcome

    def _attempt(
        self,
        made: Made,
        n: int,
        operation: str,
        span_of: tuple[str, str],
        depth: int,
        elapsed: float,
    ) -> Outcome:
        caller, call = made.caller, made.call
        outcome = Outcome(0, 0.0)
        attempt = Attempt(outcome, _HOP_MS)
        made.attempts.append(attempt)
        waited = 0.0
        if caller is not None and call.to in caller.program.pools:
            waited, n = self._pooled(caller, call, n, outcome, elapsed)
        reached = self._network.reach(caller, call) if n else []
        if isinstance(reached, Failure):
            for failure, count, cost in self._refused(caller, call, reached, n):
                ms = min(cost, call.timeout_ms) + waited
                outcome.failed.append(Failed(failure, self.moments(count, elapsed + ms), ms))
        elif reached:
            if len(reached) == 1:
                target, port = reached[0]
                self._deliver(attempt, made, target, port, n, depth, elapsed, waited)
            else:
                shares = _split(n, len(reached), self._random)
                for (target, port), count in zip(reached, shares, strict=True):
                    if count:
                        self._deliver(attempt, made, target, port, count, depth, elapsed, waited)
        if caller is not None:
            pool = caller.program.pools.get(call.to)
            if pool is not None and n:
                state = caller.pools.of(call.to)
                state.calls += n
                state.held_ms += n * max(0.0, _mean_ms(outcome) - waited)
            if outcome.failed:
                self._voices.call_failed(caller, call, outcome, operation)
        if caller is not None and caller.crashed:
            return outcome  # what it counted ends with it
        self._record(self._client_span(call, span_of), outcome)
        return outcome

    def _refused(
        self, caller: Process | None, call: Call, failure: Failure, n: int
    ) -> list[tuple[Failure, int, float]]:
        """How `n` attempts to connect fail, and after how many ms: a channel of gRPC knows already."""
        if not failure.rejected or _by_channel(call):
            return [(failure, n, failure.cost_ms)]
        address = caller.ip if caller else self._app.workload.client
        spread = self._refusals.spread(
            address, self._start, self._seconds, n, call.timeout_ms, self._random
        )
        found = [(failure, count, failure.cost_ms + wait) for count, wait in spread]
        vain = n - sum(count for count, _ in spread)
        if vain:
            late = replace(failure, kind="unreachable", after_ms=call.timeout_ms, rejected=False)
            found.append((late, vain, call.timeout_ms))
        return found

    def _pooled(
        self, caller: Process, call: Call, n: int, outcome: Outcome, elapsed: float
    ) -> tuple[float, int]:
        """Let calls wait for a connection of the caller's pool; some wait in vain."""
        pool, state = caller.program.pools[call.to], caller.pools.of(call.to)
        lost = int(self._random.binomial(n, state.exhausted)) if state.exhausted > 1e-9 else 0
        if lost:
            address = self._network.address(caller, call)
            failure = Failure("exhausted", *address, detail=str(pool.size), after_ms=pool.wait_ms)
            times = self.moments(lost, elapsed + pool.wait_ms)
            outcome.failed.append(Failed(failure, times, pool.wait_ms))
            if pool.exhausted is not None:
                for at in times:
                    self._logbook.say(caller, at, pool.exhausted, call.operation)
            state.calls += lost
            # they would have held one as long as the others did
            state.held_ms += lost * pool.wait_ms * 0.5
        return state.wait_ms, n - lost

    def _deliver(
        self,
        attempt: Attempt,
        made: Made,
        target: Process,
        port: int,
        n: int,
        depth: int,
        elapsed: float,
        waited: float,
    ) -> None:
        """Let one process answer `n` calls, and add that to the outcome."""
        caller, call, outcome = made.caller, made.call, attempt.outcome
        host = call.to
        if target.load.refused <= 1e-9 and target.program.store is None and self._hosts.fine:
            target.load.offered += n
        else:
            n = self._turned_away(made, target, port, n, outcome, elapsed + waited)
            if not n:
                return
        if caller is not None and caller.program.logins:
            command = f'{{ {call.operation}: "{call.span or call.to}" }}'
            refused = self._programs.refusal(caller, call.to, target, port, command)
            if refused:
                target.load.offered += n
                target.worked(n)
                times = self.moments(n, elapsed + 0.4)
                self._voices.store_refused(caller, target, times, refused)
                outcome.failed.append(Failed(refused, times, 0.4))
                return
        operation = target.program.operations.get(call.operation)
        if operation is None or depth > _MAX_DEPTH:
            failure = Failure("answered", host, port, detail=_unknown(call.operation))
            outcome.failed.append(Failed(failure, self.moments(n, elapsed + 0.4), 0.4))
            return
        delay = added = lost = 0.0
        if not self._hosts.fine:
            source = caller.program.name if caller else ""
            delay, loss = self._hosts.path(source, target.program.name)
            added, lost = retransmission(loss, call.timeout_ms) if loss else (0.0, 0.0)
        network = _HOP_MS + delay + added
        attempt.network_ms = network
        state = self._accounts.state(target.program.name)
        locked = state is not None and state.locks(call.operation)
        served, shape = self._serve(target, operation, n, depth, elapsed + waited + network / 2)
        attempt.served.append((shape, n))
        ms = waited + served.ms + network
        late = 1.0 if locked else 0.0
        if not locked and (served.uneven or ms * 8 >= call.timeout_ms):
            late = late_share(ms, served.sigma, call.timeout_ms)
        late = 1 - (1 - late) * (1 - lost)
        timeouts = int(self._random.binomial(served.ok, late)) if late > 1e-9 else 0
        ok = served.ok - timeouts
        if ok:
            # those that are in time are faster than the average of all
            outcome.merge(ok, min(ms, call.timeout_ms * 0.9), served.variance + (delay * 0.1) ** 2)
        if not timeouts and not served.failed:
            return
        dialect = DIALECTS[target.program.language]
        engine = target.program.store.engine if target.program.store else ""
        timed_out = Failure(
            "timeout", host, port, target.ip, engine=engine, after_ms=call.timeout_ms
        )
        if timeouts:
            times = self.moments(timeouts, elapsed + call.timeout_ms)
            outcome.failed.append(Failed(timed_out, times, call.timeout_ms, served=shape))
        for part in served.failed:
            took = waited + part.ms + network
            if took > call.timeout_ms:
                times = self.moments(len(part.times), elapsed + call.timeout_ms)
                failed = Failed(timed_out, times, call.timeout_ms, None, part, shape)
            else:
                answer = Failure(
                    "answered", host, port, target.ip, dialect.answer(part.failure), engine
                )
                failed = Failed(answer, shifted(part.times, 0.4), took, None, part, shape)
            outcome.failed.append(failed)

    def _turned_away(
        self, made: Made, target: Process, port: int, n: int, outcome: Outcome, elapsed: float
    ) -> int:
        """Let a target refuse what it has no room for; return how many it takes."""
        caller, call = made.caller, made.call
        store = target.program.store
        engine = store.engine if store else ""
        exhausted = None if self._hosts.fine else self._hosts.of(target.program.name).exhausted
        if (
            exhausted
            and not store
            and not exhausted.isdisjoint(("connections", "file_descriptors"))
        ):
            # nothing accepts any more: the connection waits in the kernel's queue
            cost = min(call.timeout_ms, 10_000.0)
            failure = Failure("unreachable", call.to, port, target.ip, after_ms=cost)
            outcome.failed.append(Failed(failure, self.moments(n, elapsed + cost), cost))
            if "file_descriptors" in exhausted:
                self._voices.cannot_accept(target, port, self.moments(1)[0])
            return 0
        if store is not None and caller is not None:
            crowded = self._network.crowded(target.program.name)
            lost = int(self._random.binomial(n, crowded)) if crowded else 0
            if lost:
                failure = Failure("too_many", call.to, port, target.ip, engine=engine)
                outcome.failed.append(Failed(failure, self.moments(lost, elapsed + 0.6), 0.6))
                n -= lost
        target.load.offered += n
        refused = target.load.refused
        lost = int(self._random.binomial(n, refused)) if refused > 1e-9 else 0
        if lost:
            failure = Failure("refused", call.to, port, target.ip, engine=engine)
            outcome.failed.append(Failed(failure, self.moments(lost, elapsed + 0.6), 0.6))
        return n - lost

    def _client_span(self, call: Call, span_of: tuple[str, str]) -> tuple[SpanKey, SpanKey]:
        """The keys of a caller's spans that went well and of those that failed."""
        place = (id(call), *span_of)
        found = self._client_keys.get(place)
        if found is None or found[0] is not call:
            known = self._app.services[call.to].operations.get(call.operation)
            name = call.span or client_span(known.span_name if known else call.operation)
            one, other = ((*span_of, name, CLIENT, status, call.to) for status in (OK, ERROR))
            found = self._client_keys[place] = call, one, other
        return found[1], found[2]

    def _server_span(self, service: str, span: str) -> tuple[SpanKey, SpanKey]:
        found = self._server_keys.get((service, span))
        if found is None:
            place = service, self._app.namespace, span, SERVER
            found = (*place, OK, ""), (*place, ERROR, "")
            self._server_keys[service, span] = found
        return found

    def _record(self, keys: tuple[SpanKey, SpanKey], outcome: Outcome) -> None:
        if outcome.ok:
            self._spans.record(keys[0], outcome.ok, outcome.ms, outcome.sigma)
        for part in outcome.failed:
            self._spans.record(keys[1], len(part.times), part.ms, 0.35)


def client_span(server_span: str) -> str:
    """Thrift services name a client span after the operation; others like the server's."""
    if server_span.endswith("_server"):
        return server_span.removesuffix("_server") + "_client"
    return server_span


def _by_channel(call: Call) -> bool:
    """Whether it is a call of gRPC: its channel connects by itself, ever more rarely."""
    return call.operation.startswith("/") and "." in call.operation


def _mean_ms(outcome: Outcome) -> float:
    """The mean time of all requests, those that failed among them."""
    if not outcome.failed:
        return outcome.ms
    total = outcome.ok * outcome.ms
    count = outcome.ok
    for part in outcome.failed:
        total += len(part.times) * part.ms
        count += len(part.times)
    return total / count if count else 0.0


def _split(n: int, parts: int, random: np.random.Generator) -> list[int]:
    """Spread calls evenly; who gets the remainder is chance."""
    shares = [n // parts] * parts
    for index in random.permutation(parts)[: n % parts]:
        shares[int(index)] += 1
    return shares


def _unknown(operation: str) -> str:
    if operation.startswith("/") and "." in operation:
        service = operation.strip("/").split("/")[0]
        return f"rpc error: code = Unimplemented desc = unknown service {service}"
    if operation.rpartition(" ")[2].startswith("/"):
        return "404 Not Found"
    return f"Invalid method name: '{operation}'"
