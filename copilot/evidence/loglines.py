"""Logs as read from a container: lines with their times."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from copilot.evidence.kube import parse_time

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?")


_NO_LOG = "unable to retrieve container logs for"
"""What a kubelet answers, in the place of a log, for a container that its runtime has removed."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: when it was written (by the container runtime's clock), what it says."""

    at: datetime | None
    text: str
    raw: str


@dataclass(frozen=True, slots=True)
class ContainerLog:
    """The log of one run of one container. `query` is the command that shows it again."""

    namespace: str
    pod: str
    container: str
    previous: bool
    query: str
    lines: tuple[LogLine, ...]

    @property
    def first(self) -> datetime | None:
        """Return the time of the oldest line read."""
        return next((line.at for line in self.lines if line.at), None)


def parse_log(text: str) -> tuple[LogLine, ...]:
    """Split a log with RFC 3339 timestamps; lines without one keep the time of the line before."""
    found: list[LogLine] = []
    last: datetime | None = None
    for raw in text.splitlines():
        stamp = _STAMP.match(raw)
        if stamp:
            last = parse_time(stamp.group(1)) or last
        body = _ANSI.sub("", raw[stamp.end() :] if stamp else raw).strip()
        if body and not body.startswith(_NO_LOG):
            found.append(LogLine(last, body, _ANSI.sub("", raw)))
    return tuple(found)
