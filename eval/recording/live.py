"""Records from what a person's settings name."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

from copilot.config.settings import Settings
from copilot.model.clock import Clock, SystemClock
from copilot.model.scope import Window
from copilot.sessions.assemble import kubernetes_settings
from copilot.sessions.sources import open_sources
from copilot.tools.redact import allow
from copilot.tools.wrap import wrapped
from eval.recording.bundle import Bundle
from eval.recording.capture import Wanted, capture
from eval.recording.schema import TruthPart


@dataclass(frozen=True, slots=True)
class Period:
    """How far back the incident may reach, how long the baseline before it is, the scrape interval."""

    incident: timedelta = timedelta(minutes=15)
    baseline: timedelta = timedelta(minutes=45)
    step: float = 15.0


async def record_live(
    settings: Settings,
    namespaces: tuple[str, ...],
    period: Period,
    title: str = "",
    truth: TruthPart | None = None,
    *,
    clock: Clock | None = None,
) -> Bundle:
    """Record; no `namespaces`: those of the settings, or else the whole cluster.

    Raises `CopilotError`.
    """
    from connectors.kubernetes.reader import open_reader

    clock = clock or SystemClock()
    allow(settings.redaction.allow)
    async with AsyncExitStack() as stack:
        with wrapped():
            cluster = await open_reader(kubernetes_settings(settings))
            stack.push_async_callback(cluster.close)
            sources = open_sources(settings, clock, cluster, None, stack)
            end = clock.now()
            start = end - period.incident
            wanted = Wanted(
                Window(start, end, start - period.baseline),
                namespaces or tuple(settings.cluster.namespaces),
                title,
                period.step,
                truth=truth,
            )
            return await capture(cluster, sources, wanted)
