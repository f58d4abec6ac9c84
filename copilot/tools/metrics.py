"""get_metrics: what changed against the baseline."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from connectors.api.errors import ConnectorError
from connectors.api.values import Series
from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.model.evidence import Source
from copilot.tools import metric_families as families
from copilot.tools.context import Context, Draft
from copilot.tools.kube_words import name_of
from copilot.tools.registry import tool
from copilot.tools.series import Shift, label_text, number, shift, sparkline, total
from copilot.tools.targets import resolve
from copilot.tools.wrap import told

_POINTS = 180


@dataclass(frozen=True, slots=True)
class _Row:
    """One compared series."""

    title: str
    name: str
    unit: str
    move: Shift
    values: list[float]
    query: str


@tool
async def get_metrics(
    context: Context,
    service: Annotated[str, "Only this service's pods and requests; empty for all"] = "",
    namespace: Annotated[str, "Namespace; may be left out when the investigation has one"] = "",
    query: Annotated[str, "A PromQL expression to evaluate instead of the usual comparison"] = "",
) -> Draft:
    """Metrics that changed against the time before the incident: by how much, since when, drawn.

    Compares CPU, memory, throttling, restarts, network, request rate, error share and latency.
    With `query`, evaluates that PromQL over baseline and window instead.
    """
    space = context.namespace(namespace)
    source = context.metrics
    if query:
        return await _raw(context, query)
    pods, wanted = ".*", ""
    caveats: list[str] = []
    if service:
        wanted = owner = service
        try:
            with told("find the service"):
                target = await context.within(resolve(context, service, space), "kubernetes", 0.4)
        except NotAvailable as error:
            caveats.append(f"the name is taken as it is: {error}")
        else:
            wanted = target.name
            owner = name_of(target.workload) if target.workload else target.name
        owner = re.escape(owner)
        pods = f"{owner}-.*|{owner}".replace("\\", "\\\\")
    end = context.scope.window.end
    listing = f'count by (__name__) ({{namespace="{space}"}})'
    names = [one.labels.get("__name__", "") for one in await source.query(listing, end)]
    jobs = [
        _resources(context, family, caveats)
        for family in families.resource_families(space, pods)
        if family.needs in names
    ]
    jobs += [
        _requests(context, name, space, wanted, caveats)
        for name in families.request_counters(names)
    ]
    jobs += [
        _latency(context, name, space, wanted, caveats)
        for name in families.latency_histograms(names)
    ]
    if not jobs:
        return Draft(
            Source.METRICS,
            listing,
            f"Prometheus has no metrics that are usually compared for namespace {space}"
            f" ({len(names)} metric names there). Try `query`.",
            caveats=tuple(caveats),
        )
    rows = [row for part in await asyncio.gather(*jobs) for row in part]
    if not rows and caveats:
        raise NotAvailable("; ".join(caveats))
    if not rows:
        found = ", ".join(sorted(names)[:40])
        text = (
            f"None of the usual metrics has data for {wanted or space}. Metric names there: {found}"
        )
        return Draft(Source.METRICS, listing, text, caveats=tuple(caveats))
    return _compared(context, rows, wanted or space, tuple(caveats))


def _compared(context: Context, rows: list[_Row], subject: str, caveats: tuple[str, ...]) -> Draft:
    changed = sorted((r for r in rows if r.move.changed), key=lambda r: -min(r.move.score, 1e6))
    steady: dict[str, int] = defaultdict(int)
    for row in rows:
        steady[row.title] += not row.move.changed
    window = context.scope.window
    head = (
        f"{subject}: {len(changed)} of {len(rows)} series changed in {window.start:%H:%M}–"
        f"{window.end:%H:%M} against {window.baseline_start:%H:%M}–{window.start:%H:%M}"
    )
    lines = [_line(row) for row in changed]
    quiet = ", ".join(f"{title} ({count})" for title, count in steady.items() if count)
    text = "\n".join([head, *lines, f"Unchanged: {quiet}" if quiet else ""]).rstrip()
    raw = "\n".join(_line(row) for row in rows if not row.move.changed)
    queries = dict.fromkeys(row.query for row in changed or rows)
    return Draft(
        Source.METRICS,
        " ; ".join(queries),
        text,
        raw=raw,
        excerpt=lines[0] if lines else head,
        caveats=caveats,
        start=window.baseline_start,
        end=window.end,
    )


def _line(row: _Row) -> str:
    move = row.move
    factor = ""
    if move.changed and move.before and move.now is not None and move.before > 0:
        factor = f" (×{number(move.now / move.before)})"
    since = f" since {datetime.fromtimestamp(move.since, UTC):%H:%M:%S}" if move.since else ""
    unit = f" {row.unit}" if row.unit else ""
    values = f"{number(move.before)} → {number(move.now)}{unit}{factor}"
    return f"{row.title}, {row.name}: {values}{since} {sparkline(row.values)}"


async def _range(context: Context, expression: str) -> list[Series]:
    window = context.scope.window
    seconds = (window.end - window.baseline_start).total_seconds()
    step = max(15.0, round(seconds / _POINTS))
    return await context.metrics.query_range(expression, window.baseline_start, window.end, step)


def _row(
    context: Context,
    title: str,
    name: str,
    unit: str,
    points: tuple[tuple[float, float], ...],
    q: str,
) -> _Row:
    move = shift(points, context.scope.window.start.timestamp())
    return _Row(title, name, unit, move, [value for _, value in points], q)


async def _resources(context: Context, family: families.Family, caveats: list[str]) -> list[_Row]:
    try:
        found = await _range(context, family.expression)
    except ConnectorError as error:
        caveats.append(f"{family.title} not seen: {error}")
        return []
    return [
        _row(
            context,
            family.title,
            label_text(one.labels),
            family.unit,
            one.points,
            family.expression,
        )
        for one in found
    ]


async def _requests(
    context: Context, metric: str, space: str, wanted: str, caveats: list[str]
) -> list[_Row]:
    by = ", ".join((*families.SERVICE_LABELS, *families.STATUS_LABELS))
    expression = f'sum by ({by}) (rate({metric}{{namespace="{space}"}}[2m]))'
    try:
        found = await _range(context, expression)
    except ConnectorError as error:
        caveats.append(f"{metric} not seen: {error}")
        return []
    groups: dict[str, list[Series]] = defaultdict(list)
    for one in found:
        groups[families.identity(one.labels)].append(one)
    rows = []
    for name, series in sorted(groups.items()):
        if wanted and not name.startswith(wanted):
            continue
        everything = total(series)
        rows.append(_row(context, f"{metric} rate", name, "/s", everything, expression))
        told = [one for one in series if families.failed(one.labels) is not None]
        if told:
            bad = dict(total([one for one in told if families.failed(one.labels)]))
            share = tuple((t, bad.get(t, 0.0) / value) for t, value in everything if value > 0)
            rows.append(_row(context, f"{metric} error share", name, "", share, expression))
    return rows


async def _latency(
    context: Context, metric: str, space: str, wanted: str, caveats: list[str]
) -> list[_Row]:
    by = ", ".join(("le", *families.SERVICE_LABELS))
    expression = (
        f'histogram_quantile(0.95, sum by ({by}) (rate({metric}{{namespace="{space}"}}[2m])))'
    )
    try:
        found = await _range(context, expression)
    except ConnectorError as error:
        caveats.append(f"{metric} not seen: {error}")
        return []
    return [
        _row(context, f"{metric.removesuffix('_bucket')} p95", name, "", one.points, expression)
        for one in found
        for name in [families.identity(one.labels)]
        if name.startswith(wanted)
    ]


async def _raw(context: Context, query: str) -> Draft:
    allowed = context.scope.namespaces
    for name in re.findall(r'\bnamespace\s*=\s*"([^"]*)"', query):
        if name not in allowed:
            raise CorrectYourCall(
                f'The namespace "{name}" is outside this investigation: {", ".join(allowed)}.'
            )
    found = await _range(context, query)
    inside = [one for one in found if families.in_scope(one.labels, allowed)]
    caveats = []
    if len(inside) < len(found):
        caveats.append(f"{len(found) - len(inside)} series of other namespaces are left out")
    if not inside:
        window = context.scope.window
        text = (
            f"No data for this expression from {window.baseline_start:%H:%M} to {window.end:%H:%M}."
        )
        return Draft(Source.METRICS, query, text, caveats=tuple(caveats))
    rows = [
        _row(context, "", label_text(one.labels) or "value", "", one.points, query)
        for one in inside
    ]
    rows.sort(key=lambda row: (not row.move.changed, -min(row.move.score, 1e6)))
    lines = [_line(row).removeprefix(", ") for row in rows]
    return Draft(
        Source.METRICS,
        query,
        "\n".join([f"{len(rows)} series", *lines]),
        excerpt=lines[0],
        caveats=tuple(caveats),
        start=context.scope.window.baseline_start,
    )
