"""Node.js: pino's JSON lines and the console, gRPC-js, and the driver errors of libuv."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent, identifiers, worded
from eval.environments.emulator.traffic.languages.grpc import numbered, wire
from eval.environments.emulator.traffic.processes import Process

_GRPC: Mapping[str, str] = {
    "no_such_host": "UNAVAILABLE: Name resolution failed for target dns:{service}:{port}",
    "refused": "UNAVAILABLE: No connection established. Last error: connect ECONNREFUSED {address}:{port}",
    "no_address": "UNAVAILABLE: Name resolution failed for target dns:{service}:{port}",
    "timeout": "DEADLINE_EXCEEDED: Deadline exceeded after 10.001s,remote_addr={address}:{port}",
    "reset": "UNAVAILABLE: read ECONNRESET",
    "exhausted": "RESOURCE_EXHAUSTED: Bandwidth exhausted or memory limit exceeded",
}
_SYSTEM: Mapping[str, str] = {
    "no_such_host": "getaddrinfo ENOTFOUND {service}",
    "refused": "connect ECONNREFUSED {address}:{port}",
    "timeout": "connect ETIMEDOUT {address}:{port}",
    "reset": "read ECONNRESET",
    "exhausted": "timeout exceeded when trying to connect",
    "too_many": "sorry, too many clients already",
    "denied": "permission denied for {detail}",
    "unauthenticated": 'password authentication failed for user "{user}"',
}


class NodeJs(Silent):
    """Node.js services."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """A line of the console, or with a place (the logger's name) one of pino."""
        if not place:
            return text
        trace, span = identifiers(process, at)
        entry = {
            "level": {"warning": "warn", "panic": "fatal"}.get(level, level),
            "time": int(at.timestamp() * 1000),
            "pid": 17,
            "hostname": process.pod["metadata"]["name"],
            "trace_id": trace,
            "span_id": span,
            "trace_flags": "01",
            "name": place,
            "msg": text,
        }
        return json.dumps(entry, separators=(",", ":"))

    def error(self, failure: Failure) -> str:
        """The error's message."""
        if failure.engine:
            return worded(failure, _SYSTEM)
        return numbered(worded(failure, _GRPC))

    def answer(self, failure: Failure) -> str:
        """A gRPC status."""
        return wire(self.error(failure))
