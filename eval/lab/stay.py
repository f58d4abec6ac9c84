"""Keeps a lab's environment open: the emulator in real time, or the twin on its cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from copilot.model.clock import SystemClock
from eval.apps.model import App
from eval.protocols import Environment

_HISTORY_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the lab is asked for. `settle_seconds` of history lie between the faults and now."""

    app: App
    faults: Sequence[tuple[str, str]] = ()
    seed: int = 0
    rate: float | None = None
    settle_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """The real cluster for a twin."""

    kubeconfig: Path | None = None
    context: str = ""
    image: str = ""
    namespace: str = ""
    prometheus: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """The ways into an open lab."""

    environment: str
    app: str
    namespace: str
    kubeconfig: str
    urls: dict[str, str]
    faults: list[dict[str, str]] = field(default_factory=list)


Tell = Callable[[Way], Awaitable[None]]


async def stay_emulated(wanted: Wanted, tell: Tell) -> None:
    """Start the emulator, tell the way in, and let time pass until cancelled.

    Virtual time begins in the past and arrives at the present, because kubectl computes ages with the
    machine's clock.
    """
    from eval.environments.emulator.environment import Emulator

    clock = SystemClock()
    begin = clock.now() - timedelta(seconds=_HISTORY_SECONDS + wanted.settle_seconds)
    environment = await Emulator.start(
        wanted.app,
        faults=wanted.faults,
        seed=wanted.seed,
        rate=wanted.rate,
        warmup_seconds=_HISTORY_SECONDS,
        start=begin,
    )
    try:
        await environment.advance((clock.now() - environment.clock.now()).total_seconds())
        await tell(_way(environment, wanted))
        await environment.run_realtime()
    finally:
        await environment.close()


async def stay_real(wanted: Wanted, cluster: Cluster, tell: Tell, *, detach: bool) -> None:
    """Deploy the twin and tell the way in; `detach` leaves it there, else it goes when cancelled."""
    from eval.environments.kube.environment import IMAGE, KubeEnvironment

    environment = await KubeEnvironment.start(
        wanted.app,
        kubeconfig=cluster.kubeconfig,
        context=cluster.context,
        faults=wanted.faults,
        seed=wanted.seed,
        rate=wanted.rate,
        image=cluster.image or IMAGE,
        namespace=cluster.namespace,
        prometheus_url=cluster.prometheus,
        lasting=detach,
    )
    try:
        await tell(_way(environment, wanted))
        if not detach:
            await asyncio.Event().wait()
    finally:
        await environment.close()


def _way(environment: Environment, wanted: Wanted) -> Way:
    return Way(
        environment=environment.name,
        app=wanted.app.name,
        namespace=environment.namespace,
        kubeconfig=str(environment.kubeconfig),
        urls={
            "prometheus": environment.prometheus_url,
            "jaeger": environment.jaeger_url,
            "loki": environment.loki_url,
            "alertmanager": environment.alertmanager_url,
        },
        faults=[{"fault": kind, "target": target} for kind, target in wanted.faults],
    )
