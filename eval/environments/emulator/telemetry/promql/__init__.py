"""PromQL: parsed by `promql-parser`, evaluated here over a `SeriesStore`."""

from eval.environments.emulator.telemetry.promql.engine import Answer, Engine
from eval.environments.emulator.telemetry.promql.errors import (
    BadQuery,
    ExecutionFailed,
    PromQLError,
)
from eval.environments.emulator.telemetry.promql.values import Dialect

__all__ = ["Answer", "BadQuery", "Dialect", "Engine", "ExecutionFailed", "PromQLError"]
