"""Time as a parameter, so that an emulated or replayed "now" is now everywhere."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time below a surface."""

    def now(self) -> datetime:
        """Return the present instant, timezone-aware and in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` pass on this clock; an emulated clock advances instead of waiting."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait `seconds` of real time."""
        await asyncio.sleep(seconds)
