"""What programs use of their nodes, step by step: CPU, workers, pools, memory."""

from __future__ import annotations

from datetime import datetime

from eval.environments.emulator.traffic.flags import FeatureFlags
from eval.environments.emulator.traffic.hosts import Hosts
from eval.environments.emulator.traffic.metrics.quantities import quantity
from eval.environments.emulator.traffic.processes import Process, Processes
from eval.environments.emulator.traffic.surroundings import AppCluster

_MEGABYTE = 1024 * 1024
_OOM_EXIT_CODE = 137


class Resources:
    """Settles every process after a step."""

    def __init__(
        self, cluster: AppCluster, processes: Processes, flags: FeatureFlags, hosts: Hosts
    ) -> None:
        self._cluster = cluster
        self._processes = processes
        self._flags = flags
        self._hosts = hosts
        self.oom_kills: dict[tuple[str, str], int] = {}

    def settle(self, seconds: float, now: datetime) -> None:
        """End a step: who had to wait for what, and who used too much memory."""
        capacity = {
            node["metadata"]["name"]: quantity(
                str((node.get("status", {}).get("capacity") or {}).get("cpu", "4"))
            )
            for node in self._cluster.objects("Node")
        }
        wanted: dict[str, float] = {}
        processes = list(self._processes)
        for process in processes:
            demand = process.load.cpu_ms / 1000 / seconds + process.program.usage.idle_cores
            if process.cpu_limit:
                demand = min(demand, process.cpu_limit)
            wanted[process.node] = wanted.get(process.node, 0.0) + demand
        for process in processes:
            cores = capacity.get(process.node, 4.0)
            crowd = wanted[process.node] / cores if cores else 1.0
            if crowd > 1:
                cores /= crowd
            self._one(process, seconds, min(cores, process.cpu_limit or cores))
            self._memory(process, seconds, now)

    def _one(self, process: Process, seconds: float, cores: float) -> None:
        program = process.program
        process.load.settle(
            seconds,
            cores,
            process.cpu_limit,
            program.usage.idle_cores,
            program.workers,
            program.queue,
        )
        for callee, pool in program.pools.items():
            process.pools.of(callee).settle(seconds, pool)
        loss = self._hosts.of(program.name).loss
        if loss:
            process.dropped_out += loss * process.load.used_cores * seconds * 50 + loss * seconds

    def _memory(self, process: Process, seconds: float, now: datetime) -> None:
        growth = self._flags.behaviour(process).memory_mb_per_minute
        if growth:
            process.leaked_mb += growth * seconds / 60
        if not process.memory_limit:
            return
        if process.memory_mb(now) * _MEGABYTE > process.memory_limit:
            key = process.uid, process.container
            if self._cluster.terminate(process.pod, process.container, _OOM_EXIT_CODE, oom=True):
                self.oom_kills[key] = self.oom_kills.get(key, 0) + 1
                self._processes.remove(process)
