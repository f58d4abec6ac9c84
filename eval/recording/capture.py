"""Records an incident: everything the connected sources say of it, redacted, as a bundle."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.api.errors import ConnectorError
from connectors.api.protocols import AlertSource, TraceSource
from connectors.kubernetes.reader import KubernetesReader
from copilot.model.scope import Window
from copilot.tools.redact import redact, redact_value
from copilot.tools.sources import Sources
from eval.recording.bundle import Bundle, BundleError
from eval.recording.capture_cluster import ClusterCapture
from eval.recording.capture_logs import capture_log_store, capture_pod_logs
from eval.recording.capture_metrics import MetricsCapture
from eval.recording.schema import (
    FORMAT,
    VERSION,
    AlertLine,
    ClusterPart,
    LogStorePart,
    ManifestPart,
    SpanPart,
    StreamLine,
    TraceLine,
    TracesPart,
    TruthPart,
    WindowPart,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to record. No `namespaces`: the whole cluster. `step` is the scrape interval in seconds."""

    window: Window
    namespaces: tuple[str, ...] = ()
    title: str = ""
    step: float = 15.0
    traces: int = 100
    truth: TruthPart | None = None


async def capture(cluster: KubernetesReader, sources: Sources, wanted: Wanted) -> Bundle:
    """Record from `cluster` and the other `sources`; what cannot be read is noted.

    Raises `BundleError` when no pod list can be had: there is then nothing to diagnose from.
    """
    notes: list[str] = []
    window, spaces = wanted.window, wanted.namespaces
    objects = ClusterCapture(cluster, spaces)
    kinds, found = await objects.read()
    if not any(kind.kind == "Pod" and kind.recorded for kind in kinds):
        why = next((kind.why for kind in kinds if kind.kind == "Pod"), "it serves no pods")
        raise BundleError(f"the pods cannot be listed: {why}", hint="incident-copilot doctor")
    pods = [obj for obj in found if obj["kind"] == "Pod"]
    pod_logs = await capture_pod_logs(cluster, pods)
    metrics = None
    if sources.metrics is not None:
        metrics = MetricsCapture(sources.metrics, spaces, window, wanted.step)
        notes += await metrics.read()
    log_part: LogStorePart | None = None
    streams: tuple[StreamLine, ...] = ()
    if sources.logs is not None:
        try:
            log_part, streams = await capture_log_store(sources.logs, spaces, window)
        except ConnectorError as error:
            notes.append(f"log store: {error}")
    trace_part: TracesPart | None = None
    traces: tuple[TraceLine, ...] = ()
    if sources.traces is not None:
        trace_part, traces = await _traces(sources.traces, window, wanted.traces, spaces, notes)
    alerts = await _alerts(sources.alerts, window, spaces, notes)
    manifest = ManifestPart(
        format=FORMAT,
        version=VERSION,
        recorded_at=sources.clock.now(),
        window=WindowPart(baseline_start=window.baseline_start, start=window.start, end=window.end),
        title=redact(wanted.title),
        namespaces=list(spaces),
        redacted=True,
        cluster=ClusterPart(name=cluster.context, version=await objects.version(), kinds=kinds),
        metrics=metrics.part if metrics else None,
        log_store=log_part,
        traces=trace_part,
        alerts=bool(sources.alerts),
        notes=[redact(note) for note in notes],
    )
    return Bundle(
        manifest,
        tuple(found),
        pod_logs,
        metrics.series if metrics else (),
        streams,
        traces,
        alerts,
        wanted.truth,
    )


async def _traces(
    source: TraceSource,
    window: Window,
    limit: int,
    spaces: Sequence[str],
    notes: list[str],
) -> tuple[TracesPart | None, tuple[TraceLine, ...]]:
    """Take the newest traces of each service, and of those that failed, now and of the baseline."""
    try:
        services = await source.services()
    except ConnectorError as error:
        notes.append(f"traces: {error}")
        return None, ()
    gate = asyncio.Semaphore(4)
    lines: dict[str, TraceLine] = {}

    async def one(service: str, now: bool, failed: bool) -> None:
        start, end = (window.start, window.end) if now else (window.baseline_start, window.start)
        async with gate:
            try:
                got = await source.traces(service, start, end, errors_only=failed, limit=limit)
            except ConnectorError as error:
                notes.append(f"traces of {service}: {error}")
                return
        for trace in got:
            lines[trace.id] = TraceLine(
                id=trace.id,
                spans=[
                    SpanPart(
                        id=span.id,
                        parent=span.parent,
                        service=span.service,
                        operation=redact(span.operation),
                        start=span.start,
                        duration_ms=span.duration_ms,
                        error=span.error,
                        kind=span.kind,
                        tags={key: redact_value(key, value) for key, value in span.tags.items()},
                        process={k: redact_value(k, value) for k, value in span.process.items()},
                    )
                    for span in trace.spans
                ],
            )

    await asyncio.gather(
        *(
            one(name, now, failed)
            for name in services
            for now in (True, False)
            for failed in (True, False)
        )
    )
    part = TracesPart(start=window.baseline_start, end=window.end, services=services, limit=limit)
    return part, tuple(line for _, line in sorted(lines.items()))


async def _alerts(
    sources: Sequence[AlertSource], window: Window, spaces: Sequence[str], notes: list[str]
) -> tuple[AlertLine, ...]:
    found = []
    for source in sources:
        try:
            known = await source.alerts(window.end)
        except ConnectorError as error:
            notes.append(f"alerts: {error}")
            continue
        for alert in known:
            space = alert.labels.get("namespace", "")
            if space and spaces and space not in spaces:
                continue
            found.append(
                AlertLine(
                    name=alert.name,
                    state=alert.state,
                    labels={k: redact_value(k, v) for k, v in alert.labels.items()},
                    annotations={k: redact(v) for k, v in alert.annotations.items()},
                    since=alert.since,
                    fingerprint=alert.fingerprint,
                    url=redact(alert.url),
                )
            )
    return tuple(found)
