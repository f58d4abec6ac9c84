"""node-exporter, and the nodes' part of kube-state-metrics."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from eval.environments.emulator.seams import ClusterState
from eval.environments.emulator.traffic.metrics.quantities import quantity
from eval.environments.emulator.traffic.metrics.scrape import Labels, Page
from eval.environments.emulator.traffic.processes import Processes

_MEGABYTE = 1024 * 1024
_DISK = 100 * 1024 * _MEGABYTE


class Nodes:
    """CPU, memory, disk, load and conditions of every node."""

    def __init__(
        self, cluster: ClusterState, processes: Processes, random: np.random.Generator
    ) -> None:
        self._cluster = cluster
        self._processes = processes
        self._random = random
        self._cpu: dict[str, float] = {}
        self._seen: dict[tuple[str, str, datetime], float] = {}
        self._before: datetime | None = None

    def export(self, page: Page, now: datetime) -> None:
        """Write all samples."""
        seconds = (now - self._before).total_seconds() if self._before else 0.0
        self._before = now
        used, memory = self._use(now)
        _up(page, "kube-state-metrics", "kube-state-metrics:8080")
        _up(page, "otel-collector", "otel-collector:8889")
        for node in self._cluster.objects("Node"):
            name = node["metadata"]["name"]
            _up(page, "node-exporter", name)
            _up(page, "kubelet", name)
            capacity = node.get("status", {}).get("capacity") or {}
            cores = quantity(str(capacity.get("cpu", "4")))
            total = quantity(str(capacity.get("memory", "16Gi")))
            busy = used.get(name, 0.0) + seconds * cores * 0.02
            self._cpu[name] = self._cpu.get(name, 0.0) + busy
            self._uptime(page, name, now, cores, busy, seconds)
            free = total - memory.get(name, 0.0) - 900 * _MEGABYTE
            _gauge(page, "node_memory_MemTotal_bytes", name, total)
            _gauge(page, "node_memory_MemAvailable_bytes", name, max(0.0, free))
            _gauge(page, "node_filesystem_size_bytes", name, _DISK, mountpoint="/")
            _gauge(page, "node_filesystem_avail_bytes", name, _DISK * 0.63, mountpoint="/")
            for condition in node.get("status", {}).get("conditions") or ():
                for status in ("true", "false", "unknown"):
                    _condition(page, name, condition, status)

    def _use(self, now: datetime) -> tuple[dict[str, float], dict[str, float]]:
        """CPU seconds since the last scrape and memory in use, per node."""
        cpu: dict[str, float] = {}
        memory: dict[str, float] = {}
        seen: dict[tuple[str, str, datetime], float] = {}
        for process in self._processes:
            node = process.node
            key = (process.uid, process.container, process.started)
            spent = process.cpu_seconds - self._seen.get(key, 0.0)
            seen[key] = process.cpu_seconds
            cpu[node] = cpu.get(node, 0.0) + spent
            memory[node] = memory.get(node, 0.0) + process.memory_mb(now) * _MEGABYTE
        self._seen = seen
        return cpu, memory

    def _uptime(
        self, page: Page, node: str, now: datetime, cores: float, busy: float, seconds: float
    ) -> None:
        spent = self._cpu[node]
        idle = self._cpu.setdefault(f"{node}/idle", 0.0) + max(0.0, cores * seconds - busy)
        self._cpu[f"{node}/idle"] = idle
        for mode, value in (("idle", idle), ("user", spent * 0.8), ("system", spent * 0.2)):
            _gauge(page, "node_cpu_seconds_total", node, value, cpu="0", mode=mode)
        load = (busy / seconds if seconds else 0.0) + 0.05 * float(self._random.random())
        _gauge(page, "node_load1", node, round(load, 2))


def _up(page: Page, job: str, instance: str) -> None:
    page.set("up", (job, instance), lambda: {"job": job, "instance": instance}, 1.0)


def _gauge(page: Page, name: str, node: str, value: float, **more: str) -> None:
    def labels() -> Labels:
        return {"instance": node, "node": node, "job": "node-exporter", **more}

    page.set(name, (node, *more.values()), labels, value)


def _condition(page: Page, node: str, condition: dict[str, str], status: str) -> None:
    def labels() -> Labels:
        return {
            "node": node,
            "condition": condition["type"],
            "status": status,
            "job": "kube-state-metrics",
        }

    value = float(condition["status"].lower() == status)
    page.set("kube_node_status_condition", (node, condition["type"], status), labels, value)
