"""Methods without a model, as agents: a scan of objects, and methods on time series (`eval.baselines`).

Each looks once, answers what it can (whether and where), and repairs nothing.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from copilot.config.settings import KnowledgeSection, ModelSection
from copilot.model.scope import Scope, Window
from copilot.sessions.assemble import Copilot, assemble
from eval.agents.protocol import Briefing, Open, Spent, block
from eval.local import inside
from eval.problems import Task
from eval.session.costs import TURN

Find = Callable[[Copilot, Scope], Awaitable[Sequence[str]]]
"""Returns the suspects, the worst first; none means healthy."""


def scanning() -> Open:
    """Return the scan of single objects."""

    async def find(copilot: Copilot, scope: Scope) -> Sequence[str]:
        from eval.baselines.objects import scan

        snapshot = await copilot.engine.read(scope)
        return [ref.name for ref in scan(snapshot)] if snapshot is not None else []

    return _agent(find)


def by_series(name: str) -> Open:
    """Return a method of `eval.baselines.series.METHODS`."""

    async def find(copilot: Copilot, scope: Scope) -> Sequence[str]:
        from eval.baselines.series import METHODS
        from eval.bench.series import read

        metrics = copilot.sources.metrics
        if metrics is None:
            return []
        series = await read(metrics, scope)
        return await asyncio.to_thread(METHODS[name], series)

    return _agent(find)


class Looking:
    """Looks once and submits. Fits `eval.agents.protocol.Playing`."""

    turn_seconds = TURN

    def __init__(self, briefing: Briefing, copilot: Copilot, find: Find) -> None:
        self._briefing, self._copilot, self._find = briefing, copilot, find
        self.spent = Spent()

    async def get_action(self, input: str, /) -> str:
        """Submit what was found: the first suspect alone, since one name is asked for."""
        environment = self._briefing.environment
        window = Window.last(environment.clock.now())
        scope = Scope("evaluation", (environment.namespace,), window)
        found = list(dict.fromkeys(await self._find(self._copilot, scope)))
        self.spent.answer = f"suspects, the worst first: {', '.join(found[:5]) or 'none'}"
        return block(_submission(found[:1], self._briefing.problem.task))


def _submission(named: list[str], task: Task) -> str:
    yes = "Yes" if named else "No"
    neither = {"system_level": "", "fault_type": ""}
    match task:
        case Task.DETECTION:
            return f"submit({yes!r})"
        case Task.LOCALIZATION:
            return f"submit({named!r})"
        case Task.ANALYSIS:
            return f"submit({neither!r})"
        case Task.END_TO_END:
            return f"submit({ {'has_anomaly': yes, 'faulty_components': named, **neither}!r})"
        case Task.MITIGATION:
            return "submit()"
        case Task.CONVERSATION:
            return f"submit({' '.join([yes, *named])!r})"


def _agent(find: Find) -> Open:
    @asynccontextmanager
    async def open_(briefing: Briefing) -> AsyncIterator[Looking]:
        with tempfile.TemporaryDirectory(prefix="incident-copilot-eval-") as folder:
            settings = inside(briefing.environment, briefing.settings, Path(folder)).model_copy(
                update={
                    "knowledge": KnowledgeSection(builtin=False),
                    "model": ModelSection(enabled=False),
                }
            )
            async with assemble(settings, clock=briefing.environment.clock) as copilot:
                yield Looking(briefing, copilot, find)

    return open_
