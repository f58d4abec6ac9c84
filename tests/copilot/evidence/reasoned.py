"""The engine's reasoning alone over a small hand-made cluster: a shop of three programs, a store and a cache."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from copilot.evidence.engine import reason
from copilot.evidence.loglines import ContainerLog, parse_log
from copilot.evidence.report import Report
from copilot.evidence.snapshot import Snapshot
from copilot.evidence.telemetry import Flow, Level, Telemetry
from tests.copilot.evidence.worlds import NOW, World, scope

Pair = tuple[float, float]


def shop() -> World:
    """Return web -> orders -> (orders-db, cache), users -> orders-db, at peace."""
    world = World()
    world.service("web", env={"ORDERS_URL": "http://orders:8080/"}, image="reg/web:1")
    env = {"DB_HOST": "orders-db", "DB_PORT": "5432"}
    world.service("orders", env={**env, "CACHE_ADDR": "cache:6379"}, image="reg/orders:1")
    world.service("users", env=env, image="reg/users:1")
    world.service("orders-db", 5432, image="postgres:15")
    world.service("cache", 6379, image="redis:7")
    return world


def level(now: float, base: float) -> Level:
    """Return a quantity that left its baseline four minutes ago, if at all."""
    onset = NOW - timedelta(seconds=240) if now != base else None
    return Level(now, base, 0.0, onset, max(now, base))


def flow(service: str, caller: str = "", rate: Pair = (5, 5), errors: Pair = (0, 0),
         latency: Pair | None = None) -> Flow:  # fmt: skip
    """Return a flow by (now, before)."""
    took = level(*latency) if latency else None
    return Flow(service, caller, "q", level(*rate), level(*errors), took)


def failing(*services: str) -> list[Flow]:
    """Return the shop's flows, those of some services failing."""
    bad: Pair = (0.6, 0.0)
    found = [flow(s, errors=bad if s in services else (0, 0)) for s in ("web", "orders", "users")]
    return [*found, flow("orders", "web", errors=bad if "orders" in services else (0, 0))]


def complain(world: World, name: str, text: str, times: int = 8) -> None:
    """Let a program write a line every twenty seconds, after an hour of quiet."""
    lines = [(20.0 * n + 2, text) for n in range(times, 0, -1)]
    world.log(name, (4000, "INFO started"), *lines)


def reasoned(world: World, flows: Sequence[Flow] = ()) -> Report:
    """Return what the engine makes of a cluster, its logs and flows."""
    logs = []
    for key, text in world.logs.items():
        space, pod, container, run = key.split("/")
        lines = parse_log(text)
        query = f"kubectl logs {pod}"
        logs.append(ContainerLog(space, pod, container, run == "previous", query, lines))
    telemetry = Telemetry(tuple(flows))
    return reason(Snapshot(scope(), NOW, world.objects, logs=logs, telemetry=telemetry))


def first(report: Report) -> str:
    """Return the first answer as "name cause", else the verdict."""
    found = report.candidates
    return f"{found[0].object.name} {found[0].cause}" if found else report.verdict.value
