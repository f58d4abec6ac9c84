"""One incident, recorded from the emulator, and what the engine said of it live."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from connectors.api.values import Alert, Check, Series
from copilot.config.settings import KnowledgeSection, ModelSection, Settings
from copilot.model.diagnosis import Diagnosis
from copilot.model.events import DiagnosisReady
from copilot.model.scope import Scope, Window
from copilot.sessions.assemble import assemble
from eval.environments.emulator.environment import Emulator
from eval.faults.registry import fault
from eval.local import inside
from eval.recording.bundle import Bundle
from eval.recording.capture import Wanted, capture
from eval.recording.schema import TruthPart

NAMESPACE = "test-hotel-reservation"

QUERIES = (
    f'sum by (pod) (rate(container_cpu_usage_seconds_total{{namespace="{NAMESPACE}"}}[2m]))',
    f'container_memory_working_set_bytes{{namespace="{NAMESPACE}"}}',
    f'max_over_time(kube_pod_status_ready{{namespace="{NAMESPACE}"}}[3m])',
    'sum by (service_name) (rate(traces_span_metrics_calls_total{service_name!="wrk2-job"}[1m]))',
    "count(up)",
)
STEP = 37.0
"""Seconds; no multiple of the scrape interval, so that samples must be where they were."""


@dataclass(frozen=True)
class Recorded:
    bundle: Bundle
    live: Diagnosis
    answers: dict[str, list[Series]]


class TeamsAlerts:
    """An alert source of a team's own: the emulator's rules need longer than a test to fire."""

    name = "own"

    async def alerts(self, at: datetime) -> list[Alert]:
        said = {"summary": "errors", "description": "login with password=hunter2secret fails"}
        since = at - timedelta(minutes=3)
        return [
            Alert(name, "firing", {"alertname": name, "namespace": space}, said, since, name)
            for name, space in (("Errors", NAMESPACE), ("Elsewhere", "kube-system"))
        ]

    async def check(self) -> Sequence[Check]:
        return []

    async def close(self) -> None:
        return None


async def recorded(kind: str, target: str, *, app: str = "hotel_reservation") -> Recorded:
    emulator = await Emulator.start(app, warmup_seconds=1300)
    try:
        injected = fault(kind, emulator.app)
        truth = injected.expected(emulator, target)
        await injected.inject(emulator, target)
        await emulator.clock.sleep(400)
        window = Window.last(emulator.clock.now(), 8, 12)
        scope = Scope("live", (emulator.namespace,), window)
        with tempfile.TemporaryDirectory() as folder:
            settings = inside(emulator, Settings(), Path(folder)).model_copy(
                update={
                    "knowledge": KnowledgeSection(builtin=False),
                    "model": ModelSection(enabled=False),
                }
            )
            async with assemble(settings, clock=emulator.clock) as copilot:
                live = [
                    event.diagnosis
                    async for event in copilot.engine.investigate("", scope)
                    if isinstance(event, DiagnosisReady)
                ]
                right = TruthPart(
                    faulty=True, objects=list(map(str, truth.objects)), causes=list(truth.causes)
                )
                cluster = copilot.sources.cluster
                assert cluster is not None
                wanted = Wanted(window, scope.namespaces, "it fails", traces=20, truth=right)
                sources = replace(copilot.sources, alerts=(*copilot.sources.alerts, TeamsAlerts()))
                metrics = copilot.sources.metrics
                assert metrics is not None
                answers = {
                    query: await metrics.query_range(query, window.baseline_start, window.end, STEP)
                    for query in QUERIES
                }
                bundle = await capture(cluster, sources, wanted)  # type: ignore[arg-type]
    finally:
        await emulator.close()
    return Recorded(bundle, live[0], answers)


def said(diagnosis: Diagnosis) -> list[object]:
    """What must be the same from a recording: all but names of runs and seconds."""
    return [
        diagnosis.verdict,
        [(c.object, c.cause, c.also, round(c.confidence, 6)) for c in diagnosis.root_causes],
        [(f.code, f.object, f.summary, f.onset) for f in diagnosis.findings],
        [(m.action, m.title) for m in diagnosis.mitigations],
        diagnosis.missing_sources,
    ]
