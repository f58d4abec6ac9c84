"""Opens every source of one investigation: what the settings name, and the team's own."""

from __future__ import annotations

from contextlib import AsyncExitStack

from connectors.api.protocols import ClusterReader
from copilot.config.settings import Settings
from copilot.model.clock import Clock
from copilot.sessions.opening import (
    open_alerts,
    open_changes,
    open_logs,
    open_metrics,
    open_traces,
)
from copilot.sessions.own import open_own
from copilot.tools.sources import Sources
from retrieval.values import KnowledgeSource


def open_sources(
    settings: Settings,
    clock: Clock,
    cluster: ClusterReader | None,
    knowledge: KnowledgeSource | None,
    stack: AsyncExitStack,
) -> Sources:
    """Open the sources; `stack` closes those opened here. Raises `ConfigError`.

    A store that the settings name comes before a connector of the team's own.
    """
    own = open_own(settings)
    metrics = open_metrics(settings.prometheus) if settings.prometheus.url else None
    logs, traces = open_logs(settings), open_traces(settings)
    alerts, changes = open_alerts(settings), open_changes(settings, cluster)
    for source in (metrics, logs, traces, *alerts, *changes, *own.every):
        if source is not None:
            stack.push_async_callback(source.close)
    return Sources(
        clock,
        cluster,
        metrics or own.metrics,
        knowledge,
        logs or own.logs,
        traces or own.traces,
        (*alerts, *own.alerts),
        (*changes, *own.changes),
    )
