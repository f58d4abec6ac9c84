"""Programs with little to say: redis, memcached, and everything else."""

from __future__ import annotations

from datetime import datetime, timedelta

from eval.apps.model import Level
from eval.environments.emulator.traffic.languages.base import Silent, millis
from eval.environments.emulator.traffic.processes import Process


class Plain(Silent):
    """Any program without a dialect of its own."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """The text as it is, unless a place is given with it."""
        return super().line(process, at, level, place, text, operation) if place else text


class Memcached(Silent):
    """memcached logs nothing unless it is told to."""


class Redis(Silent):
    """redis-server's log."""

    def line(
        self, process: Process, at: datetime, level: Level, place: str, text: str, operation: str
    ) -> str:
        """`1:M 21 Nov 2026 10:00:00.123 * text`."""
        mark = "*" if level in ("debug", "info") else "#"
        return f"1:M {at:%d %b %Y %H:%M:%S}.{millis(at)} {mark} {text}"

    def started(self, process: Process) -> list[tuple[float, str]]:
        """What redis-server says until it accepts connections."""
        at = process.started
        stamp = f"{at:%d %b %Y %H:%M:%S}.{at.microsecond // 1000:03d}"
        port = process.program.ports[0].port
        ready = at + timedelta(seconds=0.05)
        return [
            (0.0, f"1:C {stamp} # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo"),
            (0.0, f"1:C {stamp} # Redis version=6.2.4, bits=64, commit=00000000, modified=0, pid=1, just started"),
            (0.05, self.line(process, ready, "info", "", f"Running mode=standalone, port={port}.", "")),
            (0.05, self.line(process, ready, "info", "", "Ready to accept connections", "")),
        ]  # fmt: skip
