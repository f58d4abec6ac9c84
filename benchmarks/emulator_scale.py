"""How the emulated cluster's cost grows from 10 to 1,000 services (five pods each).

Run as `python -m benchmarks.emulator_scale`; each size is measured in a process of its own. The
synthetic app is made as data: every service is a Deployment with probes and a Service. Speed and
growth are in CPU time, so that they hold on a busy machine.
"""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from connectors.api.values import Json
from eval.environments.emulator.cluster.cluster import EmulatedCluster
from eval.environments.emulator.cluster.objects import is_true
from eval.environments.emulator.seams import Run

SIZES = (10, 30, 100, 300, 1000)
REPLICAS = 5
PODS_PER_NODE = 30
LIMIT_SECONDS = 300.0
MEASURED_SECONDS = 300.0
START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class SyntheticPrograms:
    """Every image exists, starts within a second and answers its probes."""

    def image_exists(self, image: str) -> bool:
        return True

    def start(self, pod: Json, container: Json, now: datetime) -> Run:
        return Run(listens=(8080,))

    def http_status(self, pod: Json, container: Json, path: str, now: datetime) -> int:
        return 200


def synthetic(number: int) -> list[Json]:
    """Return the manifests of one service."""
    name, labels = f"service-{number:04}", {"app": f"service-{number:04}"}
    probe = {"httpGet": {"path": "/health", "port": "http"}}
    container = {
        "name": "main",
        "image": f"registry.example.com/{name}:1.0",
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": "256Mi"},
        },
        "readinessProbe": probe,
        "livenessProbe": probe,
    }
    meta = {"name": name, "namespace": "synthetic"}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**meta, "labels": labels},
            "spec": {
                "replicas": REPLICAS,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta,
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": "http"}]},
        },
    ]


def measure(services: int) -> str:
    """Bring `services` up and let time pass; returns the row."""
    wanted = services * REPLICAS
    begun, used = time.perf_counter(), time.process_time()
    nodes = max(3, math.ceil(wanted / PODS_PER_NODE))
    cluster = EmulatedCluster(SyntheticPrograms(), nodes=nodes, start=START)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "synthetic"}}
    cluster.create(namespace)
    for number in range(services):
        for body in synthetic(number):
            cluster.create(body)
    passed = 0.0
    while _ready(cluster) < wanted:
        if passed >= LIMIT_SECONDS:
            raise TimeoutError(f"{_ready(cluster)} of {wanted} pods after {passed:.0f} s")
        cluster.advance(5)
        passed += 5
    started, cpu = time.perf_counter() - begun, time.process_time() - used
    used = time.process_time()
    cluster.advance(MEASURED_SECONDS)
    speed = MEASURED_SECONDS / (time.process_time() - used)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{services} {wanted} {nodes} {started:.2f} {cpu:.2f} {passed:.0f} {speed:.1f} {memory:.0f}"
    )


def _ready(cluster: EmulatedCluster) -> int:
    return sum(is_true(pod, "Ready") for pod in cluster.objects("Pod", "synthetic"))


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the slope of the least-squares line through the logarithms: cost ~ size^slope."""
    xs, ys = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum(
        (a - x) ** 2 for a in xs
    )


def main() -> None:
    if len(sys.argv) > 1:
        print(measure(int(sys.argv[1])))
        return
    titles = ("services", "pods", "nodes", "start s", "CPU s", "virtual s", "v s/CPU s", "RSS MiB")
    print("".join(f"{title:>12}" for title in titles))
    rows: list[list[float]] = []
    for size in SIZES:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.emulator_scale", str(size)],
            check=True,
            capture_output=True,
            text=True,
        )
        rows.append([float(cell) for cell in done.stdout.split()])
        print("".join(f"{cell:>12}" for cell in done.stdout.split()), flush=True)
    sizes = [row[0] for row in rows]
    base = rows[0][7]
    print(f"start-up grows as services^{exponent(sizes, [row[4] for row in rows]):.2f}")
    print(f"a virtual second grows as services^{exponent(sizes, [1 / row[6] for row in rows]):.2f}")
    per_pod = (rows[-1][7] - base) / (rows[-1][1] - rows[0][1]) * 1024
    print(f"memory grows by {per_pod:.0f} KiB per pod")


if __name__ == "__main__":
    main()
