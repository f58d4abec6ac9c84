"""The copilot looks by itself, so that it knows what was there when somebody asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path

import pytest

from copilot.config.settings import (
    ClusterSection,
    KnowledgeSection,
    ModelSection,
    Settings,
    StateSection,
)
from copilot.model.clock import Clock
from copilot.model.scope import Scope, Window
from copilot.sessions.assemble import Copilot, assemble
from copilot.sessions.looking import keep_looking
from eval.environments.emulator.environment import Emulator

SHOP = """
name: shop
namespace: shop
label: app
entry: web
workload: {rate: 10, mix: [{operation: /buy, share: 1}]}
services:
  web:
    image: shop/web:1
    command: [web]
    language: go
    ports: [8080]
    operations:
      /buy: {span: HTTP POST /buy, latency_ms: 3}
"""


class Enough(Exception):
    """Two looks have been made."""


class TwoLooks:
    """A clock that stops whoever waits on it a second time."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self.waited = clock, 0.0

    def now(self) -> datetime:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        if self.waited:
            raise Enough
        self.waited += seconds
        await self._clock.sleep(seconds)


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[Emulator]:
    path = tmp_path / "shop.yaml"
    path.write_text(SHOP)
    emulator = await Emulator.start(path, warmup_seconds=120)
    yield emulator
    await emulator.close()


def opened(
    environment: Emulator, folder: Path, clock: Clock, days: int
) -> AbstractAsyncContextManager[Copilot]:
    settings = Settings(
        cluster=ClusterSection(kubeconfig=environment.kubeconfig, namespaces=("shop",)),
        knowledge=KnowledgeSection(builtin=False),
        state=StateSection(folder=folder, look_minutes=5, remember_days=days),
        model=ModelSection(enabled=False),
    )
    return assemble(settings, clock=clock, remember=True)


async def test_each_look_leaves_what_was_there(environment: Emulator, tmp_path: Path) -> None:
    clock = TwoLooks(environment.clock)
    async with opened(environment, tmp_path, clock, days=30) as copilot:
        with pytest.raises(Enough):
            await keep_looking(copilot)
        assert clock.waited == 300
        assert copilot.sources.history is not None
        scope = Scope(copilot.scoping.cluster, ("shop",), Window.last(clock.now()))
        seen = await copilot.sources.history.seen(scope)
        (web,) = (one for one in seen if one.object.kind == "Deployment")
        assert web.object.name == "web" and web.well
        assert (web.last - web.first).total_seconds() >= 300


async def test_without_a_history_it_only_waits(environment: Emulator, tmp_path: Path) -> None:
    async with opened(environment, tmp_path, TwoLooks(environment.clock), days=0) as copilot:
        assert copilot.sources.history is None
        looking = asyncio.create_task(keep_looking(copilot))
        await asyncio.sleep(0.1)
        assert not looking.done()
        looking.cancel()
