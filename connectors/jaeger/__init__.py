"""Traces from Jaeger."""

from connectors.jaeger.settings import JaegerSettings
from connectors.jaeger.source import JaegerTraces

__all__ = ["JaegerSettings", "JaegerTraces"]
