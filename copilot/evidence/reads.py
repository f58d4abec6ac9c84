"""Reads that run side by side and report as a stream of events."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from connectors.api.errors import ConnectorError
from copilot.model.clock import Clock
from copilot.model.events import EvidenceFound, ToolFinished, ToolStarted
from copilot.model.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Read:
    """One call of one source. `run` returns the evidence that it gave."""

    tool: str
    arguments: dict[str, str]
    run: Callable[[], Awaitable[tuple[Evidence, ...]]]


class Reader:
    """Runs reads, at most `width` at once, and keeps what failed.

    `failures` has the error of each failed read under "tool {arguments}".
    """

    def __init__(self, clock: Clock, prefix: str, *, width: int = 12, timeout: float = 30) -> None:
        self._clock = clock
        self._prefix = hashlib.sha256(prefix.encode()).hexdigest()[:8]
        self._gate = asyncio.Semaphore(width)
        self._timeout = timeout
        self.calls = 0
        self.failures: dict[str, str] = {}

    async def run(
        self, reads: Sequence[Read]
    ) -> AsyncIterator[ToolStarted | EvidenceFound | ToolFinished]:
        """Run all reads; yields each one's evidence and end as soon as it is done."""
        tasks: dict[asyncio.Task[list[EvidenceFound | ToolFinished]], str] = {}
        for read in reads:
            self.calls += 1
            call = f"engine-{self._prefix}-{self.calls:03}"
            yield ToolStarted(call, read.tool, json.dumps(read.arguments, sort_keys=True))
            tasks[asyncio.create_task(self._one(call, read))] = call
        try:
            for done in asyncio.as_completed(tasks):
                for event in await done:
                    yield event
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, call: str, read: Read) -> list[EvidenceFound | ToolFinished]:
        started = self._clock.now()
        failure = ""
        found: tuple[Evidence, ...] = ()
        async with self._gate:
            try:
                async with asyncio.timeout(self._timeout):
                    found = await read.run()
            except ConnectorError as error:
                failure = str(error)
            except TimeoutError:
                failure = f"no answer within {self._timeout:g} s"
        seconds = (self._clock.now() - started).total_seconds()
        if failure:
            self.failures[f"{read.tool} {json.dumps(read.arguments, sort_keys=True)}"] = failure
            return [ToolFinished(call, read.tool, False, seconds, failure)]
        events: list[EvidenceFound | ToolFinished] = [EvidenceFound(item) for item in found]
        text = "\n".join(item.text for item in found)
        events.append(
            ToolFinished(call, read.tool, True, seconds, text[:4000], tuple(e.id for e in found))
        )
        return events
