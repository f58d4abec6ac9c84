"""cAdvisor: what the containers use, as the kubelets report it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

import numpy as np

from connectors.api.values import Json
from eval.environments.emulator.traffic.metrics.scrape import Labels, Page
from eval.environments.emulator.traffic.processes import Process, Processes

_MEGABYTE = 1024 * 1024
_USE = (
    "container_cpu_usage_seconds_total",
    "container_memory_working_set_bytes",
    "container_memory_rss",
    "container_start_time_seconds",
    "container_oom_events_total",
)
_QUOTA = (
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
    "container_cpu_cfs_throttled_seconds_total",
    "container_spec_cpu_quota",
    "container_spec_cpu_period",
)
_LIMIT = ("container_spec_memory_limit_bytes",)
_NETWORK = (
    "receive_bytes_total",
    "transmit_bytes_total",
    "receive_packets_dropped_total",
    "transmit_packets_dropped_total",
    "receive_errors_total",
    "transmit_errors_total",
)


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
        running = [p for p in self._processes if _running(p.pod, p.container)]
        noise = self._random.standard_normal(len(running)).tolist()
        for process, drawn in zip(running, noise, strict=True):
            self._container(page, process, now, drawn)
            pods.setdefault(process.uid, []).append(process)
        for processes in pods.values():
            _network(page, processes, now)

    def _container(self, page: Page, process: Process, now: datetime, drawn: float) -> None:
        key = (process.uid, process.container)
        memory = process.memory_mb(now) * _MEGABYTE * (1.0 + 0.01 * drawn)
        if process.memory_limit:
            memory = min(memory, process.memory_limit)
        load = process.load
        names: tuple[str, ...] = _USE
        values = [
            load.used_seconds,
            float(round(memory)),
            float(round(memory * 0.86)),
            process.started.timestamp(),
            float(self._oom_kills.get(key, 0)),
        ]
        if process.cpu_limit:
            names += _QUOTA
            values += (
                float(int(load.periods)),
                float(int(load.throttled_periods)),
                load.throttled_seconds,
                process.cpu_limit * 100_000,
                100_000.0,
            )
        if process.memory_limit:
            names += _LIMIT
            values.append(process.memory_limit)
        page.set_all((process, names), partial(_described, process, names), values)


def _described(process: Process, names: Sequence[str]) -> list[tuple[str, Labels]]:
    labels = _labels(process, container=True)
    return [(name, labels) for name in names]


def _network(page: Page, processes: list[Process], now: datetime) -> None:
    """A pod's containers share its network."""
    first = processes[0]
    base = max(0.0, (now - first.started).total_seconds()) * 40.0
    received = base + sum(process.bytes_in for process in processes)
    sent = base + sum(process.bytes_out for process in processes)
    dropped_in = sum(process.dropped_in for process in processes)
    dropped_out = sum(process.dropped_out for process in processes)
    values = [received, sent, float(int(dropped_in)), float(int(dropped_out)), 0.0, 0.0]
    page.set_all(("network", first.uid), partial(_interface, first), values)


def _interface(process: Process) -> list[tuple[str, Labels]]:
    labels = {**_labels(process, container=False), "interface": "eth0"}
    return [(f"container_network_{name}", labels) for name in _NETWORK]


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
