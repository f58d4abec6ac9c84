"""Metrics from anything that speaks Prometheus' query API."""

from connectors.prometheus.settings import PrometheusSettings
from connectors.prometheus.source import PrometheusMetrics

__all__ = ["PrometheusMetrics", "PrometheusSettings"]
