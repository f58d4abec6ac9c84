"""The exporters of databases and caches."""

from __future__ import annotations

from datetime import datetime

from eval.environments.emulator.traffic.metrics.scrape import Labels, Page
from eval.environments.emulator.traffic.network import Network
from eval.environments.emulator.traffic.processes import Process, Processes


class Stores:
    """Connections, commands and memory of every store that serves."""

    def __init__(self, processes: Processes, network: Network) -> None:
        self._processes = processes
        self._network = network

    def export(self, page: Page, now: datetime) -> None:
        """Write the samples of all stores."""
        for process in self._processes:
            store = process.program.store
            if store is None:
                continue
            ports = process.program.ports
            up = bool(ports) and self._processes.accepts(process, ports[0].number)
            _STORES.get(store.engine, _nothing)(page, process, self._clients(process), up, now)

    def _clients(self, process: Process) -> float:
        store = process.program.store
        wanted = self._network.clients(process.program.name)
        limit = store.max_connections if store else 0
        return min(wanted, float(limit)) if limit else wanted


def _write(page: Page, process: Process, job: str, name: str, value: float, **more: str) -> None:
    def labels() -> Labels:
        meta = process.pod["metadata"]
        return {
            "namespace": meta["namespace"],
            "pod": meta["name"],
            "service": process.program.name,
            "instance": f"{process.program.name}:{process.program.ports[0].port}",
            "job": job,
            **more,
        }

    page.set(name, (process.uid, process.container, *more.values()), labels, value)


def _nothing(page: Page, process: Process, clients: float, up: bool, now: datetime) -> None:
    """Brokers are exported with their queues."""


def _mongodb(page: Page, process: Process, clients: float, up: bool, now: datetime) -> None:
    job = "mongodb-exporter"
    _write(page, process, job, "mongodb_up", float(up))
    if up:
        _write(page, process, job, "mongodb_connections", clients, state="current")
        available = 51_200 - clients
        _write(page, process, job, "mongodb_connections", available, state="available")
        _write(
            page, process, job, "mongodb_op_counters_total", float(process.requests), type="query"
        )


def _redis(page: Page, process: Process, clients: float, up: bool, now: datetime) -> None:
    job = "redis-exporter"
    _write(page, process, job, "redis_up", float(up))
    if up:
        _write(page, process, job, "redis_connected_clients", clients)
        _write(page, process, job, "redis_commands_processed_total", float(process.requests))
        memory = float(round(process.memory_mb(now) * 1024 * 1024 * 0.8))
        _write(page, process, job, "redis_memory_used_bytes", memory)
        _write(page, process, job, "redis_memory_max_bytes", 0.0)


def _memcached(page: Page, process: Process, clients: float, up: bool, now: datetime) -> None:
    job = "memcached-exporter"
    _write(page, process, job, "memcached_up", float(up))
    if up:
        _write(page, process, job, "memcached_current_connections", clients)
        _write(
            page, process, job, "memcached_commands_total", float(process.requests), command="get"
        )


def _postgresql(page: Page, process: Process, clients: float, up: bool, now: datetime) -> None:
    job = "postgres-exporter"
    _write(page, process, job, "pg_up", float(up))
    if up:
        active = min(clients, process.load.in_flight)
        _write(page, process, job, "pg_stat_activity_count", active, state="active")
        _write(page, process, job, "pg_stat_activity_count", clients - active, state="idle")
        store = process.program.store
        limit = float(store.max_connections if store and store.max_connections else 100)
        _write(page, process, job, "pg_settings_max_connections", limit)
        _write(page, process, job, "pg_stat_database_xact_commit", float(process.requests))


def _mysql(page: Page, process: Process, clients: float, up: bool, now: datetime) -> None:
    job = "mysqld-exporter"
    _write(page, process, job, "mysql_up", float(up))
    if up:
        _write(page, process, job, "mysql_global_status_threads_connected", clients)
        _write(page, process, job, "mysql_global_status_queries", float(process.requests))


_STORES = {
    "mongodb": _mongodb,
    "redis": _redis,
    "memcached": _memcached,
    "postgresql": _postgresql,
    "mysql": _mysql,
}
