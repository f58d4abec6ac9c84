"""Reverse proxies: nginx's error and access log, Envoy's access log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from eval.apps.model import Level
from eval.environments.emulator.traffic.failures import Failure
from eval.environments.emulator.traffic.languages.base import Silent, millis, worded
from eval.environments.emulator.traffic.processes import Process

_NGINX: Mapping[str, str] = {
    "no_such_host": "{service} could not be resolved (3: Host not found)",
    "refused": "connect() failed (111: Connection refused) while connecting to upstream",
    "no_address": "no live upstreams while connecting to upstream",
    "timeout": "upstream timed out (110: Operation timed out) while reading response header from upstream",
    "reset": "recv() failed (104: Connection reset by peer) while reading response header from upstream",
    "exhausted": "no live upstreams while connecting to upstream",
}
_ENVOY: Mapping[str, str] = {
    "no_such_host": "no healthy upstream",
    "no_address": "no healthy upstream",
    "refused": "upstream connect error or disconnect/reset before headers. reset reason: remote connection "
    "failure, transport failure reason: delayed connect error: Connection refused",
    "timeout": "upstream request timeout",
    "reset": "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
    "exhausted": "upstream connect error or disconnect/reset before headers. reset reason: overflow",
}
_FLAGS: Mapping[str, tuple[int, str, str]] = {
    "dns_failure": (503, "UH", "no_healthy_upstream"),
    "dns_timeout": (503, "UH", "no_healthy_upstream"),
    "unreachable": (503, "UF", "upstream_reset_before_response_started{connection_timeout}"),
    "no_such_host": (503, "UH", "no_healthy_upstream"),
    "no_address": (503, "UH", "no_healthy_upstream"),
    "refused": (503, "UF", "upstream_reset_before_response_started{remote_connection_failure}"),
    "timeout": (504, "UT", "response_timeout"),
    "reset": (503, "UC", "upstream_reset_before_response_started{connection_termination}"),
    "exhausted": (503, "UO", "overflow"),
}


class Nginx(Silent):
    """nginx in front of HTTP services."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """A line of the error log; without a place the text as it is."""
        if not place:
            return text
        name = {"warning": "warn", "info": "notice", "fatal": "emerg", "panic": "emerg"}
        return f"{at:%Y/%m/%d %H:%M:%S} [{name.get(level, level)}] 7#7: {place}: {text}"

    def client_lines(
        self, process: Process, at: datetime, failure: Failure, operation: str
    ) -> list[str]:
        """The error log's line about the upstream, and the access log's about the request."""
        status = 504 if failure.kind in ("timeout", "unreachable") else 502
        request = f"{method(operation)} {path(operation)} HTTP/1.1"
        lines = []
        if failure.kind == "answered":
            status = 500
        else:
            upstream = (
                f"http://{failure.address or failure.service}:{failure.port}{path(operation)}"
            )
            lines.append(
                f"{at:%Y/%m/%d %H:%M:%S} [error] 7#7: *{process.next_number()} {self.error(failure)}, "
                f'client: 10.244.0.1, server: _, request: "{request}", upstream: "{upstream}", '
                f'host: "{process.program.name}"'
            )
        stamp = f"{at:%d/%b/%Y:%H:%M:%S +0000}"
        lines.append(f'10.244.0.1 - - [{stamp}] "{request}" {status} 157 "-" "-" "-"')
        return lines

    def error(self, failure: Failure) -> str:
        """The error log's words."""
        return worded(failure, _NGINX)

    def answer(self, failure: Failure) -> str:
        """nginx's error page, or what the upstream said."""
        if failure.kind == "answered":
            return failure.detail
        return (
            "504 Gateway Time-out"
            if failure.kind in ("timeout", "unreachable")
            else "502 Bad Gateway"
        )


class Envoy(Silent):
    """Envoy as an edge proxy."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`[2026-11-21 10:00:00.123][1][info][main] [place] text`; without a place the text as it is."""
        if not place:
            return text
        name = {"fatal": "critical", "panic": "critical"}.get(level, level)
        component = place.split("/")[0]
        return f"[{at:%Y-%m-%d %H:%M:%S}.{millis(at)}][1][{name}][{component}] [{place}] {text}"

    def client_lines(
        self, process: Process, at: datetime, failure: Failure, operation: str
    ) -> list[str]:
        """The access log's line about a request that failed."""
        status, flags, details = _FLAGS.get(failure.kind, (503, "UF", "upstream_reset"))
        if failure.kind in ("answered", "denied", "unauthenticated"):
            status, flags, details = 500, "-", "via_upstream"
        number = process.seed("request", process.next_number(), at.isoformat())
        took = round(failure.cost_ms) + 3
        upstream = f"{failure.address or failure.service}:{failure.port}"
        return [
            f'[{at:%Y-%m-%dT%H:%M:%S}.{millis(at)}Z] "{method(operation)} {path(operation)} HTTP/1.1" '
            f'{status} {flags} {details} - "-" 0 {len(self.error(failure))} {took} - "-" '
            f'"python-requests/2.32.3" "{number:08x}-0c1d-9a4e-b1f2-{number * 7919 % 2**48:012x}" '
            f'"{process.program.name}:{process.program.ports[0].port}" "{upstream}" {failure.service}'
        ]

    def error(self, failure: Failure) -> str:
        """The body of Envoy's own answer."""
        return worded(failure, _ENVOY)


def method(operation: str) -> str:
    """The HTTP method in an operation's name ("POST /cart"), GET without one."""
    first = operation.split(" ")[0]
    return first if first.isupper() and " " in operation else "GET"


def path(operation: str) -> str:
    """The path in an operation's name."""
    found = operation.split(" ")[-1]
    return found if found.startswith("/") else f"/{found}"
