"""Ruby: Sinatra on Puma, Net::HTTP and pg."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent, worded
from eval.environments.emulator.traffic.processes import Process

_LEVELS: Mapping[Level, str] = {"warning": "WARN", "panic": "FATAL"}
_OPEN = "Failed to open TCP connection to {service}:{port} "
_HTTP: Mapping[str, str] = {
    "no_such_host": "SocketError: " + _OPEN + "(getaddrinfo: Name or service not known)",
    "refused": "Errno::ECONNREFUSED: "
    + _OPEN
    + '(Connection refused - connect(2) for "{service}" port {port})',
    "timeout": "Net::ReadTimeout: Net::ReadTimeout with #<TCPSocket:(closed)>",
    "reset": "Errno::ECONNRESET: Connection reset by peer",
    "exhausted": "ConnectionPool::TimeoutError: Waited 5.0 sec, 0/5 available",
    "denied": "PG::InsufficientPrivilege: ERROR:  permission denied for {detail}",
    "unauthenticated": 'PG::ConnectionBad: FATAL:  password authentication failed for user "{user}"',
}


class Ruby(Silent):
    """Ruby services."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`I, [2026-11-21T10:00:00.123456 #1]  INFO -- place: text`, as Ruby's logger."""
        if not place:
            return text
        name = _LEVELS.get(level, level.upper())
        return f"{name[0]}, [{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d} #1] {name:>5} -- {place}: {text}"

    def error(self, failure: Failure) -> str:
        """The exception's text."""
        return worded(failure, _HTTP)

    def answer(self, failure: Failure) -> str:
        """An error page."""
        return "500 Internal Server Error"
