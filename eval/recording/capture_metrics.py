"""Records samples through the query API: nothing but PromQL is needed, so any store will do."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from connectors.api.errors import ConnectorError
from connectors.api.protocols import MetricsSource
from connectors.api.values import Series
from copilot.evidence.request_metrics import COUNTERS, DURATIONS, FAILED
from copilot.model.scope import Window
from copilot.tools.redact import redact_value
from eval.recording.schema import MetricsPart, Sample, SeriesLine

REACH = timedelta(minutes=10)
"""Samples from before the baseline, for rates and lookback at its beginning."""

_LOOKBACK_MS = 300_000
_MOST_SERIES = 4000
_WIDTH = 4
_LABELS = ("namespace", "exported_namespace", "k8s_namespace_name", "service_namespace")
# What the product asks for by name: these are known not to exist where they do not.
_LOOKED_FOR = (
    "ALERTS", "ALERTS_FOR_STATE", "container_cpu_usage_seconds_total",
    "container_memory_working_set_bytes", "container_cpu_cfs_throttled_periods_total",
    "container_cpu_cfs_periods_total", "up",
)  # fmt: skip


class MetricsCapture:
    """Takes the series of the namespaces, and those that belong to none (nodes, span metrics).

    Two range queries for each metric: the values, and the times of the samples behind them.
    Together they are the samples themselves, as long as `step` is not above the scrape interval.
    """

    def __init__(
        self, source: MetricsSource, namespaces: Sequence[str], window: Window, step: float
    ) -> None:
        self._source = source
        self._namespaces = namespaces
        self._start, self._end = window.baseline_start - REACH, window.end
        self._step = step
        self._left_out: dict[str, str] = {}
        self._absent: list[str] = []
        self._failed = False
        self.series: tuple[SeriesLine, ...] = ()

    @property
    def part(self) -> MetricsPart | None:
        """What the manifest says of it; None where the store gave nothing."""
        if self._failed:
            return None
        return MetricsPart(
            start=self._start, end=self._end, absent=self._absent, left_out=self._left_out
        )

    async def read(self) -> list[str]:
        """Fill `series`; returns notes on what went wrong."""
        try:
            every = await self._counts('{__name__!=""}')
            mine = [await self._counts(selector) for selector in self._selectors("")]
        except ConnectorError as error:
            self._failed = True
            return [f"metrics: {error}"]
        self._absent = sorted(_looked_for() - set(every))
        gate = asyncio.Semaphore(_WIDTH)
        found: list[SeriesLine] = []

        async def one(name: str, selectors: list[str]) -> None:
            async with gate:
                try:
                    found.extend(await self._metric(name, selectors))
                except ConnectorError as error:
                    self._left_out[name] = str(error)

        asked = []
        for name in sorted(every):
            count = sum(part.get(name, 0) for part in mine)
            if not count:
                self._left_out[name] = "it has no series in the recorded namespaces"
            elif count > _MOST_SERIES:
                self._left_out[name] = f"{count} series, more than {_MOST_SERIES}"
            else:
                every_selector = zip(self._selectors(name), mine, strict=True)
                asked.append(one(name, [sel for sel, part in every_selector if name in part]))
        await asyncio.gather(*asked)
        self.series = tuple(sorted(found, key=lambda line: sorted(line.labels.items())))
        return []

    def _selectors(self, name: str) -> list[str]:
        """Return the disjoint selectors of a metric's series in the scope."""
        if not self._namespaces:
            return [name or '{__name__!=""}']
        spaces = "|".join(self._namespaces)
        found = [f'{name}{{namespace=~"{spaces}"}}']
        nobody = "".join(f',{label}=""' for label in _LABELS[1:])
        found.append(
            f'{name}{{__name__!="",namespace=""{nobody}}}'
            if not name
            else f'{name}{{namespace=""{nobody}}}'
        )
        for index, label in enumerate(_LABELS[1:], 1):
            others = "".join(f',{other}=""' for other in _LABELS[1:index])
            found.append(f'{name}{{namespace!~"{spaces}",{label}=~"{spaces}"{others}}}')
        return found

    async def _counts(self, selector: str) -> dict[str, int]:
        """Return how many series each metric had in the period."""
        seconds = round((self._end - self._start).total_seconds())
        query = f"count by (__name__) (last_over_time({selector}[{seconds}s]))"
        found = await self._source.query(query, self._end)
        return {one.labels.get("__name__", ""): int(one.points[0][1]) for one in found}

    async def _metric(self, name: str, selectors: Sequence[str]) -> list[SeriesLine]:
        lines = []
        for selector in selectors:
            values = await self._range(selector)
            if not values:
                continue
            times = {_key(one): one.points for one in await self._range(f"timestamp({selector})")}
            for one in values:
                samples = self._samples(one, times.get(_key(one), ()))
                labels = {k: redact_value(k, v) for k, v in one.labels.items()}
                lines.append(SeriesLine(labels={**labels, "__name__": name}, samples=samples))
        return lines

    async def _range(self, query: str) -> list[Series]:
        return await self._source.query_range(query, self._start, self._end, self._step)

    def _samples(self, series: Series, times: Sequence[tuple[float, float]]) -> list[Sample]:
        taken = dict(times)
        found: dict[int, float | Literal["NaN", "+Inf", "-Inf", "stale"]] = {}
        first = _ms(self._start)
        previous, seen = 0, 0.0
        for at, value in series.points:
            if previous and at - seen > 1.5 * self._step:
                self._end_at(found, previous, seen)
            sampled = round(taken.get(at, at) * 1000)
            previous, seen = sampled, at
            if sampled >= first:
                found[sampled] = _number(value)
        if previous and self._end.timestamp() - seen > self._step:
            self._end_at(found, previous, seen)
        return sorted(found.items())

    def _end_at(
        self,
        found: dict[int, float | Literal["NaN", "+Inf", "-Inf", "stale"]],
        sampled: int,
        seen: float,
    ) -> None:
        """Mark an end that came before the lookback ran out: the store had marked it, too."""
        gone = round((seen + self._step) * 1000)
        if gone - sampled < _LOOKBACK_MS:
            found.setdefault(max(gone, sampled + 1), "stale")


def _looked_for() -> set[str]:
    bases = set(DURATIONS.values()) | {
        name.removesuffix("_count") for name in COUNTERS if name.endswith("_count")
    }
    ends = {f"{base}{end}" for base in bases for end in ("_sum", "_count", "_bucket")}
    return {*COUNTERS, *FAILED.values(), *ends, *_LOOKED_FOR}


def _key(series: Series) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, v) for k, v in series.labels.items() if k != "__name__"))


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _number(value: float) -> float | Literal["NaN", "+Inf", "-Inf"]:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return value
