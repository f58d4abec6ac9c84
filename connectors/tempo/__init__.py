"""Traces from Grafana Tempo."""

from connectors.tempo.settings import TempoSettings
from connectors.tempo.source import TempoTraces

__all__ = ["TempoSettings", "TempoTraces"]
