"""Python: the logging module's lines, gRPC, requests, psycopg and redis-py."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import (
    Silent,
    identifiers,
    millis,
    worded,
)
from eval.environments.emulator.traffic.languages.grpc import described, wire
from eval.environments.emulator.traffic.processes import Process

_CONNECT = "UNAVAILABLE: failed to connect to all addresses; last error: "
_GRPC: Mapping[str, str] = {
    "no_such_host": "UNAVAILABLE: DNS resolution failed for {service}:{port}: C-ares status is not "
    "ARES_SUCCESS qtype=A name={service} is_balancer=0: Domain name not found",
    "refused": _CONNECT
    + "UNKNOWN: ipv4:{address}:{port}: Failed to connect to remote host: connect: Connection refused (111)",
    "no_address": "UNAVAILABLE: empty address list: ",
    "timeout": "DEADLINE_EXCEEDED: Deadline Exceeded",
    "reset": "UNAVAILABLE: Socket closed",
    "exhausted": "RESOURCE_EXHAUSTED: Too many concurrent requests",
}
_ENGINES: Mapping[str, Mapping[str, str]] = {
    "postgresql": {
        "no_such_host": 'could not translate host name "{service}" to address: Name or service not known',
        "refused": 'connection to server at "{service}" ({address}), port {port} failed: Connection refused',
        "timeout": 'connection to server at "{service}", port {port} failed: timeout expired',
        "unauthenticated": 'connection to server at "{service}", port {port} failed: FATAL:  password '
        'authentication failed for user "{user}"',
        "denied": "permission denied for table {detail}",
        "exhausted": "connection pool exhausted",
        "too_many": "FATAL:  sorry, too many clients already",
    },
    "mysql": {
        "no_such_host": "(2003, \"Can't connect to MySQL server on '{service}' (Name or service not known)\")",
        "refused": "(2003, \"Can't connect to MySQL server on '{service}' (Connection refused)\")",
        "timeout": "(2013, 'Lost connection to MySQL server during query')",
        "reset": "(2006, 'MySQL server has gone away')",
        "unauthenticated": "(1045, \"Access denied for user '{user}' (using password: YES)\")",
        "denied": "(1142, \"SELECT command denied to user '{user}' for table '{detail}'\")",
        "too_many": "(1040, 'Too many connections')",
    },
    "redis": {
        "no_such_host": "Error -2 connecting to {service}:{port}. Name or service not known.",
        "refused": "Error 111 connecting to {service}:{port}. Connection refused.",
        "timeout": "Timeout reading from {service}:{port}",
        "unauthenticated": "invalid username-password pair or user is disabled.",
    },
}


class Python(Silent):
    """Python services."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`2026-11-21 10:00:00,123 INFO [main] [server.py:42] [trace_id=… span_id=…] - text`."""
        if not place:
            return text
        trace, span = identifiers(process, at)
        name = {"fatal": "CRITICAL", "panic": "CRITICAL"}.get(level, level.upper())
        where = f"[trace_id={trace} span_id={span} resource.service.name={process.program.name}]"
        return f"{at:%Y-%m-%d %H:%M:%S},{millis(at)} {name} [main] [{place}] {where} - {text}"

    def error(self, failure: Failure) -> str:
        """The exception as it is printed."""
        if failure.engine:
            return worded(failure, _ENGINES.get(failure.engine, {}))
        return f"<_InactiveRpcError of RPC that terminated with:\n{described(worded(failure, _GRPC))}\n>"

    def answer(self, failure: Failure) -> str:
        """What grpc's server says of an exception in the application."""
        text = worded(failure, _ENGINES.get(failure.engine, {}) if failure.engine else _GRPC)
        return wire(f"Exception calling application: {text}")
