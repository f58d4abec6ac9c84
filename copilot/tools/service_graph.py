"""The service graph that span metrics or a mesh keep in the metrics store."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.api.errors import ConnectorError
from copilot.tools.context import Context

Edge = tuple[str, str]
Values = tuple[float, float, float, float]
"""Calls, the share that failed, p50 and p95 in milliseconds."""


@dataclass(frozen=True, slots=True)
class Family:
    """How one exporter counts calls between services."""

    name: str
    client: str
    server: str
    calls: str
    failed: str
    buckets: str
    milliseconds: float


_FAMILIES = (
    Family(
        "the span metrics' service graph",
        "client",
        "server",
        "traces_service_graph_request_total",
        "traces_service_graph_request_failed_total",
        "traces_service_graph_request_server_seconds_bucket",
        1000.0,
    ),
    Family(
        "the mesh (Istio)",
        "source_workload",
        "destination_workload",
        'istio_requests_total{reporter="destination"}',
        'istio_requests_total{reporter="destination",response_code=~"5.."}',
        'istio_request_duration_milliseconds_bucket{reporter="destination"}',
        1.0,
    ),
    Family(
        "the mesh (Linkerd)",
        "deployment",
        "dst_deployment",
        'response_total{direction="outbound"}',
        'response_total{direction="outbound",classification="failure"}',
        'response_latency_ms_bucket{direction="outbound"}',
        1.0,
    ),
)


@dataclass(frozen=True, slots=True)
class Graph:
    """The calls of the window and of the baseline, by edge."""

    name: str
    queries: tuple[str, ...]
    now: dict[Edge, Values]
    before: dict[Edge, Values]


async def service_graph(context: Context) -> Graph | None:
    """Return the calls between services, None when no family has any.

    Raises `NotAvailable` without a metrics store, `ConnectorError` when it does not answer.
    """
    window = context.scope.window
    source = context.metrics
    failures: list[ConnectorError] = []
    for family in _FAMILIES:
        try:
            found = await source.query(f"count({family.calls})", window.end)
        except ConnectorError as error:
            failures.append(error)
            continue
        if not found or not found[0].points or not found[0].points[-1][1]:
            continue
        seconds = int(window.seconds) or 60
        before = int((window.start - window.baseline_start) / timedelta(seconds=1)) or seconds
        now, then = await asyncio.gather(
            _measured(context, family, seconds, window.end),
            _measured(context, family, before, window.start),
        )
        return Graph(family.name, _queries(family, seconds), now, then)
    if failures:
        raise failures[0]
    return None


def _queries(family: Family, seconds: int) -> tuple[str, ...]:
    by = f"{family.client}, {family.server}"
    span = f"[{seconds}s]"
    return (
        f"sum by ({by}) (increase({family.calls}{span}))",
        f"sum by ({by}) (increase({family.failed}{span}))",
        *(
            f"histogram_quantile({share}, sum by (le, {by}) (increase({family.buckets}{span})))"
            for share in (0.5, 0.95)
        ),
    )


async def _measured(
    context: Context, family: Family, seconds: int, at: datetime
) -> dict[Edge, Values]:
    answers = await asyncio.gather(
        *(context.metrics.query(query, at) for query in _queries(family, seconds))
    )
    tables = [
        {
            (one.labels.get(family.client, "?"), one.labels.get(family.server, "?")): one.points[
                -1
            ][1]
            for one in answer
            if one.points
        }
        for answer in answers
    ]
    calls, failed, p50, p95 = tables
    return {
        edge: (
            count,
            failed.get(edge, 0.0) / count,
            _finite(p50.get(edge, 0.0)) * family.milliseconds,
            _finite(p95.get(edge, 0.0)) * family.milliseconds,
        )
        for edge, count in calls.items()
        if count > 0
    }


def _finite(value: float) -> float:
    return value if value == value and abs(value) < float("inf") else 0.0
