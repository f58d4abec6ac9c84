"""The kubelet's back-off: 10 s, doubling to five minutes, forgotten after ten quiet minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_INITIAL = 10.0
_MAXIMUM = 300.0


@dataclass(slots=True)
class Backoff:
    """How long to wait between attempts."""

    seconds: float = 0.0
    updated: datetime | None = None

    def waits(self, since: datetime, now: datetime) -> bool:
        """Whether an attempt must still wait, counting from the failure at `since`."""
        if self.updated is None or self._expired(since):
            return False
        return (now - since).total_seconds() < self.seconds

    def next(self, since: datetime, now: datetime) -> None:
        """Note an attempt."""
        if self.updated is None or self._expired(since):
            self.seconds = _INITIAL
        else:
            self.seconds = min(self.seconds * 2, _MAXIMUM)
        self.updated = now

    def _expired(self, since: datetime) -> bool:
        assert self.updated is not None
        return since - self.updated > timedelta(seconds=2 * _MAXIMUM)


def duration(seconds: float) -> str:
    """Write a back-off as Go does: 10s, 1m20s, 5m0s."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
