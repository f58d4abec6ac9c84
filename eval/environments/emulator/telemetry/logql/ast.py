"""What a LogQL query says. Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from eval.environments.emulator.telemetry.matchers import Matcher

LineOp = Literal["|=", "!=", "|~", "!~"]
Compare = Literal["==", "!=", ">", ">=", "<", "<="]
Unit = Literal["number", "duration", "bytes"]
RangeFunction = Literal["count_over_time", "rate", "bytes_over_time", "bytes_rate"]
VectorFunction = Literal["sum", "avg", "min", "max", "count", "topk", "bottomk"]


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Keep lines with (without) a text or a match of an expression."""

    op: LineOp
    text: str


@dataclass(frozen=True, slots=True)
class Parse:
    """Make labels of a line's fields."""

    format: Literal["json", "logfmt"]


@dataclass(frozen=True, slots=True)
class LabelMatch:
    """Compare a label as text."""

    matcher: Matcher


@dataclass(frozen=True, slots=True)
class LabelNumber:
    """Compare a label as a number, a duration (seconds) or a size (bytes)."""

    name: str
    op: Compare
    value: float
    unit: Unit


@dataclass(frozen=True, slots=True)
class Either:
    """Conditions of which one (`every`: all) must hold."""

    parts: tuple[Condition, ...]
    every: bool


Condition = LabelMatch | LabelNumber | Either
Stage = LineFilter | Parse | LabelMatch | LabelNumber | Either


@dataclass(frozen=True, slots=True)
class LogQuery:
    """A stream selector and its pipeline."""

    matchers: tuple[Matcher, ...]
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class RangeAggregation:
    """A number for each stream and step from the lines of a window."""

    function: RangeFunction
    logs: LogQuery
    window: float
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class Grouping:
    """The labels that remain (`without`: that go)."""

    names: tuple[str, ...]
    without: bool


@dataclass(frozen=True, slots=True)
class VectorAggregation:
    """Series made of several; `count` is the k of topk and bottomk."""

    function: VectorFunction
    of: MetricQuery
    grouping: Grouping | None = None
    count: int = 0


MetricQuery = RangeAggregation | VectorAggregation
Query = LogQuery | MetricQuery
