"""PHP: Monolog's lines, Guzzle's and PDO's errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent, worded
from eval.environments.emulator.traffic.processes import Process

_LEVELS: Mapping[Level, str] = {"fatal": "CRITICAL", "panic": "EMERGENCY"}
_MORE = " (see https://curl.haxx.se/libcurl/c/libcurl-errors.html) for http://{service}:{port}/"
_CURL: Mapping[str, str] = {
    "no_such_host": "cURL error 6: Could not resolve host: {service}" + _MORE,
    "refused": "cURL error 7: Failed to connect to {service} port {port} after 1 ms: Couldn't connect to "
    "server" + _MORE,
    "timeout": "cURL error 28: Operation timed out after 10001 milliseconds with 0 bytes received"
    + _MORE,
    "reset": "cURL error 56: Recv failure: Connection reset by peer" + _MORE,
    "exhausted": "cURL error 55: Send failure: Resource temporarily unavailable" + _MORE,
}
_PDO: Mapping[str, str] = {
    "no_such_host": "SQLSTATE[HY000] [2002] php_network_getaddresses: getaddrinfo for {service} failed: Name "
    "or service not known",
    "refused": "SQLSTATE[HY000] [2002] Connection refused",
    "timeout": "SQLSTATE[HY000] [2002] Connection timed out",
    "too_many": "SQLSTATE[HY000] [1040] Too many connections",
    "denied": "SQLSTATE[42000]: Syntax error or access violation: 1142 command denied to user for {detail}",
    "unauthenticated": "SQLSTATE[HY000] [1045] Access denied for user '{user}' (using password: YES)",
}


class Php(Silent):
    """PHP services."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`[2026-11-21T10:00:00.123456+00:00] place.INFO: text [] []`."""
        name = _LEVELS.get(level, level.upper())
        stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}+00:00"
        return f"[{stamp}] {place or process.program.name}.{name}: {text} [] []"

    def error(self, failure: Failure) -> str:
        """The exception's text."""
        return worded(failure, _PDO if failure.engine else _CURL)

    def answer(self, failure: Failure) -> str:
        """Slim's error page."""
        return "500 Slim Application Error"
