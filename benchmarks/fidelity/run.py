"""Injects a fault into an environment and collects the symptoms that the healthy state did not show."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from benchmarks.fidelity import app_side, kube_side
from benchmarks.fidelity.app_side import Counts, Reading
from benchmarks.fidelity.engine_side import Doctor
from benchmarks.fidelity.kube_side import Symptom
from benchmarks.fidelity.report import SAMPLE_SECONDS, SETTLE_SECONDS, WINDOW_SECONDS
from benchmarks.fidelity.scraping import scraped
from eval.apps.model import App
from eval.bench.case import Truth
from eval.bench.split import Item
from eval.environments.kube.environment import KubeEnvironment
from eval.faults.registry import fault
from eval.protocols import Environment

RATE = 10.0
_RECOVER_SECONDS = 240.0
QUIET_SECONDS = 15.0
"""Before a case: what went before is over, and what it left in the metrics begins to pass."""
CHECKUP_SECONDS = 90.0
"""More of that before the engine is asked about the healthy app: nothing was done to it within its window."""
_HISTORY_SECONDS = 60.0
"""Of scraping a new twin before its first case."""
_LATELY_SECONDS = 45.0


class Place(Environment, Protocol):
    """Either environment."""

    @property
    def app(self) -> App:
        """The app as it runs there."""
        ...


@dataclass(slots=True)
class Seen:
    """What one environment showed: `usual` when healthy, `kube` and `app` after the injection.

    `windows` are the counts behind the shifts: calls, failed ones and ms together, by edge.
    """

    kube: set[Symptom] = field(default_factory=set)
    app: set[Symptom] = field(default_factory=set)
    usual: set[Symptom] = field(default_factory=set)
    usual_calls: dict[str, float] = field(default_factory=dict)
    windows: dict[str, dict[str, tuple[float, float, float]]] = field(default_factory=dict)
    healthy_again: bool = False


async def collect(
    place: Place, kind: str, target: str, doctor: Doctor, *, checkup: bool = False
) -> Seen:
    """Look at the healthy app, break it, look again, ask the engine, and take the fault back.

    With `checkup` the engine is asked about the healthy app, too.
    """
    reader, namespace, label, clock = place.reader, place.namespace, place.app.label, place.clock
    seen = Seen()
    app = place.app.name
    await clock.sleep(QUIET_SECONDS)
    if checkup:
        await clock.sleep(CHECKUP_SECONDS)
    seen.usual |= await kube_side.states(reader, namespace, label)
    healthy = await window(place)
    seen.usual_calls = {"->".join(edge): counts.calls for edge, counts in healthy.items()}
    seen.usual |= await app_side.log_templates(reader, namespace, label)
    since = clock.now().replace(microsecond=0)
    lately = since - timedelta(seconds=_LATELY_SECONDS)
    seen.usual |= await kube_side.events(reader, namespace, lately)
    if checkup:
        await doctor.look(place, Item(app, "", f"before {kind}", 0), None)
        since = clock.now().replace(microsecond=0)
    broken = fault(kind, place.app)
    truth = Truth.of(broken.expected(place, target), broken.harm)
    await broken.inject(place, target)
    try:
        while clock.now() < since + timedelta(seconds=SETTLE_SECONDS):
            await clock.sleep(SAMPLE_SECONDS)
            seen.kube |= await kube_side.states(reader, namespace, label)
        recently = since - timedelta(seconds=1)
        seen.app |= await app_side.log_templates(reader, namespace, label, recently)
        broken_calls = await window(place)
        seen.kube |= await kube_side.states(reader, namespace, label)
        seen.app |= app_side.shifts(healthy, broken_calls)
        seen.windows = {"healthy": _plain(healthy), "broken": _plain(broken_calls)}
        seen.kube |= await kube_side.events(reader, namespace, since)
        seen.app |= await app_side.log_templates(reader, namespace, label, recently)
        await doctor.look(place, Item(app, kind, target, 0), truth)
    finally:
        await broken.recover(place, target)
    passed = 0.0
    while not seen.healthy_again and passed < _RECOVER_SECONDS:
        await clock.sleep(SAMPLE_SECONDS)
        passed += SAMPLE_SECONDS
        seen.healthy_again = await broken.cured(place, target) and await place.healthy()
    await renew_restarted(place)
    return seen


def _plain(edges: Mapping[tuple[str, str], Counts]) -> dict[str, tuple[float, float, float]]:
    return {"->".join(edge): (c.calls, c.failed, round(c.ms, 3)) for edge, c in edges.items()}


async def renew_restarted(place: Place) -> None:
    """Replace the pods that have restarted: what they said, and their back-off, are not the next fault's."""
    for pod in await place.reader.list("Pod", place.namespace):
        states = (pod.get("status") or {}).get("containerStatuses") or ()
        if any(state.get("restartCount") for state in states):
            await place.writer.delete("Pod", place.namespace, str(pod["metadata"]["name"]))
    passed = 0.0
    while passed < _RECOVER_SECONDS and not await place.healthy():
        await place.clock.sleep(SAMPLE_SECONDS)
        passed += SAMPLE_SECONDS


async def window(place: Place) -> dict[tuple[str, str], Counts]:
    """What happens on each edge within `WINDOW_SECONDS`."""
    before = await reading(place)
    await place.clock.sleep(WINDOW_SECONDS)
    return app_side.edges(before, await reading(place))


async def reading(place: Place) -> Reading:
    """The counters of all edges now."""
    found: dict[tuple[str, str, str], Counts] = {}
    if isinstance(place, KubeEnvironment):
        for pod, page in (await place.metric_pages()).items():
            app_side.read_page(page, pod, found)
        return found
    from connectors.prometheus.settings import PrometheusSettings
    from connectors.prometheus.source import PrometheusMetrics

    source = PrometheusMetrics(PrometheusSettings(url=place.prometheus_url))
    try:
        for metric in ("calls_total", "duration_milliseconds_sum"):
            for series in await source.query(f"traces_span_metrics_{metric}", place.clock.now()):
                app_side.add(found, "", metric, series.labels, series.points[-1][1])
    finally:
        await source.close()
    return found


async def start(app: App, where: str, given: Any) -> Place:
    """Start an environment for one app. `given` are the command's options."""
    if where == "emulator":
        from eval.environments.emulator.environment import Emulator

        return await Emulator.start(
            app, warmup_seconds=600, nodes=1, rate=RATE, version=given.version,
            upstream_dns=not given.no_upstream_dns,
        )  # fmt: skip
    place = await KubeEnvironment.start(
        app,
        kubeconfig=given.kubeconfig,
        image=given.image,
        namespace=f"{given.prefix}-{app.name.replace('_', '-')}",
        rate=RATE,
        warmup_seconds=10,
        prometheus_url=given.prometheus,
    )
    async with scraping(place, given.targets):
        await place.clock.sleep(_HISTORY_SECONDS if given.targets else 0)
    return place


def scraping(place: Place, file: Path | None) -> AbstractAsyncContextManager[None]:
    """While it is open, a Prometheus that reads `file` scrapes the pods of a real place."""
    spaces = dict.fromkeys((place.namespace, place.app.workload.namespace))
    return scraped(place.reader, list(spaces), file if place.name == "kube" else None)
