"""The sources that one investigation may read."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.api.protocols import (
    AlertSource,
    ChangeSource,
    ClusterReader,
    LogSource,
    MetricsSource,
    TraceSource,
)
from copilot.model.clock import Clock
from copilot.model.history import ObjectHistory
from retrieval.values import KnowledgeSource


@dataclass(frozen=True, slots=True)
class Sources:
    """What is connected. A source that is None is not configured; one that is down raises.

    `logs` is a store of log lines beside the cluster's own; `alerts` are all that know of alerts
    beside the metrics store; `changes` are the delivery systems, which know what was changed and by whom;
    `history` is what earlier looks at the cluster found.
    """

    clock: Clock
    cluster: ClusterReader | None = None
    metrics: MetricsSource | None = None
    knowledge: KnowledgeSource | None = None
    logs: LogSource | None = None
    traces: TraceSource | None = None
    alerts: tuple[AlertSource, ...] = ()
    changes: tuple[ChangeSource, ...] = ()
    history: ObjectHistory | None = None
