"""OpenResty: nginx's error log with messages from Lua."""

from __future__ import annotations

from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent
from eval.environments.emulator.traffic.processes import Process


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
        if failure.kind == "no_such_host":
            text = f"{failure.service} could not be resolved (3: Host not found)"
        else:
            text = "connect() failed (111: Connection refused)"
        return [self._logged(process, at, text, operation)]

    def error(self, failure: Failure) -> str:
        """The Lua Thrift transport's message."""
        if failure.kind == "answered":
            return failure.detail
        why = "host not found" if failure.kind == "no_such_host" else "connection refused"
        return f"Could not connect to {failure.service}:{failure.port} ({why})"

    def _logged(self, process: Process, at: datetime, text: str, operation: str) -> str:
        method = "POST" if "compose" in operation or "user/" in operation else "GET"
        host = f"{process.program.name}:{process.program.ports[0].port}"
        return (
            f"{at:%Y/%m/%d %H:%M:%S} [error] 8#8: *{process.next_number()} {text}, "
            f"client: 10.244.0.1, server: localhost, "
            f'request: "{method} {operation} HTTP/1.1", host: "{host}"'
        )
