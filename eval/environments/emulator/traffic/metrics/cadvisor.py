"""cAdvisor: what the containers use, as the kubelets report it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from connectors.api.values import Json
from eval.environments.emulator.traffic.metrics.scrape import Labels, Page
from eval.environments.emulator.traffic.processes import Process, Processes

_MEGABYTE = 1024 * 1024


class CAdvisor:
    """CPU, memory and network of every running container."""

    def __init__(
        self,
        processes: Processes,
        random: np.random.Generator,
        oom_kills: Mapping[tuple[str, str], int],
    ) -> None:
        self._processes = processes
        self._random = random
        self._oom_kills = oom_kills

    def export(self, page: Page, now: datetime) -> None:
        """Write the samples of all processes."""
        pods: dict[str, list[Process]] = {}
        for process in self._processes:
            if _running(process.pod, process.container):
                self._container(page, process, now)
                pods.setdefault(process.uid, []).append(process)
        for processes in pods.values():
            _network(page, processes, now)

    def _container(self, page: Page, process: Process, now: datetime) -> None:
        key = (process.uid, process.container)

        def labels() -> Labels:
            return _labels(process, container=True)

        memory = process.memory_mb(now) * _MEGABYTE
        memory *= 1.0 + 0.01 * float(self._random.standard_normal())
        if process.memory_limit:
            memory = min(memory, process.memory_limit)
        values = {
            "container_cpu_usage_seconds_total": process.cpu_seconds,
            "container_memory_working_set_bytes": float(round(memory)),
            "container_memory_rss": float(round(memory * 0.86)),
            "container_start_time_seconds": process.started.timestamp(),
            "container_oom_events_total": float(self._oom_kills.get(key, 0)),
            **_limits(process),
        }
        page.set_all(
            (*key, tuple(values)), lambda: [(n, labels()) for n in values], [*values.values()]
        )


def _limits(process: Process) -> dict[str, float]:
    load = process.load
    values: dict[str, float] = {}
    if process.cpu_limit:
        throttled = "container_cpu_cfs_throttled_"
        values["container_cpu_cfs_periods_total"] = float(int(load.periods))
        values[f"{throttled}periods_total"] = float(int(load.throttled_periods))
        values[f"{throttled}seconds_total"] = load.throttled_seconds
        values["container_spec_cpu_quota"] = process.cpu_limit * 100_000
        values["container_spec_cpu_period"] = 100_000.0
    if process.memory_limit:
        values["container_spec_memory_limit_bytes"] = process.memory_limit
    return values


def _network(page: Page, processes: list[Process], now: datetime) -> None:
    """A pod's containers share its network."""
    first = processes[0]

    def labels() -> Labels:
        return {**_labels(first, container=False), "interface": "eth0"}

    base = max(0.0, (now - first.started).total_seconds()) * 40.0
    received = base + sum(process.bytes_in for process in processes)
    sent = base + sum(process.bytes_out for process in processes)
    dropped_in = sum(process.dropped_in for process in processes)
    dropped_out = sum(process.dropped_out for process in processes)
    values = {
        "receive_bytes_total": received,
        "transmit_bytes_total": sent,
        "receive_packets_dropped_total": float(int(dropped_in)),
        "transmit_packets_dropped_total": float(int(dropped_out)),
        "receive_errors_total": 0.0,
        "transmit_errors_total": 0.0,
    }
    page.set_all(
        ("network", first.uid),
        lambda: [(f"container_network_{name}", labels()) for name in values],
        [*values.values()],
    )


def _labels(process: Process, *, container: bool) -> Labels:
    pod = process.pod
    labels = {
        "namespace": pod["metadata"]["namespace"],
        "pod": pod["metadata"]["name"],
        "node": process.node,
        "instance": process.node,
        "job": "kubelet",
        "metrics_path": "/metrics/cadvisor",
    }
    if container:
        labels |= {"container": process.container, "image": process.program.image}
    return labels


def _running(pod: Json, container: str) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return any(s["name"] == container and "running" in (s.get("state") or {}) for s in statuses)
