"""What one investigation reads from the metrics store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.api.errors import SourceRejected
from connectors.api.protocols import MetricsSource
from connectors.api.values import Json, Series
from copilot.evidence.queue_metrics import meter_line, meters, queue_query
from copilot.evidence.reads import Read
from copilot.evidence.request_labels import (
    LABELS,
    NOBODY,
    PODS,
    Owners,
    is_unknown,
    is_vague,
    program_of,
    used_labels,
)
from copilot.evidence.request_metrics import (
    FAILED,
    choose,
    discovery,
    duration_metrics,
    flows,
    is_own,
    merge,
    rate_query,
    seconds_per_unit,
)
from copilot.evidence.telemetry import Flow, Meter, Points, Telemetry, Usage, is_growing, level
from copilot.model.evidence import Evidence, Source
from copilot.model.scope import Scope
from copilot.tools.redact import redact

_POINTS = 120
_RECENT = 75.0
_ROWS = 200
_ENOUGH = 3
"""Points from before the window that tell what was usual."""

RESOURCES = {
    "cpu": "sum by (namespace, pod, container) (rate(container_cpu_usage_seconds_total{{{0}}}[2m]))",
    "memory": "sum by (namespace, pod, container) (container_memory_working_set_bytes{{{0}}})",
    "throttled": "sum by (namespace, pod, container) (rate(container_cpu_cfs_throttled_periods_total{{{0}}}[2m]))"
    " / sum by (namespace, pod, container) (rate(container_cpu_cfs_periods_total{{{0}}}[2m]))",
}


@dataclass(slots=True)
class _Family:
    """One counter of requests with its times, as read by `labels`."""

    counter: str
    window: str
    labels: Sequence[str]
    series: Sequence[Series]
    failed: Sequence[Series] | None = None
    total: Sequence[Series] = ()
    counts: Sequence[Series] = ()

    @property
    def query(self) -> str:
        """The query that shows it again, with no more labels than it has."""
        return rate_query(self.counter, self.window, used_labels(self.series))


class MetricReads:
    """Reads request flows, container usage and queues; `telemetry` is filled as the reads run."""

    def __init__(self, metrics: MetricsSource, scope: Scope, now: datetime) -> None:
        self._metrics = metrics
        self._scope = scope
        self._now = now
        self._start = scope.window.baseline_start
        span = max((now - self._start).total_seconds(), 60.0)
        self._step = max(15.0, span / _POINTS)
        self._split = scope.window.start.timestamp()
        self._recent = now.timestamp() - max(_RECENT, 2.1 * self._step)
        self._families: list[_Family] = []
        self._owners = NOBODY
        self._answers: dict[str, list[Series]] = {}
        self._flows: tuple[Flow, ...] | None = None
        self._usages: list[Usage] = []
        self._queues: tuple[str, list[Series]] = ("", [])
        self._meters: tuple[Meter, ...] | None = None
        self.discovered: tuple[str, ...] = ()

    @property
    def telemetry(self) -> Telemetry:
        """Return what was read so far."""
        if self._flows is None:
            self._flows = self._merged()
        if self._meters is None:
            self._meters = self._metered()
        return Telemetry(self._flows, tuple(self._usages), self._meters)

    def plan(self) -> list[Read]:
        """Return the reads."""
        reads = [Read("metrics_requests", {"match": "request counters"}, self._requests)]
        reads += [self._resource(name, text) for name, text in RESOURCES.items()]
        return [*reads, Read("metrics_queues", {"match": "queues and workers"}, self._backlogs)]

    def more(self, objects: Mapping[str, Sequence[Json]]) -> list[Read]:
        """Return what the objects of the scope call for: by pod, what names no program of it otherwise."""
        self._owners, self._flows, self._meters = Owners.of(objects), None, None
        unclear = [
            family
            for family in self._families
            if is_own(family.counter)
            and PODS[0] not in family.labels
            and any(is_unknown(s.labels, self._owners) for s in family.series)
        ]

        async def run() -> tuple[Evidence, ...]:
            for family in unclear:
                await self._fill(family, (*LABELS, *PODS))
            self._flows = None
            return tuple(self._told(family) for family in unclear)

        return [Read("metrics_requests", {"match": "by pod"}, run)] if unclear else []

    async def _requests(self) -> tuple[Evidence, ...]:
        present = await self._metrics.query(discovery(), self._now)
        names = [s.labels.get("__name__", "") for s in present]
        self.discovered = choose(names)
        evidence: list[Evidence] = []
        for counter in self.discovered:
            window = "1m"
            series = await self._range(rate_query(counter, window))
            if not any(s.points for s in series):
                window = "4m"
                series = await self._range(rate_query(counter, window))
            family = _Family(counter, window, LABELS, series)
            await self._fill(family, (*LABELS, *PODS) if is_vague(series) else LABELS)
            self._families.append(family)
            self._flows = None
            evidence.append(self._told(family))
        return tuple(evidence)

    async def _fill(self, family: _Family, labels: Sequence[str]) -> None:
        """Read a family by the labels, with all that belongs to it."""
        again = await self._range(rate_query(family.counter, family.window, labels))
        if again:
            family.series, family.labels = again, labels
        took = duration_metrics(family.counter)
        if family.counter in FAILED:
            family.failed = await self._optional(FAILED[family.counter], family)
        family.total = await self._optional(took[0] if took else None, family)
        family.counts = await self._optional(took[1] if took else None, family)

    def _of(self, family: _Family) -> list[Flow]:
        took = duration_metrics(family.counter)
        return flows(
            family.query,
            family.series,
            family.failed,
            family.total,
            family.counts,
            unit=seconds_per_unit(took[0]) if took else 1.0,
            namespaces=self._scope.namespaces,
            split=self._split,
            recent=self._recent,
            owners=self._owners if is_own(family.counter) else NOBODY,
        )

    def _merged(self) -> tuple[Flow, ...]:
        """Return the flows of all families, each service's requests once."""
        found: dict[tuple[str, str], Flow] = {}
        for family in self._families:
            for flow in self._of(family):
                key = (flow.service, flow.caller)
                found[key] = merge(found[key], flow) if key in found else flow
        return tuple(found.values())

    def _told(self, family: _Family) -> Evidence:
        return self._evidence(family.query, [flow_line(f) for f in self._of(family)])

    async def _optional(self, metric: str | None, family: _Family) -> Sequence[Series]:
        if not metric:
            return ()
        return await self._range(rate_query(metric, family.window, family.labels))

    async def _range(self, query: str) -> list[Series]:
        if query not in self._answers:
            self._answers[query] = await self._metrics.query_range(
                query, self._start, self._now, self._step
            )
        return self._answers[query]

    async def _backlogs(self) -> tuple[Evidence, ...]:
        query = queue_query(self._scope.namespaces)
        try:
            self._queues = (query, await self._range(query))
        except SourceRejected:
            # A store may refuse a question as wide as this; its other metrics count all the same.
            return ()
        self._meters = self._metered()
        lines = [meter_line(m) for m in self._meters]
        return (self._evidence(query, lines),) if lines else ()

    def _metered(self) -> tuple[Meter, ...]:
        query, series = self._queues
        end = self._now.timestamp()
        return tuple(meters(query, series, end=end, step=self._step, owners=self._owners))

    def _resource(self, name: str, template: str) -> Read:
        spaces = "|".join(self._scope.namespaces)
        where = f',namespace=~"{spaces}"' if spaces else ""
        query = template.format(f'container!="",container!="POD"{where}')
        # Some runtimes' usage is known by pod only: of its groups the widest holds all the others.
        by_pod = (
            template.replace(", container)", ")")
            .replace("sum by", "max by")
            .format(f'container="",pod!=""{where}')
        )

        async def run() -> tuple[Evidence, ...]:
            asked, answered = query, await self._range(query)
            if not answered:
                asked, answered = by_pod, await self._range(by_pod)
            found = self._used(name, asked, answered)
            self._usages.extend(found)
            return (self._evidence(asked, [usage_line(u) for u in found]),) if found else ()

        return Read("metrics_usage", {"resource": name}, run)

    def _used(self, resource: str, query: str, answered: Sequence[Series]) -> list[Usage]:
        """Compare each container with what it used before, one of a new pod with its predecessors."""
        kept: list[tuple[Series, Points]] = [
            (one, tuple(p for p in one.points if p[1] == p[1])) for one in answered
        ]
        earlier: dict[tuple[str, ...], Points] = {}
        for one, points in kept:
            if len([p for p in points if p[0] < self._split]) >= _ENOUGH:
                earlier[_whose(one)] = tuple(p for p in points if p[0] < self._split)
        found = []
        for one, points in kept:
            # A program's start costs CPU by nature, whatever its predecessors used.
            fresh = resource != "cpu" and bool(points) and points[0][0] >= self._split
            compared = (*earlier.get(_whose(one), ()), *points) if fresh else points
            state = level(compared, split=self._split, recent=self._recent)
            if state is None:
                continue
            labels = one.labels
            recent = tuple(p for p in points if p[0] >= self._split)
            found.append(
                Usage(
                    resource,
                    labels.get("namespace", ""),
                    labels.get("pod", ""),
                    labels.get("container", ""),
                    query,
                    state,
                    growing=is_growing(recent),
                )
            )
        return found

    def _evidence(self, query: str, lines: list[str]) -> Evidence:
        text = redact("\n".join(sorted(lines)[:_ROWS]) or "(no series)")
        return Evidence.of(Source.METRICS, query, text, start=self._start, end=self._now)


