"""A person's settings, turned to an environment of the evaluation."""

from __future__ import annotations

from pathlib import Path

from copilot.config.settings import ClusterSection, PrometheusSection, Settings, StateSection
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
            "state": StateSection(folder=folder),
        }
    )
