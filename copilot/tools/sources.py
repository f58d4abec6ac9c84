"""The sources that one investigation may read."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.api.protocols import ClusterReader, MetricsSource
from copilot.model.clock import Clock
from retrieval.values import KnowledgeSource


@dataclass(frozen=True, slots=True)
class Sources:
    """What is connected. A source that is None is not configured; one that is down raises."""

    clock: Clock
    cluster: ClusterReader | None = None
    metrics: MetricsSource | None = None
    knowledge: KnowledgeSource | None = None
