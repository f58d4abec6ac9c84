"""C++: boost.log lines, the Thrift library's own output, mongoc, redis++ and libmemcached errors."""

from __future__ import annotations

from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent
from eval.environments.emulator.traffic.processes import Process


class Cpp(Silent):
    """C++ services in the style of SocialNetwork."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`[2026-Nov-21 10:00:00.123456] <error>: (ClientPool.h:110:Pop) text`."""
        return f"[{at:%Y-%b-%d %H:%M:%S.%f}] <{level}>: ({place}) {text}"

    def client_lines(
        self, process: Process, at: datetime, failure: Failure, operation: str
    ) -> list[str]:
        """Thrift prints its socket error; the client pool logs which client it could not connect."""
        if failure.engine or failure.connected:
            return []
        socket = f"<Host: {failure.service} Port: {failure.port}>"
        if failure.kind == "no_such_host":
            problem = f"TSocket::open() getaddrinfo() {socket}: Name or service not known"
        else:
            problem = f"TSocket::open() connect() {socket}: Connection refused"
        pool = f"Failed to connect {failure.service}-client"
        return [
            f"Thrift: {at:%a %b %e %H:%M:%S %Y} {problem}",
            self.line(process, at, "error", "ClientPool.h:110:Pop", pool, operation),
        ]

    def error(self, failure: Failure) -> str:
        """The exception's or the driver's text."""
        unknown = failure.kind == "no_such_host"
        host = f"{failure.service}:{failure.port}"
        if failure.kind == "answered":
            return failure.detail
        if failure.kind == "denied":
            return f"not authorized on {failure.database} to execute command {failure.detail}"
        if failure.kind == "unauthenticated":
            return "Authentication failed."
        if failure.kind == "timeout":
            return "THRIFT_EAGAIN (timed out)"
        if failure.engine == "mongodb":
            what = (
                f"Failed to resolve '{failure.service}'"
                if unknown
                else f"connection refused calling ismaster on '{host}'"
            )
            return f"No suitable servers found (`serverSelectionTryOnce` set): [{what}]"
        if failure.engine == "redis":
            what = "Name or service not known" if unknown else "Connection refused"
            return f"Failed to connect to Redis: {what}"
        if failure.engine == "memcached":
            return "HOSTNAME LOOKUP FAILURE" if unknown else "CONNECTION FAILURE"
        return (
            "Could not resolve host for client socket."
            if unknown
            else ("connect() failed: Connection refused")
        )
