"""What every dialect can do."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.processes import Process


class Dialect(Protocol):
    """One language with its logging library and its clients."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """Format one log line that the program writes itself."""
        ...

    def client_lines(
        self, process: Process, at: datetime, failure: Failure, operation: str
    ) -> list[str]:
        """What the client library logs by itself when it cannot connect."""
        ...

    def error(self, failure: Failure) -> str:
        """The text of the error that the client library returns or throws."""
        ...

    def answer(self, failure: Failure) -> str:
        """The text of the error that its server sends to its own caller because of a failure."""
        ...

    def started(self, process: Process) -> list[tuple[float, str]]:
        """The lines of a start, for programs whose start the app's YAML does not describe."""
        ...


class Silent:
    """Defaults: nothing is said."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """Format a line plainly."""
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z\t{level.upper()}\t{place}\t{text}"

    def client_lines(
        self, process: Process, at: datetime, failure: Failure, operation: str
    ) -> list[str]:
        """Say nothing."""
        return []

    def error(self, failure: Failure) -> str:
        """Name the failure as the operating system does."""
        if failure.kind == "no_such_host":
            return f"getaddrinfo {failure.service}: Name or service not known"
        if failure.kind == "answered":
            return failure.detail
        if failure.kind == "timeout":
            return f"{failure.service}:{failure.port}: timed out"
        if failure.kind in ("denied", "unauthenticated"):
            return failure.detail or "Authentication failed."
        return f"connect to {failure.service}:{failure.port}: Connection refused"

    def answer(self, failure: Failure) -> str:
        """Pass the error on."""
        return self.error(failure)

    def started(self, process: Process) -> list[tuple[float, str]]:
        """Start silently."""
        return []
