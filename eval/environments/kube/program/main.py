"""Starts whichever program the container is for."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from eval.apps.model import App, Service
from eval.apps.stores_api import StoreRefused, Unsupported
from eval.environments.emulator.traffic.queues import Queues
from eval.environments.kube.program import wire
from eval.environments.kube.program.calling import Calls
from eval.environments.kube.program.catalog import Catalog, Registered
from eval.environments.kube.program.collector import Collector
from eval.environments.kube.program.describe import read_app
from eval.environments.kube.program.dialling import Dialler
from eval.environments.kube.program.flags import Flags, read_flags
from eval.environments.kube.program.helpers import run_helper, sidecar
from eval.environments.kube.program.hosts import administer_host
from eval.environments.kube.program.identity import own_program
from eval.environments.kube.program.journal import Journal, own_address
from eval.environments.kube.program.load import Load
from eval.environments.kube.program.measure import Measures
from eval.environments.kube.program.queueing import consume
from eval.environments.kube.program.routine import chat, keep_checkpoints, live_with_flags
from eval.environments.kube.program.serving import Server
from eval.environments.kube.program.start import Start
from eval.environments.kube.program.stores import StoreServer
from eval.environments.kube.program.tools import TOOLS
from eval.environments.kube.program.tracing import PATH as SPANS
from eval.environments.kube.program.tracing import Tracer
from eval.environments.kube.program.wire import Message, Peer

OPERATIONS_PORT = 9464
ADMINISTER, REPORT = "/-/administer", "/-/report"


def main(folder: Path) -> None:
    """Run until told to stop."""
    tool = TOOLS.get(Path(sys.argv[0]).name)
    if tool:
        sys.exit(tool(sys.argv[1:]))
    app = read_app(folder / "app.json")
    asyncio.run(_run(app))


async def _run(app: App) -> None:
    program = own_program(app)
    workload = app.workload
    users = program is None and Path(sys.argv[0]).name == workload.client
    if users:
        program = Service(
            workload.client,
            "",
            language="plain",
            ready_after_seconds=0.0,
            keepalive_seconds=0.0,  # each request is another user's, on a connection of its own
        )
    if program is None and not users:
        name = Path(sys.argv[0]).name
        code = await asyncio.to_thread(run_helper, app, name)
        if code is not None:
            os._exit(code)
        program = sidecar(app, name)
    if program is None:
        program = Service(Path(sys.argv[0]).name, "")
    await Process(app, program, users=users).run()


class Process:
    """One program with all its parts."""

    def __init__(self, app: App, program: Service, *, users: bool) -> None:
        self._app, self._program, self._users = app, program, users
        namespace = app.workload.namespace if users else app.namespace
        self._journal = Journal(program, app.namespace)
        self._measures = Measures()
        process = {"hostname": self._journal.process.pod["metadata"]["name"], "ip": own_address()}
        domain = f".{app.namespace}.svc.cluster.local" if users else ""
        collector = _collector(app, domain)
        self._tracer = Tracer(program.name, process, collector, app.sampling)
        self._flags: Flags
        self._dialler = Dialler(app, program, self._dials, domain)
        self._flags = Flags(app, self._dialler)
        self._registered = Registered(app, program, self._dialler, own_address())
        self._calls = Calls(
            app, program, program.name, namespace, self._dialler, self._registered,
            self._journal, self._measures, self._tracer, self._flags,
        )  # fmt: skip
        store = program.store
        self._store = StoreServer(app, program, store, self._journal) if store else None
        broker = store is not None and store.engine in ("kafka", "rabbitmq")
        self._queues = Queues(app) if broker else None
        self._collects = Collector() if program.name == app.jaeger else None
        self._load: Load | None = None
        self._ballast = bytearray()

    async def run(self) -> None:
        """Start, serve, and stay until told to stop."""
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        await wire.listen(OPERATIONS_PORT, self._operations)
        starting = asyncio.create_task(self._start())
        await stopped.wait()
        starting.cancel()
        await self._registered.withdraw()
        await self._dialler.close()
        os._exit(self._journal.dialect.stop_code)

    async def _start(self) -> None:
        self._ballast = _ballast(self._program.usage.memory_mb)
        await Start(self._app, self._program, self._journal, self._dialler).run()
        await self._registered.renew()
        server = self._server()
        for port in sorted({p.number for p in self._program.ports if p.protocol == "TCP"}):
            if self._store:
                opened, closed = self._store.opened, self._store.closed
                await wire.listen(port, server.answer, opened, closed, self._store.outdated)
            else:
                await wire.listen(port, self._collects.answer if self._collects else server.answer)
        lasting: list[Coroutine[Any, Any, None]] = [self._tracer.send()]
        if self._registered.names or self._program.registered_as:
            lasting.append(self._registered.keep())
        if self._program.effects or (self._users and self._app.workload.flag):
            lasting.append(self._flags.keep())
        lasting += self._routine(server)
        if self._users:
            random.seed(int(os.environ.get("SEED", "0")))
            rate = float(os.environ.get("RATE", self._app.workload.rate))
            self._load = Load(self._app, rate, self._calls, self._tracer, self._flags)
            lasting.append(self._load.run())
        await asyncio.gather(*lasting)

    def _routine(self, server: Server) -> list[Coroutine[Any, Any, None]]:
        program, flags, journal = self._program, self._flags, self._journal
        found = [chat(chatter, journal) for chatter in program.chatter]
        found += [
            consume(
                program,
                each,
                self._app.services[each.broker],
                self._dialler,
                server,
                flags,
                journal,
            )
            for each in program.consumes
        ]
        if program.language == "mongod":
            found.append(keep_checkpoints(journal))
        if program.effects:
            found.append(live_with_flags(program, flags))
        return found

    def _server(self) -> Server:
        catalog = Catalog() if self._program.name == self._app.registry else None
        flags = self._app.flags
        values = b""
        if flags and flags.service == self._program.name:
            values = read_flags(self._app, self._program)
        return Server(
            self._program, self._app.namespace, self._calls, self._journal, self._measures,
            self._tracer, self._flags, self._store, catalog, self._queues, values,
        )  # fmt: skip

    def _dials(self, to: str) -> str:
        for effect in self._flags.active(self._program.effects, ""):
            if to in effect.dials:
                return effect.dials[to]
        return ""

    async def _operations(self, message: Message, peer: Peer) -> Message:
        path = message.path.split("?")[0]
        if path == "/metrics":
            kind = "text/plain; version=0.0.4"
            return Message(headers={"content-type": kind}, body=self._measures.page().encode())
        if path == SPANS and self._collects:
            self._collects.take(message.body)
            return Message(body=b"{}")
        if path == REPORT and self._load:
            seconds = float(message.path.partition("seconds=")[2] or 60)
            return Message(body=self._load.report(seconds))
        if path == ADMINISTER and message.method == "POST":
            return await self._administer(json.loads(message.body))
        return Message(status=404, body=b"404 page not found\n")

    async def _administer(self, wanted: dict[str, Any]) -> Message:
        command, arguments = wanted["command"], wanted["arguments"]
        try:
            if not administer_host(command, arguments):
                if self._store is None:
                    raise StoreRefused(f"{self._program.name} is not a store")
                if self._queues and command in ("publish_poison", "skip_poison"):
                    topic = arguments.get("topic", "")
                    self._queues.administer(self._program.name, command, topic)
                    return Message(body=b"{}")
                await self._store.administer(command, arguments)
        except Unsupported as error:
            return Message(body=json.dumps({"unsupported": str(error)}).encode())
        except (StoreRefused, ValueError, KeyError) as error:
            return Message(body=json.dumps({"refused": str(error)}).encode())
        return Message(body=b"{}")


def _collector(app: App, domain: str) -> tuple[str, int] | None:
    return (app.jaeger + domain, OPERATIONS_PORT) if app.jaeger else None


def _ballast(megabytes: float) -> bytearray:
    """Memory that is really used, so that the process is as large as the app describes it."""
    status = Path("/proc/self/status").read_text("utf-8")
    resident = int(status.partition("VmRSS:")[2].split()[0]) / 1024
    return bytearray(b"\x01") * int(max(0.0, megabytes - resident) * 2**20)
