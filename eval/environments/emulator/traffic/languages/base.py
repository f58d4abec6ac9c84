"""What every dialect can do."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.processes import Process


class Dialect(Protocol):
    """One language with its logging library and its clients.

    `stop_code` is what a program that does not care exits with on SIGTERM.
    """

    stop_code: int

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """Format one log line that the program writes itself."""
        ...

    def client_lines(
        self, process: Process, at: datetime, failure: Failure, operation: str
    ) -> list[str]:
        """What the client library logs by itself when it cannot connect."""
        ...

    def error(self, failure: Failure) -> str:
        """The text of the error that the client library returns or throws."""
        ...

    def answer(self, failure: Failure) -> str:
        """The text of the error that its server sends to its own caller because of a failure."""
        ...

    def started(self, process: Process) -> list[tuple[float, str]]:
        """The lines of a start, for programs whose start the app's YAML does not describe."""
        ...

    def refused_lines(
        self, process: Process, client: Process, at: datetime, user: str, failure: Failure
    ) -> list[str]:
        """What a store or broker logs when it refuses a client's login or command."""
        ...


class Silent:
    """Defaults: nothing is said."""

    stop_code = 0

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """Format a line plainly."""
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z\t{level.upper()}\t{place}\t{text}"

    def client_lines(
        self, process: Process, at: datetime, failure: Failure, operation: str
    ) -> list[str]:
        """Say nothing."""
        return []

    def error(self, failure: Failure) -> str:
        """Name the failure as the operating system does."""
        return worded(failure, _SYSTEM)

    def answer(self, failure: Failure) -> str:
        """Pass the error on."""
        return self.error(failure)

    def started(self, process: Process) -> list[tuple[float, str]]:
        """Start silently."""
        return []

    def refused_lines(
        self, process: Process, client: Process, at: datetime, user: str, failure: Failure
    ) -> list[str]:
        """Say nothing."""
        return []


_SYSTEM: Mapping[str, str] = {
    "no_such_host": "getaddrinfo {service}: Name or service not known",
    "refused": "connect to {service}:{port}: Connection refused",
    "no_address": "{service}: no address available",
    "timeout": "{service}:{port}: timed out",
    "denied": "not authorized: {detail}",
    "unauthenticated": "Authentication failed.",
    "reset": "{service}:{port}: Connection reset by peer",
    "exhausted": "{service}:{port}: no free connection in the pool",
    "too_many": "{service}:{port}: too many connections",
}
_LATER = (
    ("Name or service not known", "Temporary failure in name resolution"),
    ("ENOTFOUND", "EAI_AGAIN"),
    ("Domain name not found", "Could not contact DNS servers"),
    ("UnknownHostException: {service}", "UnknownHostException: {service}: Temporary failure in name resolution"),
)  # fmt: skip
_LIKE: Mapping[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "dns_failure": (
        "no_such_host",
        (
            *_LATER,
            ("no such host", "server misbehaving"),
            ("(3: Host not found)", "(2: Server failure)"),
        ),
    ),
    "dns_timeout": (
        "no_such_host",
        (
            *_LATER,
            ("no such host", "i/o timeout"),
            ("(3: Host not found)", "(110: Operation timed out)"),
        ),
    ),
    "unreachable": (
        "refused",
        (
            ("(os error 111)", "(os error 110)"),
            ("(111: Connection refused)", "(110: Operation timed out)"),
            ("(111)", "(110)"),
            ("Error 111", "Error 110"),
            ("Connection refused", "Connection timed out"),
            ("connect: connection refused", "i/o timeout"),
            ("connection refused", "connection timeout"),
            ("ECONNREFUSED", "ETIMEDOUT"),
        ),
    ),
    "no_socket": (
        "refused",
        (
            ("Connection refused", "{detail}"),
            ("connection refused", "{detail}"),
            ("ECONNREFUSED", "EADDRNOTAVAIL"),
        ),
    ),
    "bad_certificate": (
        "refused",
        (
            ("Connection refused", "certificate verify failed: {detail}"),
            ("connection refused", "{detail}"),
        ),
    ),
    "too_many": ("exhausted", ()),
    "tls_required": ("reset", ()),
}
"""Failures that a library words like another one, but for some words."""


def worded(failure: Failure, *tables: Mapping[str, str]) -> str:
    """Say a failure with the first table that has words for its kind, or for one like it.

    Placeholders are {service}, {port}, {address} (the service without one), {detail}, {database} and
    {user}. An answered error is what the other side said; a kind that nobody has words for is named as
    it is.
    """
    kind = str(failure.kind)
    template = _template(
        kind, (*tables, {"answered": "{detail}"} if failure.detail else {}, _SYSTEM)
    )
    if not template:
        template = failure.detail or f"{{service}}:{{port}}: {kind.replace('_', ' ')}"
    values = {
        "service": failure.service,
        "port": str(failure.port),
        "address": failure.address or failure.service,
        "database": failure.database,
        "user": failure.user,
        "detail": failure.detail,
    }
    for key, value in values.items():
        template = template.replace("{" + key + "}", value)
    return template


def _template(kind: str, tables: tuple[Mapping[str, str], ...]) -> str:
    for table in tables:
        if kind in table:
            return table[kind]
        if kind in _LIKE:
            other, changes = _LIKE[kind]
            if other in table:
                text = table[other]
                for old, new in changes:
                    text = text.replace(old, new)
                return text
    return ""


def identifiers(process: Process, at: datetime) -> tuple[str, str]:
    """The (trace id, span id) that a log line names: the same in every run."""
    named = f"{process.pod['metadata']['name']}:{at.isoformat()}".encode()
    digits = hashlib.blake2b(named, digest_size=24).hexdigest()
    return digits[:32], digits[32:48]


def millis(at: datetime) -> str:
    """The three digits after the seconds."""
    return f"{at.microsecond // 1000:03d}"
