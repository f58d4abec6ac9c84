"""cAdvisor: what the containers use, as the kubelets report it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np

from connectors.api.values import Json
from eval.environments.emulator.traffic.metrics.quantities import quantity
from eval.environments.emulator.traffic.metrics.scrape import Labels, Page
from eval.environments.emulator.traffic.processes import Process, Processes

_MEGABYTE = 1024 * 1024


class CAdvisor:
    """CPU, memory and network of every running container."""

    def __init__(self, processes: Processes, random: np.random.Generator) -> None:
        self._processes = processes
        self._random = random

    def export(self, page: Page, now: datetime) -> None:
        """Write the samples of all processes."""
        for process in self._processes:
            if _running(process.pod, process.container):
                self._container(page, process, now)

    def _container(self, page: Page, process: Process, now: datetime) -> None:
        usage = process.program.usage
        age = max(0.0, (now - process.started).total_seconds())
        key = (process.uid, process.container)

        def labels() -> Labels:
            return _labels(process, container=True)

        def pod_labels() -> Labels:
            return {**_labels(process, container=False), "interface": "eth0"}

        cpu = process.cpu_seconds + usage.idle_cores * age
        # programs fill their caches for some minutes, then stay about where they are
        filled = 1.0 - 0.3 * 0.5 ** (age / 240)
        memory = usage.memory_mb * _MEGABYTE * filled
        memory *= 1.0 + 0.01 * float(self._random.standard_normal())
        page.set("container_cpu_usage_seconds_total", key, labels, cpu)
        page.set("container_memory_working_set_bytes", key, labels, float(round(memory)))
        page.set("container_memory_rss", key, labels, float(round(memory * 0.86)))
        page.set("container_start_time_seconds", key, labels, process.started.timestamp())
        base = age * 40.0
        received, sent = process.bytes_in + base, process.bytes_out + base
        page.set("container_network_receive_bytes_total", process.uid, pod_labels, received)
        page.set("container_network_transmit_bytes_total", process.uid, pod_labels, sent)
        self._limits(page, process, key, labels, now, age)

    def _limits(
        self,
        page: Page,
        process: Process,
        key: tuple[str, str],
        labels: Callable[[], Labels],
        now: datetime,
        age: float,
    ) -> None:
        limits = process.program.limits
        if "cpu" in limits:
            page.set("container_cpu_cfs_periods_total", key, labels, float(int(age * 10)))
            page.set("container_cpu_cfs_throttled_periods_total", key, labels, 0.0)
            quota = quantity(limits["cpu"]) * 100_000
            page.set("container_spec_cpu_quota", key, labels, quota)
        if "memory" in limits:
            limit = quantity(limits["memory"])
            page.set("container_spec_memory_limit_bytes", key, labels, limit)


def _labels(process: Process, *, container: bool) -> Labels:
    pod = process.pod
    node = str(pod.get("spec", {}).get("nodeName", ""))
    labels = {
        "namespace": pod["metadata"]["namespace"],
        "pod": pod["metadata"]["name"],
        "node": node,
        "instance": node,
        "job": "kubelet",
        "metrics_path": "/metrics/cadvisor",
    }
    if container:
        labels |= {"container": process.container, "image": process.program.image}
    return labels


def _running(pod: Json, container: str) -> bool:
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return any(s["name"] == container and "running" in (s.get("state") or {}) for s in statuses)
