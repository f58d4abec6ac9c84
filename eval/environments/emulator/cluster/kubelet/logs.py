"""The log of one run of a container."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

_LINES = 10_000

Line = tuple[datetime, str]


class LogBuffer:
    """Lines with their times; the oldest go when there are too many.

    Lines of the future (a program's start-up log) stay hidden until their time.
    """

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=_LINES)
        self._coming: deque[Line] = deque()
        self.written = 0
        self.ended = False

    def plan(self, started: datetime, lines: Iterable[tuple[float, str]]) -> None:
        """Take a start-up log as (seconds after start, text), in place of what was still to come."""
        self._reveal(started)
        self._coming = deque(
            sorted(((started + timedelta(seconds=after), text) for after, text in lines), key=_when)
        )

    def append(self, at: datetime, line: str) -> None:
        """Add a line."""
        self._reveal(at)
        self._lines.append((at, line))
        self.written += 1

    def close(self, at: datetime) -> None:
        """Drop what was still to come."""
        self._reveal(at)
        self._coming.clear()
        self.ended = True

    def lines(self, now: datetime) -> list[Line]:
        """Return the lines written until now, oldest first."""
        self._reveal(now)
        return list(self._lines)

    def _reveal(self, until: datetime) -> None:
        while self._coming and self._coming[0][0] <= until:
            self._lines.append(self._coming.popleft())
            self.written += 1


def _when(line: Line) -> datetime:
    return line[0]
