"""Who says what when something fails."""

from __future__ import annotations

from datetime import datetime

from eval.apps.model import Call, Line, Operation
from eval.environments.emulator.traffic.batches import Outcome
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages import DIALECTS
from eval.environments.emulator.traffic.languages.go import panic_dump
from eval.environments.emulator.traffic.languages.mongod import denial
from eval.environments.emulator.traffic.logbook import Logbook
from eval.environments.emulator.traffic.processes import Process


class Voices:
    """Writes the lines of callers, callees and stores into the logbook."""

    def __init__(self, logbook: Logbook) -> None:
        self._logbook = logbook

    def operation_failed(self, process: Process, operation: Operation, outcome: Outcome) -> None:
        """A program notes each request that it could not answer."""
        assert operation.failed is not None
        dialect = DIALECTS[process.program.language]
        for part in outcome.failed:
            text = dialect.error(part.failure)
            for at in part.times:
                self._logbook.say(process, at, operation.failed, operation.name, error=text)

    def call_failed(self, caller: Process, call: Call, outcome: Outcome, operation: str) -> None:
        """A caller, and its client library, note each call that failed."""
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

    def store_refused(
        self, caller: Process, store: Process, times: list[datetime], failure: Failure
    ) -> None:
        """A store notes what it refused."""
        if store.program.language == "mongod":
            if failure.kind == "denied":
                context = f"conn{1 + caller.seed('connection') % 40}"
                for at in times:
                    self._logbook.write(store, at, denial(store.shown(at), context, failure))
            return
        dialect = DIALECTS[store.program.language]
        for at in times:
            shown = store.shown(at)
            for line in dialect.refused_lines(store, caller, shown, failure.user, failure):
                self._logbook.write(store, at, line)

    def cannot_accept(self, process: Process, port: int, at: datetime) -> None:
        """A server notes that it has no descriptor left for a new connection."""
        text = f"accept tcp [::]:{port}: accept4: too many open files; retrying in 1s"
        self._logbook.say(process, at, Line(text), "")

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
