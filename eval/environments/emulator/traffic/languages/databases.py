"""Database servers: PostgreSQL's and MySQL's own logs."""

from __future__ import annotations

from datetime import datetime, timedelta

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import NO_USER, Failure
from eval.environments.emulator.traffic.languages.base import Silent, millis
from eval.environments.emulator.traffic.processes import Process


class Postgresql(Silent):
    """PostgreSQL, in the layout of its container image."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`2026-11-21 10:00:00.123 UTC [1] LOG:  text`; the place is the process id."""
        name = {"error": "ERROR", "fatal": "FATAL", "panic": "PANIC", "warning": "WARNING"}
        stamp = f"{at:%Y-%m-%d %H:%M:%S}.{millis(at)} UTC"
        return f"{stamp} [{place or 1}] {name.get(level, 'LOG')}:  {text}"

    def started(self, process: Process) -> list[tuple[float, str]]:
        """What the server says until it accepts connections."""
        port = process.program.ports[0].port
        said = [
            (0.10, "1", "starting PostgreSQL 17.4 on x86_64-pc-linux-gnu, 64-bit"),
            (0.11, "1", f'listening on IPv4 address "0.0.0.0", port {port}'),
            (0.14, "29", "database system was shut down cleanly"),
            (0.20, "1", "database system is ready to accept connections"),
        ]
        return _timed(self, process, said)

    def refused_lines(
        self, process: Process, client: Process, at: datetime, user: str, failure: Failure
    ) -> list[str]:
        """A refused login, a refused statement, or too many connections."""
        backend = str(100 + process.next_number() % 30000)
        if failure.kind == "unauthenticated":
            text = f'password authentication failed for user "{user}"'
            rule = 'Connection matched file "/var/lib/postgresql/data/pg_hba.conf" line 128: "host all all all scram-sha-256"'
            unknown = failure.detail == NO_USER
            # the rule follows on a line of its own, without a prefix
            more = [f'Role "{user}" does not exist.', f"\t{rule}"] if unknown else [rule]
            detail = self.line(process, at, "info", backend, more[0], "").replace("LOG:", "DETAIL:")
            return [self.line(process, at, "fatal", backend, text, ""), detail, *more[1:]]
        if failure.kind == "denied":
            text = f"permission denied for table {failure.detail}"
            return [self.line(process, at, "error", backend, text, "")]
        if failure.kind == "too_many":
            return [self.line(process, at, "fatal", backend, "sorry, too many clients already", "")]
        return []


class Mysql(Silent):
    """MySQL 8."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`2026-11-21T10:00:00.123456Z 0 [System] [MY-010931] [Server] text`; the place is the code."""
        name = {"error": "ERROR", "fatal": "ERROR", "panic": "ERROR", "warning": "Warning"}
        stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}Z"
        return f"{stamp} 0 [{name.get(level, 'System')}] [{place or 'MY-010116'}] [Server] {text}"

    def started(self, process: Process) -> list[tuple[float, str]]:
        """What the server says until it accepts connections."""
        port = process.program.ports[0].port
        said = [
            (0.10, "MY-010116", "/usr/sbin/mysqld (mysqld 8.0.36) starting as process 1"),
            (1.20, "MY-010931", f"/usr/sbin/mysqld: ready for connections. Version: '8.0.36'  port: {port}"),
        ]  # fmt: skip
        return _timed(self, process, said)

    def refused_lines(
        self, process: Process, client: Process, at: datetime, user: str, failure: Failure
    ) -> list[str]:
        """A refused login, or too many connections."""
        if failure.kind == "unauthenticated":
            text = f"Access denied for user '{user}'@'{client.ip}' (using password: YES)"
            return [self.line(process, at, "warning", "MY-010926", text, "")]
        if failure.kind == "too_many":
            return [self.line(process, at, "warning", "MY-010055", "Too many connections", "")]
        return []


def _timed(
    dialect: Silent, process: Process, said: list[tuple[float, str, str]]
) -> list[tuple[float, str]]:
    start = process.started
    return [
        (after, dialect.line(process, start + timedelta(seconds=after), "info", place, text, ""))
        for after, place, text in said
    ]
