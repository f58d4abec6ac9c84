"""The server's side of a program: probes, logins, and the operations that the app describes."""

from __future__ import annotations

import asyncio
import json
import math
import random
import time
from dataclasses import replace
from urllib.parse import unquote

from eval.apps.model import Operation, Service
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.queues import Queues
from eval.environments.kube.program.calling import Calls
from eval.environments.kube.program.catalog import Catalog
from eval.environments.kube.program.dialling import LOGIN
from eval.environments.kube.program.flags import PATH as FLAGS
from eval.environments.kube.program.flags import Flags
from eval.environments.kube.program.journal import Journal
from eval.environments.kube.program.measure import ERROR, OK, SERVER, Measures
from eval.environments.kube.program.start import CHECK, mounted
from eval.environments.kube.program.stores import StoreServer
from eval.environments.kube.program.tracing import Trace, Tracer
from eval.environments.kube.program.wire import Message, Peer

TAKE = "/.take"


def take(queues: Queues, broker: str, message: Message) -> Message:
    """Answer a consumer that asks its broker for messages."""
    wanted = json.loads(message.body)
    key = broker, wanted["topic"], wanted["group"]
    answer = {"blocked": queues.group(key).blocked, "taken": queues.take(key, wanted["capacity"])}
    return Message(body=json.dumps(answer).encode())


class Server:
    """Answers the requests of one program."""

    def __init__(
        self, program: Service, namespace: str, calls: Calls, journal: Journal, measures: Measures,
        tracer: Tracer, flags: Flags, store: StoreServer | None = None,
        catalog: Catalog | None = None, queues: Queues | None = None, flag_values: bytes = b"",
    ) -> None:  # fmt: skip
        self._program = program
        self._namespace = namespace
        self._calls = calls
        self._journal = journal
        self._measures = measures
        self._tracer = tracer
        self._flags = flags
        self._store = store
        self._catalog = catalog
        self._queues = queues
        self._flag_values = flag_values
        self._slots = asyncio.Semaphore(program.workers) if program.workers else None
        self._waiting = 0

    async def answer(self, message: Message, peer: Peer) -> Message:
        """Answer one request."""
        if self._catalog is not None and (found := self._catalog.answer(message)) is not None:
            return found
        if message.method == "GET":
            return self._page(message.path.split("?")[0])
        if self._store is not None:
            if message.path == LOGIN:
                return self._store.log_in(message, peer)
            command = message.headers.get("x-command", "")
            if message.path != CHECK or command:
                refused = await self._store.allow(command, peer)
                if refused is not None:
                    return refused
        if message.path == CHECK:
            return Message()
        path = unquote(message.path)
        if self._queues is not None and path == TAKE:
            return take(self._queues, self._program.name, message)
        operations = self._program.operations
        operation = operations.get(path) or operations.get(path[1:])
        if operation is None:
            return Message(status=500, body=_unknown(path).encode())
        answer = await self._admitted(operation, message)
        if self._queues is not None and answer.status == 200 and "x-topic" in message.headers:
            number = int(message.headers.get("x-messages", "1"))
            self._queues.publish(self._program.name, message.headers["x-topic"], number)
        return answer

    def _page(self, path: str) -> Message:
        if path == FLAGS and self._flag_values:
            return Message(body=self._flag_values)
        if path not in self._program.health and path != "/":
            return Message(status=404, body=b"404 page not found\n")
        effects = self._flags.active(self._program.effects, "")
        return Message(status=503 if any(e.not_ready for e in effects) else 200, body=b"ok\n")

    async def _admitted(self, operation: Operation, message: Message) -> Message:
        if self._slots is None:
            return await self._answered(operation, message)
        if self._slots.locked() and self._program.queue and self._waiting >= self._program.queue:
            return Message(status=503, headers={"x-refusal": "refused"}, body=b"queue full")
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._answered(operation, message)
        finally:
            self._slots.release()

    async def _answered(self, operation: Operation, message: Message) -> Message:
        failure = await self.operate(operation, message.headers.get("traceparent", ""))
        if failure is None:
            return Message()
        return Message(status=500, body=self._journal.dialect.answer(failure).encode())

    async def operate(self, operation: Operation, parent: str) -> Failure | None:
        """Do an operation under a span of its own; return why it failed, None if it did not."""
        span = self._tracer.begin(operation.span_name, "server", parent)
        began = time.monotonic()
        failure = await self._work(operation, span)
        ms = (time.monotonic() - began) * 1000
        text = self._journal.error(failure) if failure else ""
        if operation.traced:
            names = (self._program.name, self._namespace, operation.span_name)
            self._measures.record((*names, SERVER, ERROR if failure else OK, ""), ms)
            self._tracer.end(span, error=text)
        if failure and operation.failed:
            self._journal.say(operation.failed, operation.name, error=text)
        return failure

    async def _work(self, operation: Operation, span: Trace) -> Failure | None:
        effects = self._flags.active(self._program.effects, operation.name)
        extra = sum(effect.latency_ms for effect in effects)
        await asyncio.sleep((_lognormal(operation.latency_ms, operation.spread) + extra) / 1000)
        wrong = self._wrong_setting(operation)
        if wrong is not None:
            return wrong
        for effect in effects:
            if random.random() < self._flags.error_share(effect):
                if effect.error:
                    self._journal.say(effect.error, operation.name)
                text = effect.error.text if effect.error else "internal error"
                return Failure("answered", self._program.name, 0, detail=text)
        for group in operation.calls:
            failure = await self._calls.group(group, operation, span)
            if failure is not None:
                return failure
        return None

    def _wrong_setting(self, operation: Operation) -> Failure | None:
        for setting in self._program.settings:
            if setting.operation and setting.operation != operation.name:
                continue
            path = mounted(self._program, setting.file)
            if path is None or setting.holds not in path.read_text("utf-8"):
                said = setting.error
                text = said.text.replace("{file}", setting.file)
                self._journal.say(replace(said, text=text), operation.name)
                return Failure("answered", self._program.name, 0, detail=text)
        return None


def _lognormal(mean: float, spread: float) -> float:
    return mean * math.exp(random.gauss(0.0, spread) - spread * spread / 2)


def _unknown(path: str) -> str:
    if "." in path:
        return f"rpc error: code = Unimplemented desc = unknown service {path.strip('/').split('/')[0]}"
    return f"Invalid method name: '{path.strip('/')}'"
