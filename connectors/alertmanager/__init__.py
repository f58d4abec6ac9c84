"""Alerts from Prometheus' Alertmanager."""

from connectors.alertmanager.settings import AlertmanagerSettings
from connectors.alertmanager.source import AlertmanagerAlerts

__all__ = ["AlertmanagerAlerts", "AlertmanagerSettings"]
