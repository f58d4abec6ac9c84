"""What the reasoning alone costs with the number of services: `python -m benchmarks.engine_scale [N…]`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

from connectors.api.values import Json
from copilot.evidence.engine import reason
from copilot.evidence.loglines import ContainerLog, parse_log
from copilot.evidence.report import Report
from copilot.evidence.snapshot import Snapshot
from copilot.evidence.telemetry import Flow, Level, Telemetry
from copilot.model.scope import Scope, Window

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SIZES = (10, 30, 100, 300, 1000)
_SPACE = "big"
_LOGS = 60


def world(services: int) -> Snapshot:
    """Return a snapshot of so many services, each calling three others; one Service selects nothing."""
    objects: dict[str, list[Json]] = {}
    flows: list[Flow] = []
    broken = services - 1
    calls = {n: [c for c in (2 * n + 1, 2 * n + 2, n + 7) if c < services] for n in range(services)}
    sick = {broken}
    for number in reversed(range(services)):
        if sick & set(calls[number]):
            sick.add(number)
    for number in range(services):
        for kind, body in _objects(number, calls[number], lost=number == broken).items():
            objects.setdefault(kind, []).append(body)
        share = 0.6 if number in sick else 0.0
        quick, rate = Level(0.01, 0.01, 0.001), Level(10.0, 10.0, 0.3)
        at = NOW - timedelta(minutes=4)
        failing = Level(share, 0.0, 0.0, at if share else None, share)
        if number != broken:
            flows.append(Flow(f"svc-{number}", "", "rate(calls[1m])", rate, failing, quick))
        for callee in calls[number]:
            errors = failing if callee in sick else Level(0.0, 0.0)
            flows.append(
                Flow(f"svc-{callee}", f"svc-{number}", "rate(calls[1m])", rate, errors, quick)
            )
    logs = [_log(number, broken) for number in sorted(sick - {broken})[-_LOGS:]]
    scope = Scope("scale", (_SPACE,), Window.last(NOW))
    return Snapshot(scope, NOW, objects, logs=logs, telemetry=Telemetry(tuple(flows)))


def measure(services: int) -> tuple[float, Report]:
    """Return the CPU seconds of the reasoning, and what it found."""
    snapshot = world(services)
    began = time.process_time()
    report = reason(snapshot)
    return time.process_time() - began, report


def _objects(number: int, calls: list[int], *, lost: bool) -> dict[str, Json]:
    name, born = f"svc-{number}", (NOW - timedelta(days=2)).isoformat().replace("+00:00", "Z")
    env = [{"name": f"C{c}_ADDR", "value": f"svc-{c}:8080"} for c in calls]
    spec = {
        "containers": [
            {"name": "app", "image": "app:1", "env": env, "ports": [{"containerPort": 8080}]}
        ]
    }
    labels = {"app": name}

    def meta(suffix: str = "", owner: tuple[str, str] | None = None) -> Json:
        body: Json = {
            "name": name + suffix,
            "namespace": _SPACE,
            "uid": name + suffix,
            "creationTimestamp": born,
            "labels": labels,
        }
        if owner:
            body["ownerReferences"] = [{"kind": owner[0], "name": owner[1], "controller": True}]
        return body

    template = {"metadata": {"labels": labels}, "spec": spec}
    counts = {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1, "updatedReplicas": 1}
    status = {
        "phase": "Running",
        "podIP": f"10.{number // 250}.{number % 250}.7",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {
                "name": "app",
                "ready": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": born}},
            }
        ],
    }
    selector = {"app": name + ("-gone" if lost else "")}
    ports = [{"port": 8080, "targetPort": 8080, "protocol": "TCP"}]
    return {
        "Deployment": {
            "kind": "Deployment",
            "metadata": meta(),
            "spec": {"replicas": 1, "template": template},
            "status": counts,
        },
        "ReplicaSet": {
            "kind": "ReplicaSet",
            "metadata": meta("-1", ("Deployment", name)),
            "spec": {"replicas": 1, "template": template},
            "status": counts,
        },
        "Pod": {
            "kind": "Pod",
            "metadata": meta("-1-a", ("ReplicaSet", f"{name}-1")),
            "spec": spec,
            "status": status,
        },
        "Service": {
            "kind": "Service",
            "metadata": meta(),
            "spec": {"selector": selector, "ports": ports, "clusterIP": f"10.96.{number // 250}.{number % 250}"},
        },
    }  # fmt: skip


def _log(number: int, broken: int) -> ContainerLog:
    lines = [
        f"{(NOW - timedelta(seconds=240 - s)).isoformat()} ERROR call to svc-{broken}:8080 failed: connection refused"
        for s in range(240)
    ]
    return ContainerLog(
        _SPACE, f"svc-{number}-1-a", "app", False, "kubectl logs", parse_log("\n".join(lines))
    )


def main() -> None:
    """Print one line a size."""
    for size in [int(text) for text in sys.argv[1:]] or SIZES:
        seconds, report = measure(size)
        first = report.candidates[0] if report.candidates else None
        print(f"{size:5} services: {seconds:6.2f} s, {first.object if first else 'nothing'}")


if __name__ == "__main__":
    main()
