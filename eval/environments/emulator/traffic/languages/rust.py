"""Rust: lines of the tracing crate, reqwest's and sqlx's errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent, worded
from eval.environments.emulator.traffic.processes import Process

_LEVELS: Mapping[Level, str] = {"warning": "WARN", "fatal": "ERROR", "panic": "ERROR"}
_URL = "error sending request for url (http://{service}:{port}/): "
_HTTP: Mapping[str, str] = {
    "no_such_host": _URL
    + "error trying to connect: dns error: failed to lookup address information: Name or service not known",
    "refused": _URL
    + "error trying to connect: tcp connect error: Connection refused (os error 111)",
    "timeout": _URL + "operation timed out",
    "reset": _URL + "connection error: Connection reset by peer (os error 104)",
    "exhausted": "pool timed out while waiting for an open connection",
    "denied": "error returned from database: permission denied for {detail}",
    "unauthenticated": "error returned from database: password authentication failed",
    "answered": "HTTP status server error (500 Internal Server Error) for url (http://{service}:{port}/)",
}


class Rust(Silent):
    """Rust services."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`2026-11-21T10:00:00.123456Z  INFO shipping::quote: text`."""
        name = _LEVELS.get(level, level.upper())
        where = place or process.program.name
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}Z {name:>5} {where}: {text}"

    def error(self, failure: Failure) -> str:
        """The error's text."""
        return worded(failure, _HTTP)

    def answer(self, failure: Failure) -> str:
        """An error page."""
        return f"500 Internal Server Error: {self.error(failure)}"
