"""mongod 4.4: one JSON document per line."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import NO_USER, Failure
from eval.environments.emulator.traffic.languages.base import Silent
from eval.environments.emulator.traffic.processes import Process

_TLS = (
    "Automatically disabling TLS 1.0, to force-enable TLS 1.0 specify --sslDisabledProtocols 'none'"
)
_BUILD = {"buildInfo": {"version": "4.4.6", "modules": [], "allocator": "tcmalloc"}}


class Mongod(Silent):
    """The server's own log."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """A line of the storage component."""
        return entry(at, "STORAGE", 0, place or "initandlisten", text)

    def started(self, process: Process) -> list[tuple[float, str]]:
        """What mongod says until it waits for connections."""
        at, host = process.started, process.pod["metadata"]["name"]
        port = process.program.ports[0].port
        start = {
            "pid": 1,
            "port": port,
            "dbPath": "/data/db",
            "architecture": "64-bit",
            "host": host,
        }
        said: list[tuple[float, str, int, str, str, dict[str, Any]]] = [
            (0.1, "CONTROL", 23285, "main", _TLS, {}),
            (0.2, "STORAGE", 4615611, "initandlisten", "MongoDB starting", start),
            (0.2, "CONTROL", 23403, "initandlisten", "Build Info", _BUILD),
            (1.7, "NETWORK", 23015, "listener", "Listening on", {"address": "0.0.0.0"}),
            (
                1.7,
                "NETWORK",
                23016,
                "listener",
                "Waiting for connections",
                {"port": port, "ssl": "off"},
            ),
        ]
        return [
            (after, entry(at + timedelta(seconds=after), component, number, context, text, attr))
            for after, component, number, context, text, attr in said
        ]


def entry(
    at: datetime,
    component: str,
    number: int,
    context: str,
    text: str,
    attr: dict[str, Any] | None = None,
) -> str:
    """Format one line of mongod's log."""
    stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+00:00"
    document: dict[str, Any] = {
        "t": {"$date": stamp},
        "s": "I",
        "c": component,
        "id": number,
        "ctx": context,
        "msg": text,
    }
    if attr:
        document["attr"] = attr
    return json.dumps(document, separators=(",", ":"))


def login_lines(
    server: Process, client: Process, at: datetime, user: str, failure: Failure | None
) -> list[str]:
    """What mongod logs about a client that connects, logs in, and is refused a command or is not."""
    connection = server.next_number()
    context = f"conn{connection}"
    remote = f"{client.ip}:{32768 + client.seed(connection) % 28000}"
    count = {"remote": remote, "connectionId": connection, "connectionCount": 1 + connection % 7}
    lines = [entry(at, "NETWORK", 22943, "listener", "Connection accepted", count)]
    if failure is not None and failure.kind == "tls_required":
        text = "The server is configured to only allow SSL connections"
        error = {"code": 141, "codeName": "SSLHandshakeFailed", "errmsg": text}
        said = "Error receiving request from client. Ending connection from remote"
        ended = {"error": error, "remote": remote, "connectionId": connection}
        return [*lines, entry(at, "NETWORK", 22988, context, said, ended)]
    if not user:
        return lines
    attr: dict[str, Any] = {
        "mechanism": "SCRAM-SHA-256"
        if failure is None or failure.kind == "denied"
        else "SCRAM-SHA-256/1",
        "principalName": user,
        "authenticationDatabase": "admin",
        "remote": remote,
    }
    if failure is not None and failure.kind == "unauthenticated":
        attr["extraInfo"] = {}
        attr["error"] = (
            f'UserNotFound: Could not find user "{user}" for db "admin"'
            if failure.detail == NO_USER
            else "AuthenticationFailed: SCRAM authentication failed, storedKey mismatch"
        )
        lines.append(entry(at, "ACCESS", 20249, context, "Authentication failed", attr))
        return lines
    lines.append(
        entry(at, "ACCESS", 20250, context, "Authentication succeeded", {**attr, "extraInfo": {}})
    )
    if failure is not None and failure.kind == "denied":
        lines.append(denial(at, context, failure))
    return lines


def denial(at: datetime, context: str, failure: Failure) -> str:
    """What mongod logs when it refuses a command."""
    text = f"not authorized on {failure.database} to execute command {failure.detail}"
    error = {"code": 13, "codeName": "Unauthorized", "errmsg": text}
    return entry(at, "ACCESS", 20436, context, "Checking authorization failed", {"error": error})
