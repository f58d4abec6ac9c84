"""Logs from Grafana Loki."""

from connectors.loki.settings import LokiSettings
from connectors.loki.source import LokiLogs

__all__ = ["LokiLogs", "LokiSettings"]
