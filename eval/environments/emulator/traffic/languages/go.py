"""Go: zerolog's console writer, gRPC and net errors, the mgo driver."""

from __future__ import annotations

from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent
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


class Go(Silent):
    """Go services in the style of HotelReservation."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`2026-11-21T10:00:00Z INF cmd/geo/main.go:24 > Reading config...`, with colours."""
        stamp = f"\x1b[90m{at:%Y-%m-%dT%H:%M:%SZ}\x1b[0m"
        return f"{stamp} {_LEVELS[level]} \x1b[1m{place}\x1b[0m\x1b[36m >\x1b[0m {text}"

    def error(self, failure: Failure) -> str:
        """The error of the driver, gRPC or net package."""
        if failure.kind == "answered":
            return failure.detail
        if failure.kind == "no_address":
            return "rpc error: code = Unavailable desc = there is no address available"
        if failure.kind == "denied":
            return f"not authorized on {failure.database} to execute command {failure.detail}"
        if failure.kind == "unauthenticated":
            return "server returned error on SASL authentication step: Authentication failed."
        if failure.engine == "mongodb":
            return "no reachable servers"
        if failure.kind == "no_such_host":
            return f"dial tcp: lookup {failure.service} on {_DNS}: no such host"
        address = f"{failure.address or failure.service}:{failure.port}"
        if failure.kind == "timeout":
            return f"dial tcp {address}: i/o timeout"
        return f"dial tcp {address}: connect: connection refused"

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
