"""OpenResty: nginx's error log with messages from Lua."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent, worded
from eval.environments.emulator.traffic.processes import Process

_COSOCKET: Mapping[str, str] = {
    "no_such_host": "{service} could not be resolved (3: Host not found)",
    "refused": "connect() failed (111: Connection refused)",
    "exhausted": "lua tcp socket queue timed out",
}
_COULD_NOT = "Could not connect to {service}:{port} "
_THRIFT: Mapping[str, str] = {
    "no_such_host": _COULD_NOT + "(host not found)",
    "dns_failure": _COULD_NOT + "(server failure)",
    "dns_timeout": _COULD_NOT + "(timeout)",
    "refused": _COULD_NOT + "(connection refused)",
    "no_address": _COULD_NOT + "(connection refused)",
    "unreachable": _COULD_NOT + "(timeout)",
    "exhausted": _COULD_NOT + "(timeout)",
    "timeout": "TSocket: Timed out reading 4 bytes from {service}:{port}",
    "reset": "TSocket: Could not read 4 bytes from {service}:{port} (closed)",
}


class NginxLua(Silent):
    """nginx with Lua handlers that speak Thrift."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """One line of nginx's error log about a request."""
        message = f"[lua] {place}: {text}" if place else text
        return self._logged(process, at, message, operation)

    def client_lines(
        self, process: Process, at: datetime, failure: Failure, operation: str
    ) -> list[str]:
        """The cosocket's own error."""
        if failure.connected:
            return []
        text = worded(failure, _COSOCKET)
        return [self._logged(process, at, text, operation)]

    def error(self, failure: Failure) -> str:
        """The Lua Thrift transport's message."""
        return worded(failure, _THRIFT)

    def _logged(self, process: Process, at: datetime, text: str, operation: str) -> str:
        method = "POST" if "compose" in operation or "user/" in operation else "GET"
        host = f"{process.program.name}:{process.program.ports[0].port}"
        return (
            f"{at:%Y/%m/%d %H:%M:%S} [error] 8#8: *{process.next_number()} {text}, "
            f"client: 10.244.0.1, server: localhost, "
            f'request: "{method} {operation} HTTP/1.1", host: "{host}"'
        )
