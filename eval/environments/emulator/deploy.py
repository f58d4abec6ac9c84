"""Brings an app up: stores first, then what they serve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from connectors.api.values import Json
from eval.apps.manifests import WORKLOADS
from eval.apps.model import App, Service
from eval.environments.emulator.cluster.cluster import EmulatedCluster
from eval.environments.emulator.traffic.processes import Processes

_LIMIT_SECONDS = 600.0
_STEP_SECONDS = 2.0


async def deploy(
    app: App, objects: Sequence[Json], cluster: EmulatedCluster, processes: Processes
) -> None:
    """Create the app's `objects` and wait until all its programs serve.

    Raises `TimeoutError`, naming what does not come up within ten virtual minutes.
    """
    stages: list[Callable[[Service], bool]] = [
        lambda service: service.store is not None or service.name == app.registry,
        lambda service: True,
    ]
    for item in objects:
        if item["kind"] not in WORKLOADS:
            cluster.create(item)
    done: set[str] = set()
    for belongs in stages:
        names = [s.name for s in app.services.values() if belongs(s) and s.name not in done]
        done.update(names)
        for item in objects:
            if item["kind"] in WORKLOADS and item["metadata"]["name"] in names:
                cluster.create(item)
        await _until_serving(cluster, processes, {n: app.services[n] for n in names})


async def _until_serving(
    cluster: EmulatedCluster, processes: Processes, services: dict[str, Service]
) -> None:
    passed = 0.0
    while True:
        processes.refresh()
        serving: dict[str, int] = {}
        for process in processes:
            ports = process.program.ports
            if not ports or processes.accepts(process, ports[0].number):
                name = process.program.name
                serving[name] = serving.get(name, 0) + 1
        missing = [n for n, s in services.items() if serving.get(n, 0) < s.replicas]
        if not missing:
            return
        if passed >= _LIMIT_SECONDS:
            raise TimeoutError(f"not up after {passed:.0f} virtual seconds: {', '.join(missing)}")
        cluster.advance(_STEP_SECONDS)
        passed += _STEP_SECONDS
        await asyncio.sleep(0)
