"""get_traces: which calls fail or became slow, and where the time of one of them goes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from connectors.api.errors import ConnectorError, SourceMissing
from connectors.api.protocols import TraceSource
from connectors.api.values import Trace
from copilot.model.errors import CorrectYourCall, NotAvailable
from copilot.model.evidence import Source
from copilot.tools.context import Context, Draft
from copilot.tools.metric_families import NAMESPACE_LABELS
from copilot.tools.names import nearest
from copilot.tools.registry import tool
from copilot.tools.series import number
from copilot.tools.service_graph import service_graph
from copilot.tools.trace_edges import USERS, Calls, Edge, drawn, edges, telling

_TRACES, _SERVICES, _SHOWN = 40, 12, 25
_NAMESPACES = ("k8s.namespace.name", "service.namespace", "namespace", *NAMESPACE_LABELS)


@dataclass(frozen=True, slots=True)
class Measured:
    """One edge in a period: calls, the share that failed, and times in milliseconds."""

    calls: float
    errors: float
    p50: float
    p95: float


@tool
async def get_traces(
    context: Context,
    service: Annotated[str, "Only calls from and to this service; empty for all"] = "",
    trace: Annotated[str, "Id of one trace to draw in full"] = "",
) -> Draft:
    """Calls between services: how many, which share fails, and p50 and p95 against the baseline,
    the changed ones first; then where the time of one telling request went, and ids of others.

    From the trace store; without one from the service graph in the metrics.
    """
    store = context.sources.traces
    if store is None:
        return await _from_metrics(context, service, "")
    if trace:
        return await _one(store, context, trace)
    try:
        return await context.within(_from_store(store, context, service), store.name)
    except ConnectorError as error:
        if context.sources.metrics is None:
            raise
        return await _from_metrics(context, service, f"the trace store did not answer: {error}")


async def _from_store(store: TraceSource, context: Context, service: str) -> Draft:
    known = await store.services()
    names = _chosen(known, service or "", context.scope.services)
    window = context.scope.window
    caveats: list[str] = []
    if len(names) > _SERVICES:
        caveats.append(f"only {_SERVICES} of {len(names)} services were asked for: name one")
        names = names[:_SERVICES]
    now, before = await asyncio.gather(
        _traces(store, context, names, window.start, window.end, caveats),
        _traces(store, context, names, window.baseline_start, window.start, caveats),
    )
    query = f"traces of {', '.join(names)}"
    if not now:
        older = f"; {len(before)} in the baseline before" if before else ""
        text = (
            f"No trace of {', '.join(names)} from {window.start:%H:%M:%S} to"
            f" {window.end:%H:%M:%S}{older}. Services that send spans: {', '.join(known[:40])}."
        )
        return Draft(Source.TRACES, query, text, caveats=tuple(dict.fromkeys(caveats)))
    measured = {edge: _measured(calls) for edge, calls in edges(now).items()}
    usual = {edge: _measured(calls) for edge, calls in edges(before).items()}
    rows = _rows(measured, usual, service)
    chosen = telling(now)
    assert chosen is not None
    failed = sum(one.error for one in now)
    head = (
        f"{len(now)} traces sampled in {window.start:%H:%M}–{window.end:%H:%M} ({failed} with"
        f" errors), {len(before)} in the baseline. calls, error share, p50/p95 in ms:"
    )
    why = "failed" if chosen.error else "slowest"
    path = [
        f"Critical path of a {why} request, trace {chosen.id}, {chosen.root.start:%H:%M:%S}:",
        *drawn(chosen),
    ]
    others = sorted(now, key=lambda one: (not one.error, -one.duration_ms))[1:6]
    listed = [
        f"{one.id} ({one.duration_ms:.0f} ms{', error' if one.error else ''})" for one in others
    ]
    more = [f"Others: {', '.join(listed)}"] if listed else []
    return Draft(
        Source.TRACES,
        query,
        "\n".join([head, *rows[:_SHOWN], *path, *more]),
        raw="\n".join(rows[_SHOWN:]),
        excerpt=rows[0] if rows else head,
        caveats=tuple(dict.fromkeys(caveats)),
        start=window.baseline_start,
    )


def _chosen(known: Sequence[str], service: str, asked: Sequence[str]) -> list[str]:
    """Return the names in the trace store that are meant; all of them when none is named."""
    if not known:
        raise NotAvailable("The trace store knows no service: nothing sends spans there.")
    if not service:
        return [name for name in asked if name in known] or sorted(known)
    exact = [name for name in known if name == service]
    # In many systems a span's service is "shop-cart" or "cart-service" where Kubernetes says "cart".
    near = [name for name in known if service in name.replace(".", "-").split("-")]
    if exact or len(near) == 1:
        return exact or near
    raise CorrectYourCall(
        f'No service "{service}" sends spans. These do: {", ".join(sorted(known)[:40])}.',
        nearest(service, known),
    )


async def _traces(
    store: TraceSource,
    context: Context,
    names: Sequence[str],
    start: datetime,
    end: datetime,
    caveats: list[str],
) -> list[Trace]:
    """Return the traces of each service, each once; all that failed are asked for, too."""
    asked = [
        store.traces(name, start, end, errors_only=errors, limit=_TRACES // (2 if errors else 1))
        for name in names
        for errors in (False, True)
    ]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    found: dict[str, Trace] = {}
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    for failure in failures:
        if not isinstance(failure, ConnectorError) or len(failures) == len(answers):
            raise failure
        caveats.append(f"{len(failures)} of {len(answers)} queries failed: {failure}")
    for answer in answers:
        if not isinstance(answer, BaseException):
            found.update((one.id, one) for one in answer if _inside(one, context))
    return list(found.values())


def _inside(trace: Trace, context: Context) -> bool:
    """Say whether a trace touches the scope, or does not tell where it ran."""
    named = {
        span.process[key] for span in trace.spans for key in _NAMESPACES if span.process.get(key)
    }
    return not named or bool(named & set(context.scope.namespaces))


async def _one(store: TraceSource, context: Context, id: str) -> Draft:
    try:
        trace = await store.trace(id)
    except SourceMissing as error:
        raise CorrectYourCall(f'There is no trace "{id}": {error}') from error
    if not _inside(trace, context):
        raise CorrectYourCall(f'The trace "{id}" is outside of this investigation.')
    services = {span.service for span in trace.spans}
    head = (
        f"trace {trace.id}: {len(trace.spans)} spans of {len(services)} services,"
        f" {trace.duration_ms:.1f} ms, from {trace.root.start:%H:%M:%S}"
    )
    raw = "\n".join(
        f"{span.start:%H:%M:%S.%f} {span.service} {span.operation} {span.duration_ms:.1f} ms"
        f"{' ERROR' if span.error else ''} {dict(span.tags)}"
        for span in trace.spans
    )
    lines = [head, "What the request waited for:", *drawn(trace, 40)]
    return Draft(
        Source.TRACES,
        f"trace {id}",
        "\n".join(lines),
        raw=raw,
        start=trace.root.start,
        end=max(span.end for span in trace.spans),
    )


async def _from_metrics(context: Context, service: str, caveat: str) -> Draft:
    graph = await service_graph(context)
    if graph is None:
        raise NotAvailable(
            (f"{caveat}; and the" if caveat else "No trace store is configured, and the")
            + " metrics hold no service graph (span metrics or a mesh). get_metrics compares"
            " request rates and errors by service."
        )
    measured = {edge: Measured(*values) for edge, values in graph.now.items()}
    usual = {edge: Measured(*values) for edge, values in graph.before.items()}
    rows = _rows(measured, usual, service)
    if service and not rows:
        names = {name for edge in measured for name in edge}
        raise CorrectYourCall(f'No call from or to "{service}" is known.', nearest(service, names))
    window = context.scope.window
    head = (
        f"Calls in {window.start:%H:%M}–{window.end:%H:%M} from {graph.name}:"
        " calls, error share, p50/p95 in ms:"
    )
    return Draft(
        Source.TRACES,
        " ; ".join(graph.queries),
        "\n".join([head, *rows[:_SHOWN]]),
        raw="\n".join(rows[_SHOWN:]),
        excerpt=rows[0] if rows else head,
        caveats=(*((caveat,) if caveat else ()), "no single requests: only their sums are known"),
        start=window.baseline_start,
    )


def _measured(calls: Calls) -> Measured:
    return Measured(calls.count, calls.error_share, calls.quantile(0.5), calls.quantile(0.95))


def _rows(now: dict[Edge, Measured], before: dict[Edge, Measured], service: str) -> list[str]:
    """Return one line for each edge, the most changed first."""
    scored = []
    for edge in {**now, **before}:
        if service and not any(_same(service, name) for name in edge):
            continue
        new, old = now.get(edge), before.get(edge)
        scored.append((_score(new, old), _row(edge, new, old)))
    scored.sort(key=lambda pair: (-pair[0], pair[1]))
    return [row for _, row in scored]


def _same(service: str, name: str) -> bool:
    return service == name or service in name.replace(".", "-").split("-")


def _score(new: Measured | None, old: Measured | None) -> float:
    if new is None:
        return 0.5
    if old is None:
        return 0.2 + 10 * new.errors
    slower = new.p95 / old.p95 if old.p95 > 0 else 1.0
    return 10 * max(new.errors - old.errors, 0.0) + max(slower - 1.5, 0.0) + new.errors


def _row(edge: Edge, new: Measured | None, old: Measured | None) -> str:
    caller, callee = edge
    name = f"{caller} → {callee}" if caller != USERS else f"users → {callee}"
    if new is None:
        assert old is not None
        return f"{name}: no more calls (before: {number(old.calls)})"
    text = f"{name}: {number(new.calls)}"
    text += f", errors {_change(new.errors, old.errors if old else None, percent=True)}"
    text += f", p50 {_change(new.p50, old.p50 if old else None)}, p95 {_change(new.p95, old.p95 if old else None)}"
    return text if old else f"{text} (none before)"


def _change(new: float, old: float | None, *, percent: bool = False) -> str:
    shown, was = (f"{value:.0%}" if percent else number(value) for value in (new, old or 0.0))
    if old is None or shown == was:
        return shown
    changed = abs(new - old) > (0.02 if percent else 0.3 * max(old, 1.0))
    return f"{was} → {shown}{' !' if changed and new > old else ''}"
