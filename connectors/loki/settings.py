"""How to reach a Loki."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from connectors.api.http import HttpSettings

PROMTAIL: Mapping[str, str] = {
    "namespace": "namespace",
    "pod": "pod",
    "container": "container",
    "service": "app",
    "node": "node_name",
}
"""The labels that promtail and Grafana Alloy set in Kubernetes."""

OPENTELEMETRY: Mapping[str, str] = {
    "namespace": "k8s_namespace_name",
    "pod": "k8s_pod_name",
    "container": "k8s_container_name",
    "service": "service_name",
    "node": "k8s_node_name",
}
"""The labels that Loki makes of what an OpenTelemetry collector sends."""


@dataclass(frozen=True, slots=True)
class LokiSettings(HttpSettings):
    """Address, credentials and limits of one Loki.

    `tenant` is sent as X-Scope-OrgID. `labels` says how the store calls our labels. `max_lines` is
    what the server allows per query.
    """

    product: ClassVar[str] = "Loki"
    endings: ClassVar[tuple[str, ...]] = ("/loki/api/v1",)

    tenant: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: PROMTAIL)
    max_lines: int = 5000

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        unknown = set(self.labels) - set(PROMTAIL)
        if unknown or not self.labels.get("namespace") or not self.labels.get("pod"):
            raise ValueError(
                f"the Loki labels must map {', '.join(PROMTAIL)} (at least namespace and pod) to "
                "labels of the store"
            )
        if self.max_lines < 1:
            raise ValueError("Loki's max_lines must be at least 1")
