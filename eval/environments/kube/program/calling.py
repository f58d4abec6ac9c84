"""Calls as the app describes them: retries, time-outs, pools, caches, and what the caller logs."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from urllib.parse import quote

from eval.apps.model import App, Call, Line, Operation, Service
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.kube.program.catalog import Registered
from eval.environments.kube.program.dialling import CallFailed, Dialler, refusal
from eval.environments.kube.program.flags import Flags
from eval.environments.kube.program.journal import Journal
from eval.environments.kube.program.measure import CLIENT, ERROR, OK, Measures
from eval.environments.kube.program.tracing import Trace, Tracer
from eval.environments.kube.program.wire import Message

_CRASH_EXIT_CODE = 2


@dataclass
class Calls:
    """Makes the calls of one program."""

    app: App
    program: Service
    name: str
    namespace: str
    dialler: Dialler
    registered: Registered
    journal: Journal
    measures: Measures
    tracer: Tracer
    flags: Flags

    def __post_init__(self) -> None:
        self._slots: dict[str, asyncio.Semaphore] = {
            name: asyncio.Semaphore(pool.size) for name, pool in self.program.pools.items()
        }
        self._broken_caches: set[str] = set()

    async def group(
        self, calls: tuple[Call, ...], operation: Operation, trace: Trace
    ) -> Failure | None:
        """Make calls at the same time; return the first failure that matters."""
        wanted = [call for call in calls for _ in range(self._times(call))]
        if len(wanted) == 1:
            results = [await self.call(wanted[0], operation.name, trace)]
        else:
            results = list(
                await asyncio.gather(*(self.call(one, operation.name, trace) for one in wanted))
            )
        failures = [r for c, r in zip(wanted, results, strict=True) if r and not c.optional]
        return failures[0] if failures else None

    def _times(self, call: Call) -> int:
        share = 1.0 if call.cache and call.cache in self._broken_caches else call.share
        whole = int(share)
        return whole + (random.random() < share - whole)

    async def call(self, call: Call, operation: str, trace: Trace) -> Failure | None:
        """Make one call, with its retries; return why it failed, None if it did not."""
        failure = await self._attempt(call, operation, trace)
        for _ in range(call.retries):
            if failure is None:
                break
            await asyncio.sleep(call.backoff_ms / 1000)
            failure = await self._attempt(call, operation, trace)
        (self._broken_caches.add if failure else self._broken_caches.discard)(call.to)
        return failure

    async def _attempt(self, call: Call, operation: str, trace: Trace) -> Failure | None:
        span = self.tracer.child(trace, call.span or client_span(self._server_span(call)), "client")
        began = time.monotonic()
        failure: Failure | None = None
        try:
            await self._pooled(call, span)
        except CallFailed as error:
            failure = error.failure
        ms = (time.monotonic() - began) * 1000
        status = ERROR if failure else OK
        key = (self.name, self.namespace, span.name, CLIENT, status, call.to)
        self.measures.record(key, ms)
        self.tracer.end(span, peer=call.to, error=self.journal.error(failure) if failure else "")
        if failure:
            self._log(call, failure, operation)
        return failure

    def _server_span(self, call: Call) -> str:
        operation = self.app.services[call.to].operations.get(call.operation)
        return operation.span_name if operation else call.operation

    async def _pooled(self, call: Call, span: Trace) -> None:
        slots = self._slots.get(call.to)
        if slots is None:
            await self._send(call, span)
            return
        pool = self.program.pools[call.to]
        try:
            async with asyncio.timeout(pool.wait_ms / 1000):
                await slots.acquire()
        except TimeoutError as error:
            if pool.exhausted:
                self.journal.say(pool.exhausted)
            raise CallFailed(Failure("exhausted", call.to, call.port)) from error
        try:
            await self._send(call, span)
        finally:
            slots.release()

    async def _send(self, call: Call, span: Trace) -> None:
        headers = {"traceparent": span.header, "x-client": self.program.name}
        if call.topic:
            headers |= {"x-topic": call.topic, "x-messages": str(self._messages(call))}
        if self.app.services[call.to].store is not None:
            headers["x-command"] = f'{{ {call.operation}: "{call.span or call.to}" }}'
        path = quote(call.operation if call.operation.startswith("/") else "/" + call.operation)
        message = Message("POST", path, headers=headers)
        timeout = call.timeout_ms / 1000
        if call.via == "registry":
            answer, port = await self._through_registry(call, message, timeout)
        else:
            host, port = self.dialler.address(call)
            answer = await self.dialler.request(call.to, host, port, message, timeout)
        if answer.status != 200:
            raise CallFailed(refusal(self.app, self.program, call.to, port, answer))

    def _messages(self, call: Call) -> int:
        factor = 1.0
        for effect in self.flags.active(self.program.effects, ""):
            factor *= effect.messages
        return round(factor)

    async def _through_registry(
        self, call: Call, message: Message, timeout: float
    ) -> tuple[Message, int]:
        while True:
            found = self.registered.pick(call.to)
            if found is None:
                raise CallFailed(Failure("no_address", call.to, call.port))
            try:
                return await self.dialler.request(call.to, *found, message, timeout), found[1]
            except CallFailed as error:
                if error.failure.kind != "refused":
                    raise
                self.registered.drop(call.to, found)

    def _log(self, call: Call, failure: Failure, operation: str) -> None:
        self.journal.client_failed(failure, operation)
        if call.crashes:
            last_words = call.always or Line("{error}", level="panic")
            self.journal.die(last_words, failure, _CRASH_EXIT_CODE, operation)
        text = self.journal.error(failure)
        for line in (call.failed if failure.connected else None, call.always):
            if line is not None:
                self.journal.say(line, operation, error=text)


def client_span(server_span: str) -> str:
    """Thrift services name a client span after the operation; others like the server's."""
    if server_span.endswith("_server"):
        return server_span.removesuffix("_server") + "_client"
    return server_span
