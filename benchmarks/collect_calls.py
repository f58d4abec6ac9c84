"""What one investigation costs a cluster: list calls, log calls, seconds, MiB.

.venv/bin/python -m benchmarks.collect_calls [social_network | synthetic [SERVICES]]

Calls are counted where they arrive, at the emulator's API server. Memory is what the process
holds more at its peak than before the investigation, measured by `tracemalloc`, which makes it slower: the
seconds are those of a run before, without it.
"""

from __future__ import annotations

import asyncio
import math
import re
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.kubernetes.reader import open_reader
from connectors.kubernetes.settings import KubernetesSettings
from copilot.evidence.engine import EvidenceEngine
from copilot.model.diagnosis import Diagnosis
from copilot.model.events import DiagnosisReady
from copilot.model.scope import Scope, Window
from copilot.tools.sources import Sources

if TYPE_CHECKING:
    from aiohttp import web

_COLLECTION = re.compile(r"^(/api/v1|/apis/[^/]+/[^/]+)(/namespaces/[^/]+)?/[^/]+$")


@dataclass
class Calls:
    """The requests that reached an API server, by what they are."""

    lists: int = 0
    logs: int = 0
    others: int = 0
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, method: str, path: str) -> None:
        """Count one request."""
        if path.endswith("/log"):
            self.logs += 1
        elif method == "GET" and _COLLECTION.match(path):
            self.lists += 1
            self.kinds[path.rpartition("/")[2]] += 1
        else:
            self.others += 1

    def reset(self) -> None:
        """Begin anew."""
        self.lists = self.logs = self.others = 0
        self.kinds.clear()


@contextmanager
def counted() -> Iterator[Calls]:
    """Count the requests of every emulated API server that starts in here."""
    from eval.environments.emulator.cluster.api.server import ApiServer

    calls, handle = Calls(), ApiServer._handle

    async def counting(self: ApiServer, request: web.Request) -> web.StreamResponse:
        calls.add(request.method, request.path)
        return await handle(self, request)

    setattr(ApiServer, "_handle", counting)  # noqa: B010 - the server binds it when it starts
    try:
        yield calls
    finally:
        setattr(ApiServer, "_handle", handle)  # noqa: B010


async def investigate(sources: Sources, namespace: str) -> Diagnosis:
    """Run one investigation of a namespace to its end."""
    scope = Scope("bench", (namespace,), Window.last(sources.clock.now()))
    found = None
    async for event in EvidenceEngine(sources).investigate("", scope):
        if isinstance(event, DiagnosisReady):
            found = event.diagnosis
    assert found is not None
    return found


async def measured(name: str, sources: Sources, namespace: str, calls: Calls) -> str:
    """Investigate twice, for time and for memory; returns the row."""
    calls.reset()
    begun = time.perf_counter()
    diagnosis = await investigate(sources, namespace)
    seconds = time.perf_counter() - begun
    row = f"{name:<40} {calls.lists:>6} {calls.logs:>5} {calls.others:>7} {seconds:>8.2f}"
    detail = ", ".join(f"{kind} {count}" for kind, count in sorted(calls.kinds.items()))
    tracemalloc.start()
    await investigate(sources, namespace)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    unread = next((line for line in diagnosis.missing_sources if line.startswith("logs of")), "-")
    return f"{row} {peak:>7.0f}\n  lists: {detail}\n  unread: {unread}"


async def small(calls: Calls) -> str:
    from eval.environments.emulator.environment import Emulator

    place = await Emulator.start("social_network", warmup_seconds=900)
    try:
        sources = Sources(place.clock, place.reader)
        pods = len(await place.reader.list("Pod", place.namespace))
        services = len(await place.reader.list("Service", place.namespace))
        name = f"social_network: {services} services, {pods} pods"
        return await measured(name, sources, place.namespace, calls)
    finally:
        await place.close()


async def large(services: int, calls: Calls) -> str:
    from benchmarks.emulator_scale import (
        PODS_PER_NODE,
        REPLICAS,
        START,
        SyntheticPrograms,
        _ready,
        synthetic,
    )
    from eval.environments.emulator.cluster.cluster import EmulatedCluster

    wanted = services * REPLICAS
    nodes = max(3, math.ceil(wanted / PODS_PER_NODE))
    cluster = EmulatedCluster(SyntheticPrograms(), nodes=nodes, start=START)
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "synthetic"}})
    for number in range(services):
        for body in synthetic(number):
            cluster.create(body)
    while _ready(cluster) < wanted:
        cluster.advance(5)
    cluster.advance(60)
    await cluster.serve()
    with tempfile.TemporaryDirectory() as folder:
        file = cluster.kubeconfig(Path(folder) / "kubeconfig", "admin", namespace="synthetic")
        reader: Any = await open_reader(KubernetesSettings(kubeconfig=file, timeout=60))
        try:
            name = f"synthetic: {services} services, {wanted} pods"
            return await measured(name, Sources(cluster.clock, reader), "synthetic", calls)
        finally:
            await reader.close()
            await cluster.close()


def main() -> None:
    which = sys.argv[1] if len(sys.argv) > 1 else ""
    titles = f"{'':<40} {'lists':>6} {'logs':>5} {'others':>7} {'seconds':>8} {'MiB':>7}"
    print(titles)
    with counted() as calls:
        if which in ("", "social_network"):
            print(asyncio.run(small(calls)), flush=True)
        if which in ("", "synthetic"):
            services = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
            print(asyncio.run(large(services, calls)), flush=True)


if __name__ == "__main__":
    main()
