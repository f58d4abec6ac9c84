"""Opens the sources that the settings name, beside the cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connectors.api.protocols import AlertSource, Connector, LogSource, MetricsSource, TraceSource
from copilot.config.settings import HttpSection, PrometheusSection, Settings
from copilot.model.errors import ConfigError


def open_metrics(section: PrometheusSection) -> MetricsSource:
    """Return the metrics source that the settings name. Raises `ConfigError`."""
    from connectors.prometheus.settings import PrometheusSettings
    from connectors.prometheus.source import PrometheusMetrics

    token = section.token.get_secret_value()
    with _explained("prometheus"):
        own = PrometheusSettings(url=section.url, token=token, timeout=section.timeout)
    return PrometheusMetrics(own)


def open_logs(settings: Settings) -> LogSource | None:
    """Return the log store, None where there is none. Raises `ConfigError`."""
    if settings.loki.url:
        from connectors.loki.settings import LokiSettings
        from connectors.loki.source import LokiLogs

        with _explained("loki"):
            return LokiLogs(LokiSettings(**_common(settings.loki), tenant=settings.loki.tenant))
    if settings.elasticsearch.url:
        from connectors.elasticsearch.settings import ECS, FLUENT, ElasticsearchSettings
        from connectors.elasticsearch.source import ElasticsearchLogs

        section = settings.elasticsearch
        with _explained("elasticsearch"):
            return ElasticsearchLogs(
                ElasticsearchSettings(
                    **_common(section),
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

        with _explained("jaeger"):
            return JaegerTraces(JaegerSettings(**_common(settings.jaeger)))
    if settings.tempo.url:
        from connectors.tempo.settings import TempoSettings
        from connectors.tempo.source import TempoTraces

        with _explained("tempo"):
            return TempoTraces(
                TempoSettings(**_common(settings.tempo), tenant=settings.tempo.tenant)
            )
    return None


def open_alerts(settings: Settings) -> tuple[AlertSource, ...]:
    """Return everything that knows of alerts. Raises `ConfigError`."""
    found: list[AlertSource] = []
    if settings.alertmanager.url:
        from connectors.alertmanager.settings import AlertmanagerSettings
        from connectors.alertmanager.source import AlertmanagerAlerts

        matchers = settings.alertmanager.matchers
        with _explained("alertmanager"):
            own = AlertmanagerSettings(**_common(settings.alertmanager), matchers=matchers)
            found.append(AlertmanagerAlerts(own))
    if settings.pagerduty.token.get_secret_value():
        from connectors.pagerduty.settings import PagerDutySettings
        from connectors.pagerduty.source import PagerDutyIncidents

        section = settings.pagerduty
        with _explained("pagerduty"):
            settings_ = PagerDutySettings(
                url=section.url,
                token=section.token.get_secret_value(),
                timeout=section.timeout,
                services=section.services,
            )
            found.append(PagerDutyIncidents(settings_))
    return tuple(found)


def open_others(settings: Settings) -> list[Connector]:
    """Return all of these but the metrics, for `doctor`. Raises `ConfigError`."""
    found: list[Connector | None] = [open_logs(settings), open_traces(settings)]
    return [*(each for each in found if each is not None), *open_alerts(settings)]


def _common(section: HttpSection) -> dict[str, Any]:
    return {
        "url": section.url,
        "token": section.token.get_secret_value(),
        "username": section.username,
        "password": section.password.get_secret_value(),
        "ca_file": str(section.ca_file or ""),
        "timeout": section.timeout,
    }


@contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ConfigError(f"{name}: {error}", hint="see docs/configuration.md") from error