def flow_line(flow: Flow) -> str:
    """Write a flow as one line: who, rate, failing share, latency, now against the baseline."""
    who = f"{flow.caller} -> {flow.service}" if flow.caller else flow.service
    parts = [f"{who}: {_pair(flow.rate.now, flow.rate.base, '.2f')} requests/s"]
    share = _pair(100 * flow.errors.now, _times(flow.errors.base, 100), ".1f")
    parts.append(f"{share} % failing" if flow.judged else "failures not counted")
    if flow.latency:
        parts.append(f"{_pair(1000 * flow.latency.now, _times(flow.latency.base, 1000), '.0f')} ms")
    return ", ".join(parts)


def usage_line(usage: Usage) -> str:
    """Write one container's use of one resource, now against the baseline."""
    return (
        f"{usage.resource} {usage.namespace}/{usage.pod}/{usage.container}: "
        f"{_pair(usage.level.now, usage.level.base, '.3g')}"
    )


def _whose(series: Series) -> tuple[str, ...]:
    labels = series.labels
    pod = program_of(labels.get("pod", ""))
    return (labels.get("namespace", ""), pod, labels.get("container", ""))


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _pair(now: float, base: float | None, form: str) -> str:
    before = "no baseline" if base is None else f"before {base:{form}}"
    return f"{now:{form}} ({before})"
