"""Go: zerolog's console writer, gRPC and net errors, the mgo driver."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent, worded
from eval.environments.emulator.traffic.processes import Process

_LEVELS: dict[Level, str] = {
    "debug": "\x1b[33mDBG\x1b[0m",
    "info": "\x1b[32mINF\x1b[0m",
    "warning": "\x1b[31mWRN\x1b[0m",
    "error": "\x1b[1m\x1b[31mERR\x1b[0m\x1b[0m",
    "fatal": "\x1b[1m\x1b[31mFTL\x1b[0m\x1b[0m",
    "panic": "\x1b[1m\x1b[31mPNC\x1b[0m\x1b[0m",
}
_DNS = "10.96.0.10:53"
_NET: Mapping[str, str] = {
    "no_such_host": f"dial tcp: lookup {{service}} on {_DNS}: no such host",
    "refused": "dial tcp {address}:{port}: connect: connection refused",
    "no_address": "rpc error: code = Unavailable desc = there is no address available",
    "timeout": "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
    "denied": "not authorized on {database} to execute command {detail}",
    "unauthenticated": "server returned error on SASL authentication step: Authentication failed.",
    "reset": "read tcp {address}:{port}: read: connection reset by peer",
    "exhausted": "rpc error: code = Unavailable desc = the connection pool is exhausted",
    "no_socket": "dial tcp {address}:{port}: connect: {detail}",
    "bad_certificate": "tls: failed to verify certificate: x509: {detail}",
}
_ENGINES: Mapping[str, Mapping[str, str]] = {
    "mongodb": {
        "no_such_host": "no reachable servers",
        "refused": "no reachable servers",
        "unreachable": "no reachable servers",
        "dns_failure": "no reachable servers",
        "dns_timeout": "no reachable servers",
        "tls_required": "no reachable servers",
        "too_many": "EOF",
        "timeout": "read tcp {address}:{port}: i/o timeout",
        "reset": "EOF",
    },
    "memcached": {
        "timeout": "read tcp {address}:{port}: i/o timeout",
        "unreachable": "memcache: connect timeout to {address}:{port}",
        "reset": "EOF",
    },
}


class Go(Silent):
    """Go services in the style of HotelReservation."""

    stop_code = 2

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`2026-11-21T10:00:00Z INF cmd/geo/main.go:24 > Reading config...`, with colours."""
        stamp = f"\x1b[90m{at:%Y-%m-%dT%H:%M:%SZ}\x1b[0m"
        return f"{stamp} {_LEVELS[level]} \x1b[1m{place}\x1b[0m\x1b[36m >\x1b[0m {text}"

    def error(self, failure: Failure) -> str:
        """The error of the driver, gRPC or net package."""
        return worded(failure, _ENGINES.get(failure.engine, {}), _NET)

    def answer(self, failure: Failure) -> str:
        """A gRPC status: a status passes unchanged, another error becomes code Unknown."""
        text = self.error(failure)
        return text if text.startswith("rpc error:") else f"rpc error: code = Unknown desc = {text}"


def panic_dump(process: Process, text: str, place: str) -> list[str]:
    """The goroutine dump that follows a panic on stderr."""
    path = f"/workspace/{place.split(':')[0]}"
    line = place.partition(":")[2] or "1"
    where = process.seed("stack") % 0xFFFF
    return [
        f"panic: {text}",
        "",
        "goroutine 1 [running]:",
        "github.com/rs/zerolog/log.Panic.(*Logger).Panic.func1({0xc0001" + f"{where:05x}, 0x14}})",
        "\t/go/pkg/mod/github.com/rs/zerolog@v1.29.0/logger.go:376 +0x27",
        "main.main()",
        f"\t{path}:{line} +0x4a5",
    ]
