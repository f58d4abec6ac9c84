"""A person's settings, turned to an environment of the evaluation."""

from __future__ import annotations

from pathlib import Path

from copilot.config.settings import Settings, StateSection
from copilot.config.sources import (
    AlertmanagerSection,
    ClusterSection,
    ElasticsearchSection,
    JaegerSection,
    LokiSection,
    PagerDutySection,
    PrometheusSection,
    TempoSection,
)
from eval.protocols import Environment


def inside(environment: Environment, settings: Settings, folder: Path) -> Settings:
    """Return `settings` for `environment`, with its memory in `folder`.

    The person's model is kept; their cluster, their metrics and their memory are not touched.
    """
    return settings.model_copy(
        update={
            "cluster": ClusterSection(
                kubeconfig=environment.kubeconfig, namespaces=(environment.namespace,)
            ),
            "prometheus": PrometheusSection(url=environment.prometheus_url),
            "loki": LokiSection(url=environment.loki_url),
            "elasticsearch": ElasticsearchSection(),
            "jaeger": JaegerSection(url=environment.jaeger_url),
            "tempo": TempoSection(),
            "alertmanager": AlertmanagerSection(url=environment.alertmanager_url),
            "pagerduty": PagerDutySection(),
            "state": StateSection(folder=folder),
        }
    )
