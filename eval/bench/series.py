"""The time series of an app's services, for methods that look at nothing else."""

from __future__ import annotations

from collections import defaultdict

from connectors.api.protocols import MetricsSource
from copilot.evidence.collect_metrics import RESOURCES
from copilot.evidence.request_labels import is_error
from copilot.evidence.request_metrics import (
    choose,
    discovery,
    duration_metrics,
    gather,
    rate_query,
    ratio,
    seconds_per_unit,
)
from copilot.evidence.telemetry import Points
from copilot.model.scope import Scope

Series = dict[tuple[str, str], Points]
"""Points by (service, metric): "cpu", "memory", "requests", "errors" or "latency"."""

_STEP = 30.0


async def read(metrics: MetricsSource, scope: Scope) -> Series:
    """Read what one service's dashboard shows, for the window and its baseline."""
    found: Series = {}
    start, end = scope.window.baseline_start, scope.window.end
    for name in ("cpu", "memory"):
        selector = f'container!="",container!="POD",namespace=~"{"|".join(scope.namespaces)}"'
        sums: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
        for item in await metrics.query_range(RESOURCES[name].format(selector), start, end, _STEP):
            for moment, value in item.points:
                sums[workload_of(item.labels.get("pod", ""))][moment] += value
        found.update({(w, name): tuple(sorted(p.items())) for w, p in sums.items()})
    present = await metrics.query(discovery(), end)
    for counter in choose([s.labels.get("__name__", "") for s in present])[:1]:
        series = await metrics.query_range(rate_query(counter, "1m"), start, end, _STEP)
        calls = gather(series, scope.namespaces)
        failed = gather([s for s in series if is_error(s.labels)], scope.namespaces)
        took = duration_metrics(counter)
        times = counts = {}
        if took:
            times, counts = [
                gather(
                    await metrics.query_range(rate_query(m, "1m"), start, end, _STEP),
                    scope.namespaces,
                )
                for m in took
            ]
        for key, points in calls.items():
            if not key.caller:
                found[key.service, "requests"] = points
                found[key.service, "errors"] = ratio(failed.get(key, ()), points)
                unit = seconds_per_unit(took[0]) if took else 1.0
                found[key.service, "latency"] = ratio(
                    times.get(key, ()), counts.get(key, ()), unit, absent=None
                )
    return found


def workload_of(pod: str) -> str:
    """Return a pod's workload by its name: without the hashes of a Deployment, or the number."""
    parts = pod.split("-")
    if len(parts) > 2 and len(parts[-1]) == 5:
        return "-".join(parts[:-2])
    return "-".join(parts[:-1]) if parts[-1].isdigit() else pod
