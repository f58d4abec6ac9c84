"""What the app's telemetry shows: templates of log lines, and shifts on the edges of the call graph."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from benchmarks.fidelity.kube_side import Symptom
from benchmarks.fidelity.templates import base_name, template
from connectors.api.errors import ConnectorError
from connectors.api.protocols import ClusterReader
from connectors.api.values import Json

_LINE = re.compile(r"traces_span_metrics_(calls_total|duration_milliseconds_sum)\{(.*)\} (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
LEAST_CALLS = 15
FEWER = 0.5
"""Fewer calls: less than this share of those of the healthy window.

An edge with 40 calls in each of two windows falls below half by chance once in 400 times (the counts are
Poisson's: 20 is 2.8 standard deviations). A line must not lie on the share that one of an app's kinds of
requests has: an edge that loses the other kinds would be on either side of it by chance.
"""
_AT_ONCE, _TRIES = 6, 3
_UNREADABLE = "unable to retrieve container logs"
_ERROR_SHARE, _SLOWER, _SLOWER_MS = 0.05, 3.0, 25.0


@dataclass(slots=True)
class Counts:
    """Calls of an edge, how many of them failed, and the time that they took together."""

    calls: float = 0.0
    failed: float = 0.0
    ms: float = 0.0

    def minus(self, other: Counts) -> Counts:
        """What came since an earlier reading; a counter that began anew counts from 0."""
        if other.calls > self.calls or other.failed > self.failed:
            return self
        return Counts(self.calls - other.calls, self.failed - other.failed, self.ms - other.ms)


Reading = Mapping[tuple[str, str, str], Counts]
"""Per source (a pod, or "" for all), caller and callee."""


def read_page(text: str, source: str, into: dict[tuple[str, str, str], Counts]) -> None:
    """Add a page of metrics in Prometheus's text form to a reading."""
    for line in text.splitlines():
        match = _LINE.match(line)
        if match:
            add(into, source, match[1], dict(_LABEL.findall(match[2])), float(match[3]))


def add(
    into: dict[tuple[str, str, str], Counts], source: str, metric: str, labels: Mapping[str, str], value: float
) -> None:  # fmt: skip
    """Add one sample to a reading; only client spans tell an edge."""
    if labels.get("span_kind") != "SPAN_KIND_CLIENT":
        return
    key = source, labels["service_name"], labels.get("peer_service", "")
    counts = into.setdefault(key, Counts())
    if metric == "calls_total":
        counts.calls += value
        counts.failed += value if labels["status_code"] == "STATUS_CODE_ERROR" else 0.0
    else:
        counts.ms += value


def edges(before: Reading, after: Reading) -> dict[tuple[str, str], Counts]:
    """What happened on each edge between two readings."""
    found: dict[tuple[str, str], Counts] = {}
    for (source, caller, callee), counts in after.items():
        made = counts.minus(before.get((source, caller, callee), Counts()))
        total = found.setdefault((caller, callee), Counts())
        total.calls, total.failed, total.ms = (
            total.calls + made.calls,
            total.failed + made.failed,
            total.ms + made.ms,
        )
    return found


def shifts(
    healthy: Mapping[tuple[str, str], Counts], broken: Mapping[tuple[str, str], Counts]
) -> set[Symptom]:
    """The edges that fail, are slower, or carry far fewer calls, between windows of equal length."""
    found: set[Symptom] = set()
    for edge, before in healthy.items():
        if before.calls < LEAST_CALLS:
            continue
        after, place = broken.get(edge, Counts()), "->".join(edge)
        if after.calls < before.calls * FEWER:
            found.add(("edge", place, "fewer calls"))
        if after.calls < LEAST_CALLS / 2:
            continue
        if after.failed / after.calls > before.failed / before.calls + _ERROR_SHARE:
            found.add(("edge", place, "errors"))
        usual, now = before.ms / before.calls, after.ms / after.calls
        if now > usual * _SLOWER and now > usual + _SLOWER_MS:
            found.add(("edge", place, "slow"))
    return found


async def log_templates(
    reader: ClusterReader, namespace: str, label: str, since: datetime | None = None
) -> set[Symptom]:
    """The templates in the logs of all containers, those before their last restart too."""
    found: set[Symptom] = set()
    slots = asyncio.Semaphore(_AT_ONCE)

    async def read(pod: Json, container: str, previous: bool) -> None:
        metadata = pod["metadata"]
        name = metadata.get("labels", {}).get(label) or base_name(metadata["name"])
        text = ""
        for _ in range(_TRIES):
            async with slots:
                try:
                    text = await reader.logs(
                        namespace, metadata["name"], container, since=since, previous=previous
                    )
                except ConnectorError:
                    return  # not started yet, or gone
            if not text.startswith(_UNREADABLE):
                break
            text = ""
            await asyncio.sleep(1)
        for line in text.splitlines():
            said = template(line.partition(" ")[2], namespace)
            if said:
                found.add(("log", name, said))

    await asyncio.gather(
        *(
            read(pod, container, previous)
            for pod in await reader.list("Pod", namespace)
            for container, restarted in _containers(pod)
            for previous in ((False, True) if restarted else (False,))
        )
    )
    return found


def _containers(pod: Json) -> list[tuple[str, bool]]:
    """The pod's containers, and which of them were started more than once."""
    status = pod.get("status") or {}
    states = [
        state
        for field in ("initContainerStatuses", "containerStatuses")
        for state in status.get(field) or ()
    ]
    return [(state["name"], state.get("restartCount", 0) > 0) for state in states]
