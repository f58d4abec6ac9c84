"""Go with logrus's JSON lines, gRPC's errors, lib/pq and sarama."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent, worded
from eval.environments.emulator.traffic.languages.grpc import wire
from eval.environments.emulator.traffic.processes import Process

_DNS = "10.96.0.10:53"
_DIAL = (
    "rpc error: code = Unavailable desc = connection error: "
    'desc = "transport: Error while dialing: '
)
_GRPC: Mapping[str, str] = {
    "no_such_host": _DIAL + f'dial tcp: lookup {{service}} on {_DNS}: no such host"',
    "refused": _DIAL + 'dial tcp {address}:{port}: connect: connection refused"',
    "no_address": "rpc error: code = Unavailable desc = no children to pick from",
    "timeout": "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
    "reset": "rpc error: code = Unavailable desc = error reading from server: EOF",
    "exhausted": "rpc error: code = ResourceExhausted desc = too many concurrent streams",
    "bad_certificate": _DIAL.replace("Error while dialing", "authentication handshake failed")
    + 'tls: failed to verify certificate: x509: {detail}"',
}
_TCP: Mapping[str, str] = {
    "no_such_host": f"dial tcp: lookup {{service}} on {_DNS}: no such host",
    "refused": "dial tcp {address}:{port}: connect: connection refused",
    "timeout": "read tcp {address}:{port}: i/o timeout",
    "reset": "read tcp {address}:{port}: read: connection reset by peer",
}
_ENGINES: Mapping[str, Mapping[str, str]] = {
    "postgresql": {
        "denied": "pq: permission denied for table {detail}",
        "unauthenticated": 'pq: password authentication failed for user "{user}"',
        "exhausted": "context deadline exceeded",
        "too_many": "pq: sorry, too many clients already",
        "tls_required": "pq: no pg_hba.conf entry for host, no encryption",
        "timeout": "pq: canceling statement due to user request",
        **{kind: _TCP[kind] for kind in ("no_such_host", "refused", "reset")},
    },
    "kafka": {
        "no_such_host": "kafka: client has run out of available brokers to talk to: "
        + _TCP["no_such_host"],
        "refused": "kafka: client has run out of available brokers to talk to: " + _TCP["refused"],
        "timeout": "kafka server: Request exceeded the user-specified time limit in the request",
        "reset": "kafka: client has run out of available brokers to talk to: EOF",
        "denied": "kafka server: The client is not authorized to access this topic",
        "unauthenticated": "kafka server: SASL Authentication failed",
    },
}


class GoJson(Silent):
    """Go services that log JSON."""

    stop_code = 2

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`{"message":"…","severity":"info","timestamp":"…"}`."""
        stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}000Z"
        return json.dumps(
            {"message": text, "severity": level, "timestamp": stamp}, separators=(",", ":")
        )

    def error(self, failure: Failure) -> str:
        """The error of gRPC, or of the store's client."""
        return worded(failure, _ENGINES.get(failure.engine, _TCP if failure.engine else _GRPC))

    def answer(self, failure: Failure) -> str:
        """A gRPC status: a status passes unchanged, another error becomes code Unknown."""
        return wire(self.error(failure))
