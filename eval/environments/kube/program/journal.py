"""Writes the program's log on stdout, in its language's layout."""

from __future__ import annotations

import os
import socket
import sys
from datetime import UTC, datetime

from eval.apps.model import Line, Service
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages import DIALECTS
from eval.environments.emulator.traffic.languages.go import panic_dump
from eval.environments.emulator.traffic.processes import Process


def now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


class Journal:
    """The log of one program."""

    def __init__(self, program: Service, namespace: str) -> None:
        host, started = socket.gethostname(), now()
        pod = {
            "metadata": {"name": host, "namespace": namespace, "uid": host},
            "spec": {},
            "status": {"podIP": own_address()},
        }
        self.process = Process(program, pod, program.container_name, started, started)
        self.dialect = DIALECTS[program.language]

    def write(self, text: str) -> None:
        """Log a text as it is."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def say(self, line: Line, operation: str = "", **values: str) -> None:
        """Log a line of the app's description, with its placeholders filled in."""
        text = line.text
        for key, value in values.items():
            text = text.replace("{" + key + "}", value)
        at = now()
        self.write(self.dialect.line(self.process, at, line.level, line.at, text, operation))

    def client_failed(self, failure: Failure, operation: str) -> None:
        """Log what the client library logs by itself."""
        for text in self.dialect.client_lines(self.process, now(), failure, operation):
            self.write(text)

    def error(self, failure: Failure) -> str:
        """The text of the error that the client library returns."""
        return self.dialect.error(failure)

    def die(self, line: Line, failure: Failure | None, code: int, operation: str = "") -> None:
        """Log the last words and end the process."""
        error = self.error(failure) if failure else ""
        self.say(line, operation, error=error)
        if line.level == "panic" and self.process.program.language == "go":
            for text in panic_dump(self.process, line.text.replace("{error}", error), line.at):
                self.write(text)
        os._exit(code)


def own_address() -> str:
    """The pod's IP address."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"
