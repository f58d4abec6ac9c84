"""What the emulated observability stack costs: rules, traces, logs.

Run as `python -m benchmarks.telemetry`. The data is made up: 50 services for one hour.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from connectors.api.values import Json
from eval.environments.emulator.cluster.kubelet.logs import LogBuffer
from eval.environments.emulator.seams import Span
from eval.environments.emulator.telemetry.alerting import Alerting, load_rules
from eval.environments.emulator.telemetry.logql import parse
from eval.environments.emulator.telemetry.logql.ast import LogQuery
from eval.environments.emulator.telemetry.logql.evaluate import logs, metrics
from eval.environments.emulator.telemetry.logs import ContainerLogs, nanoseconds
from eval.environments.emulator.telemetry.series import SeriesStore
from eval.environments.emulator.telemetry.traces import TraceQuery, TraceStore

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SERVICES = 50
HOUR = 3600


@contextmanager
def measured(what: str) -> Iterator[None]:
    before, begun = resident(), time.perf_counter()
    yield
    spent = time.perf_counter() - begun
    print(f"{what:58} {spent * 1000:10.1f} ms {resident() - before:8.1f} MiB")


def resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def rules() -> None:
    store, end = SeriesStore(), NOW.timestamp()
    buckets = [*(str(bound) for bound in (2, 10, 50, 100, 400, 1000, 2000, 5000)), "+Inf"]
    for number in range(SERVICES):
        pod = {"namespace": "shop", "pod": f"svc-{number}-abc", "container": "main"}
        span = {
            "service_name": f"svc-{number}",
            "k8s_namespace_name": "shop",
            "span_kind": "SPAN_KIND_SERVER",
            "status_code": "STATUS_CODE_UNSET",
        }
        times = np.arange(end - HOUR, end + 1, 15).tolist()
        rising = np.linspace(0, 50_000, len(times)).tolist()
        for phase in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
            series = store.series("kube_pod_status_phase", {**pod, "phase": phase})
            series.extend(times, [float(phase == "Running")] * len(times))
        for name in (
            "container_memory_working_set_bytes",
            "kube_pod_container_status_restarts_total",
        ):
            store.series(name, pod).extend(times, [0.0] * len(times))
        store.series("traces_span_metrics_calls_total", span).extend(times, rising)
        for le in buckets:
            name = "traces_span_metrics_duration_milliseconds_bucket"
            store.series(name, {**span, "le": le}).extend(times, rising)
    alerting = Alerting(load_rules(), store, lambda: alerting_now[0])
    alerting_now = [end]
    with measured(f"rules: {len(alerting.rules)} over one hour at once ({SERVICES} services)"):
        alerting.catch_up()
    alerting_now = [end + 30]
    with measured("rules: one more evaluation"):
        alerting.catch_up()


def traces() -> None:
    store = TraceStore()
    with measured("traces: 4,000 of 20 spans recorded"):
        for number in range(4000):
            store.record([_span(number, index) for index in range(20)])
    print(f"        {store.span_count:,} spans are kept")
    with measured("traces: the newest 20 of a service"):
        assert len(store.find(TraceQuery("svc-3", limit=20))) == 20
    with measured("traces: by a tag that none has"):
        assert not store.find(TraceQuery("svc-3", tags={"error": "true"}))
    with measured("traces: dependencies"):
        assert store.dependencies(0, 2**62)


def _span(trace: int, index: int) -> Span:
    return Span(
        trace=f"{trace:032x}",
        id=f"{trace * 20 + index:016x}",
        parent=f"{trace * 20 + index - 1:016x}" if index else "",
        service=f"svc-{index}",
        operation="GET /x",
        start=NOW - timedelta(seconds=4000 - trace, microseconds=-index),
        duration_ms=5.0 + index,
        tags={"span.kind": "server", "http.status_code": 200},
        process={"hostname": f"svc-{index}-abc"},
    )


class Pods:
    """Pods with full logs."""

    def __init__(self) -> None:
        self.pods: list[Json] = []
        self.buffers: dict[str, LogBuffer] = {}
        for number in range(SERVICES):
            name = f"svc-{number}-abc"
            meta = {"name": name, "namespace": "shop", "uid": name, "labels": {"app": name[:-4]}}
            self.pods.append({"metadata": meta, "spec": {"nodeName": "n1"}})
            self.buffers[name] = log = LogBuffer()
            for index in range(4000):
                level = "error" if index % 100 == 0 else "info"
                log.append(
                    NOW - timedelta(seconds=4000 - index), f"level={level} n={index} msg=served"
                )

    def now(self) -> datetime:
        return NOW

    def objects(self, kind: str, namespace: str | None = None) -> Sequence[Json]:
        return self.pods

    def container_logs(self, pod: Json) -> Sequence[tuple[str, LogBuffer]]:
        return [("main", self.buffers[pod["metadata"]["name"]])]


def container_logs() -> None:
    store = ContainerLogs(Pods())
    start, end = nanoseconds(NOW) - HOUR * 10**9, nanoseconds(NOW)
    store.scan()
    with measured("logs: 360 scans for new runs (an hour's worth)"):
        for _ in range(360):
            store.scan()
    query = parse('{namespace="shop"} |= "level=error"')
    assert isinstance(query, LogQuery)
    with measured("logs: the newest 100 errors of 180,000 lines"):
        found, _ = logs(query, store, start, end, 100, backward=True)
    assert sum(len(entries) for _, entries in found) == 100
    counted = parse(
        'sum by (app) (count_over_time({namespace="shop"} | logfmt | level="error" [1m]))'
    )
    assert not isinstance(counted, LogQuery)
    times = np.arange(start, end + 1, 60 * 10**9, dtype=np.int64)
    with measured("logs: errors per minute and service, parsed by logfmt"):
        assert len(metrics(counted, store, times)) == SERVICES


def main() -> None:
    rules()
    traces()
    container_logs()


if __name__ == "__main__":
    main()
