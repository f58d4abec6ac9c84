"""Where and how the problems of a run are played."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from copilot.config.settings import Settings
from eval.runs.one import Job, Outcome


@dataclass(frozen=True, slots=True)
class Lost:
    """A problem of which nothing is known, and why. Running again tries it again."""

    why: str


Ended = tuple[Job, Outcome | Lost]

Runner = Callable[[Sequence[Job], Settings, Path | None], AsyncGenerator[Ended]]
"""Plays jobs, and yields each with what came of it in the order in which they end. The path is that of
the prepared knowledge, None for none."""
