"""What one investigation reads from the metrics store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors.api.protocols import MetricsSource
from connectors.api.values import Series
from copilot.evidence.reads import Read
from copilot.evidence.request_metrics import (
    FAILED,
    choose,
    discovery,
    duration_metrics,
    flows,
    rate_query,
    seconds_per_unit,
    used_labels,
)
from copilot.evidence.telemetry import Flow, Telemetry, Usage, is_growing, level
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import Scope
from copilot.tools.redact import redact

_POINTS = 120
_RECENT = 75.0
_ROWS = 200

RESOURCES = {
    "cpu": "sum by (namespace, pod, container) (rate(container_cpu_usage_seconds_total{{{0}}}[2m]))",
    "memory": "sum by (namespace, pod, container) (container_memory_working_set_bytes{{{0}}})",
    "throttled": "sum by (namespace, pod, container) (rate(container_cpu_cfs_throttled_periods_total{{{0}}}[2m]))"
    " / sum by (namespace, pod, container) (rate(container_cpu_cfs_periods_total{{{0}}}[2m]))",
}


class MetricReads:
    """Reads request flows and container usage; `telemetry` is filled as the reads run."""

    def __init__(self, metrics: MetricsSource, scope: Scope, now: datetime) -> None:
        self._metrics = metrics
        self._scope = scope
        self._now = now
        self._start = scope.window.baseline_start
        span = max((now - self._start).total_seconds(), 60.0)
        self._step = max(15.0, span / _POINTS)
        self._split = scope.window.start.timestamp()
        self._recent = now.timestamp() - max(_RECENT, 2.1 * self._step)
        self._flows: list[Flow] = []
        self._usages: list[Usage] = []
        self.discovered: tuple[str, ...] = ()

    @property
    def telemetry(self) -> Telemetry:
        """Return what was read so far."""
        return Telemetry(tuple(self._flows), tuple(self._usages))

    def plan(self) -> list[Read]:
        """Return the reads."""
        reads = [Read("metrics_requests", {"match": "request counters"}, self._requests)]
        return reads + [self._resource(name, text) for name, text in RESOURCES.items()]

    async def _requests(self) -> tuple[Evidence, ...]:
        present = await self._metrics.query(discovery(), self._now)
        names = [s.labels.get("__name__", "") for s in present]
        self.discovered = choose(names)
        evidence: list[Evidence] = []
        for counter in self.discovered:
            query = rate_query(counter, "1m")
            series = await self._range(query)
            if not any(s.points for s in series):
                query = rate_query(counter, "4m")
                series = await self._range(query)
            window = "4m" if "[4m]" in query else "1m"
            query = rate_query(counter, window, used_labels(series))
            failed = await self._optional(FAILED.get(counter), window)
            took = duration_metrics(counter)
            total = await self._optional(took[0] if took else None, window)
            counts = await self._optional(took[1] if took else None, window)
            found = flows(
                query,
                series,
                failed,
                total,
                counts,
                unit=seconds_per_unit(took[0]) if took else 1.0,
                namespaces=self._scope.namespaces,
                split=self._split,
                recent=self._recent,
            )
            known = {(f.service, f.caller) for f in self._flows}
            found = [f for f in found if (f.service, f.caller) not in known]
            self._flows.extend(found)
            evidence.append(self._evidence(query, [flow_line(f) for f in found]))
        return tuple(evidence)

    async def _optional(self, metric: str | None, window: str) -> Sequence[Series]:
        return await self._range(rate_query(metric, window)) if metric else ()

    async def _range(self, query: str) -> list[Series]:
        return await self._metrics.query_range(query, self._start, self._now, self._step)

    def _resource(self, name: str, template: str) -> Read:
        selector = 'container!="",container!="POD"'
        if self._scope.namespaces:
            selector += f',namespace=~"{"|".join(self._scope.namespaces)}"'
        query = template.format(selector)

        async def run() -> tuple[Evidence, ...]:
            found = []
            for series in await self._range(query):
                points = tuple(p for p in series.points if p[1] == p[1])
                state = level(points, split=self._split, recent=self._recent)
                if state:
                    labels = series.labels
                    recent = tuple(p for p in points if p[0] >= self._split)
                    found.append(
                        Usage(
                            name,
                            labels.get("namespace", ""),
                            labels.get("pod", ""),
                            labels.get("container", ""),
                            query,
                            state,
                            growing=is_growing(recent),
                        )
                    )
            self._usages.extend(found)
            return (self._evidence(query, [usage_line(u) for u in found]),) if found else ()

        return Read("metrics_usage", {"resource": name}, run)

    def _evidence(self, query: str, lines: list[str]) -> Evidence:
        text = redact("\n".join(sorted(lines)[:_ROWS]) or "(no series)")
        return Evidence.of(Source.METRICS, query, text, start=self._start, end=self._now)


def flow_line(flow: Flow) -> str:
    """Write a flow as one line: who, rate, failing share, latency, now against the baseline."""
    who = f"{flow.caller} -> {flow.service}" if flow.caller else flow.service
    parts = [f"{who}: {_pair(flow.rate.now, flow.rate.base, '.2f')} requests/s"]
    parts.append(f"{_pair(100 * flow.errors.now, _times(flow.errors.base, 100), '.1f')} % failing")
    if flow.latency:
        parts.append(f"{_pair(1000 * flow.latency.now, _times(flow.latency.base, 1000), '.0f')} ms")
    return ", ".join(parts)


def usage_line(usage: Usage) -> str:
    """Write one container's use of one resource, now against the baseline."""
    return (
        f"{usage.resource} {usage.namespace}/{usage.pod}/{usage.container}: "
        f"{_pair(usage.level.now, usage.level.base, '.3g')}"
    )


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _pair(now: float, base: float | None, form: str) -> str:
    before = "no baseline" if base is None else f"before {base:{form}}"
    return f"{now:{form}} ({before})"
