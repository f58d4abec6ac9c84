"""C++: boost.log lines, the Thrift library's own output, mongoc, redis++ and libmemcached errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent, worded
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
        if failure.kind == "exhausted":
            waited = self.line(process, at, "warning", _POP, "ClientPool pop timeout", operation)
            size = process.program.pools.get(failure.service)
            full = size.size if size else 512
            state = f"ClientPool size(max: {full}) curr_pool_size: {full}"
            return [waited, self.line(process, at, "info", _POP, state, operation)]
        socket = f"<Host: {failure.service} Port: {failure.port}>"
        problem = worded(failure, _THRIFT).replace("{socket}", socket)
        pool = f"Failed to connect {failure.service}-client"
        return [
            f"Thrift: {at:%a %b %e %H:%M:%S %Y} {problem}",
            self.line(process, at, "error", _POP, pool, operation),
        ]

    def error(self, failure: Failure) -> str:
        """The exception's or the driver's text."""
        return worded(failure, _ENGINES.get(failure.engine, {}), _SERVICE)


_POP = "ClientPool.h:110:Pop"
_THRIFT: Mapping[str, str] = {
    "no_such_host": "TSocket::open() getaddrinfo() {socket}: Name or service not known",
    "refused": "TSocket::open() connect() {socket}: Connection refused",
    "no_address": "TSocket::open() connect() {socket}: Connection refused",
    "reset": "TSocket::write_partial() send() {socket}: Connection reset by peer",
}
_SERVICE: Mapping[str, str] = {
    "no_such_host": "Could not resolve host for client socket.",
    "refused": "connect() failed: Connection refused",
    "no_address": "connect() failed: Connection refused",
    "timeout": "THRIFT_EAGAIN (timed out)",
    "reset": "No more data to read.",
    "exhausted": "Failed to connect to {service}",
    "denied": "not authorized on {database} to execute command {detail}",
    "unauthenticated": "Authentication failed.",
}
_NO_SERVER = "No suitable servers found (`serverSelectionTryOnce` set): "
_ENGINES: Mapping[str, Mapping[str, str]] = {
    "mongodb": {
        "no_such_host": _NO_SERVER + "[Failed to resolve '{service}']",
        "refused": _NO_SERVER + "[connection refused calling ismaster on '{service}:{port}']",
        "timeout": _NO_SERVER + "[connection timeout calling ismaster on '{service}:{port}']",
        "reset": _NO_SERVER
        + "[connection closed calling ismaster on '{service}:{port}'] [TLS handshake or socket failed]",
        "exhausted": "Failed to pop a client from MongoDB pool",
    },
    "redis": {
        "no_such_host": "Failed to connect to Redis: Name or service not known",
        "refused": "Failed to connect to Redis: Connection refused",
        "timeout": "Failed to get reply: Resource temporarily unavailable",
        "reset": "Failed to get reply: Connection reset by peer",
        "exhausted": "Failed to fetch a connection in 1000 milliseconds",
        "denied": "NOPERM this user has no permissions to run the '{detail}' command",
        "unauthenticated": "WRONGPASS invalid username-password pair or user is disabled.",
    },
    "memcached": {
        "no_such_host": "HOSTNAME LOOKUP FAILURE",
        "refused": "CONNECTION FAILURE",
        "timeout": "A TIMEOUT OCCURRED",
        "reset": "SERVER IS MARKED DEAD",
        "exhausted": "Failed to pop a client from memcached pool",
    },
}
