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
from eval.agents.protocol import Briefing, Open, Spent, block, submit_call
from eval.local import inside
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
        task = self._briefing.problem.task
        return block(submit_call(task, anomaly=bool(found), services=found[:1]))


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
