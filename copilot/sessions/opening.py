"""Opens the sources that the settings name, beside the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.api.protocols import (
    AlertSource,
    ChangeSource,
    ClusterReader,
    Connector,
    LogSource,
    MetricsSource,
    TraceSource,
)
from copilot.config.settings import Settings
from copilot.config.sources import GitHubSection, GitLabSection, HttpSection, PrometheusSection
from copilot.model.errors import ConfigError
from copilot.tools.redact import redact_value


def open_metrics(section: PrometheusSection) -> MetricsSource:
    """Return the metrics source that the settings name. Raises `ConfigError`."""
    from connectors.prometheus.settings import PrometheusSettings
    from connectors.prometheus.source import PrometheusMetrics

    token = section.token.get_secret_value()
    with explained("prometheus"):
        own = PrometheusSettings(url=section.url, token=token, timeout=section.timeout)
    return PrometheusMetrics(own)


def open_logs(settings: Settings) -> LogSource | None:
    """Return the log store, None where there is none. Raises `ConfigError`."""
    if settings.loki.url:
        from connectors.loki.settings import LokiSettings
        from connectors.loki.source import LokiLogs

        with explained("loki"):
            return LokiLogs(LokiSettings(**common(settings.loki), tenant=settings.loki.tenant))
    if settings.elasticsearch.url:
        from connectors.elasticsearch.settings import ECS, FLUENT, ElasticsearchSettings
        from connectors.elasticsearch.source import ElasticsearchLogs

        section = settings.elasticsearch
        with explained("elasticsearch"):
            return ElasticsearchLogs(
                ElasticsearchSettings(
                    **common(section),
                    index=section.index,
                    api_key=section.api_key.get_secret_value(),
                    fields=FLUENT if section.fields == "fluent" else ECS,
                )
            )
    return None


def open_traces(settings: Settings) -> TraceSource | None:
    """Return the trace store, None where there is none. Raises `ConfigError`."""
    if settings.jaeger.url:
        from connectors.jaeger.settings import JaegerSettings
        from connectors.jaeger.source import JaegerTraces

        with explained("jaeger"):
            return JaegerTraces(JaegerSettings(**common(settings.jaeger)))
    if settings.tempo.url:
        from connectors.tempo.settings import TempoSettings
        from connectors.tempo.source import TempoTraces

        with explained("tempo"):
            return TempoTraces(
                TempoSettings(**common(settings.tempo), tenant=settings.tempo.tenant)
            )
    return None


def open_alerts(settings: Settings) -> tuple[AlertSource, ...]:
    """Return everything that knows of alerts. Raises `ConfigError`."""
    found: list[AlertSource] = []
    if settings.alertmanager.url:
        from connectors.alertmanager.settings import AlertmanagerSettings
        from connectors.alertmanager.source import AlertmanagerAlerts

        matchers = settings.alertmanager.matchers
        with explained("alertmanager"):
            own = AlertmanagerSettings(**common(settings.alertmanager), matchers=matchers)
            found.append(AlertmanagerAlerts(own))
    if settings.pagerduty.token.get_secret_value():
        from connectors.pagerduty.settings import PagerDutySettings
        from connectors.pagerduty.source import PagerDutyIncidents

        section = settings.pagerduty
        with explained("pagerduty"):
            settings_ = PagerDutySettings(
                url=section.url,
                token=section.token.get_secret_value(),
                timeout=section.timeout,
                services=section.services,
            )
            found.append(PagerDutyIncidents(settings_))
    return tuple(found)


def open_changes(settings: Settings, cluster: ClusterReader | None) -> tuple[ChangeSource, ...]:
    """Return the delivery systems that know of changes. Raises `ConfigError`."""
    found: list[ChangeSource] = []
    if settings.helm.enabled:
        from connectors.kubernetes.releases import HelmReleases
        from connectors.kubernetes.settings import KubernetesSettings

        helm = settings.helm
        own = KubernetesSettings(helm.kubeconfig, helm.context, helm.timeout)
        found.append(HelmReleases(own, redact_value))
    if settings.argocd.url:
        from connectors.argocd import ArgoApi, ArgoSettings

        with explained("argocd"):
            found.append(ArgoApi(ArgoSettings(**common(settings.argocd))))
    elif settings.argocd.enabled and cluster is not None:
        from connectors.argocd import ArgoObjects

        found.append(ArgoObjects(cluster, settings.argocd.namespace))
    if settings.github.repositories:
        from connectors.github import GitHubDeployments, GitHubSettings

        with explained("github"):
            found.append(GitHubDeployments(GitHubSettings(**_forge(settings.github))))
    if settings.gitlab.projects:
        from connectors.gitlab import GitLabDeployments, GitLabSettings

        with explained("gitlab"):
            found.append(GitLabDeployments(GitLabSettings(**_forge(settings.gitlab))))
    return tuple(found)


def open_others(settings: Settings, cluster: ClusterReader | None = None) -> list[Connector]:
    """Return all of these but the metrics, for `doctor`. Raises `ConfigError`."""
    found: list[Connector | None] = [open_logs(settings), open_traces(settings)]
    known = [each for each in found if each is not None]
    return [*known, *open_alerts(settings), *open_changes(settings, cluster)]


def _forge(section: GitHubSection | GitLabSection) -> dict[str, Any]:
    return {**section.model_dump(exclude={"token"}), "token": section.token.get_secret_value()}


def common(section: HttpSection) -> dict[str, Any]:
    """Return what all settings of HTTP sources share."""
    return {
        "url": section.url,
        "token": section.token.get_secret_value(),
        "username": section.username,
        "password": section.password.get_secret_value(),
        "ca_file": str(section.ca_file or ""),
        "timeout": section.timeout,
    }


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Raise `ConfigError` for settings that a connector refuses."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{name}: {error}", hint="see docs/configuration.md") from error
