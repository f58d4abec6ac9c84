"""Request metrics that left their baseline."""

from __future__ import annotations

from collections.abc import Iterator

from copilot.evidence.analyzers import targets
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue
from copilot.evidence.collect_metrics import flow_line
from copilot.evidence.kube import is_true
from copilot.evidence.telemetry import Flow, Level
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef

_ERRORS_NEW = 0.03
_ERRORS_ALONE = 0.10
_TRAFFIC = 0.02
_STEP = 0.04
"""Seconds that calls must take longer than their callee knows of, to have lost them on the way."""
_UNANSWERED = 1.0
_ARRIVED = frozenset({"auth_failed", "user_missing", "not_authorized", "db_limit", "lock",
                      "exhausted"})  # fmt: skip


def analyze(case: Case) -> Iterator[Clue]:
    """Report failing, slow, silent and overloaded services."""
    telemetry = case.snapshot.telemetry
    served = {f.service: f for f in telemetry.served()}
    for flow in telemetry.served():
        node = case.wiring.node(flow.service)
        if node is not None:
            yield from _service(case, node, flow)
    for flow in telemetry.edges():
        caller, callee = case.wiring.node(flow.caller), case.wiring.callee(flow.service)
        if caller is not None and callee is not None:
            yield from _edge(case, caller, callee, flow, served.get(flow.service))
    yield from _silent(case, served)


def failing(level: Level, rate: Level) -> bool:
    """Whether a share of errors is above its baseline, or high by itself where there is none."""
    if rate.now < _TRAFFIC:
        return False
    if level.base is None:
        return level.now >= _ERRORS_ALONE
    return level.above(_ERRORS_NEW, 1.5)


def slow(level: Level | None, rate: Level) -> bool:
    """Whether answers take clearly longer than before."""
    if level is None or rate.now < _TRAFFIC or level.base is None:
        return False
    return level.above(0.05, 2.0)


def quote(case: Case, flow: Flow) -> str:
    """Quote one flow of the request metrics."""
    return case.ledger.add(Source.METRICS, flow.query, flow_line(flow))


def _service(case: Case, node: ObjectRef, flow: Flow) -> Iterator[Clue]:
    if failing(flow.errors, flow.rate):
        share = f"{100 * flow.errors.now:.0f} % of its requests fail"
        share += "" if flow.errors.base is None else f" (before: {100 * flow.errors.base:.0f} %)"
        yield case.clue(
            "service.errors",
            node,
            f"{node.kind} {node.name}: {share}",
            [quote(case, flow)],
            weight=min(1.0, 0.5 + flow.errors.now),
            onset=flow.errors.onset,
            claims=[Claim(node, "application.errors", 0.3, share)],
        )
    if flow.latency and slow(flow.latency, flow.rate):
        took = f"its requests take {1000 * flow.latency.now:.0f} ms (before: {1000 * (flow.latency.base or 0):.0f} ms)"
        yield case.clue(
            "service.slow",
            node,
            f"{node.kind} {node.name}: {took}",
            [quote(case, flow)],
            weight=0.6,
            onset=flow.latency.onset,
            claims=[
                Claim(node, "application.slow", 0.25 if _passed_on(case, node, flow) else 0.4, took)
            ],
        )
    if _surges(flow) and not any(
        _surges(f)
        for f in case.snapshot.telemetry.served()
        if case.wiring.node(f.service) in case.depended_on(node)
    ):
        more = f"{flow.rate.now:.1f} requests/s arrive (before: {flow.rate.base:.1f})"
        yield case.clue(
            "traffic.surge",
            node,
            f"{node.kind} {node.name}: {more}",
            [quote(case, flow)],
            weight=0.6,
            onset=flow.rate.onset,
            claims=[Claim(node, "traffic.surge", 0.6, more)],
        )


def _passed_on(case: Case, node: ObjectRef, flow: Flow) -> bool:
    """Whether the calls that a service makes itself became slower by much of what it became slower by."""
    gained = flow.latency.now - (flow.latency.base or 0.0) if flow.latency else 0.0
    waits = [
        f.latency.now - (f.latency.base or 0.0) for f in case.outgoing.get(node, ()) if f.latency
    ]
    # Where its own calls are not measured, they may be what it waits for.
    return not waits or max(waits) >= 0.3 * gained


def _surges(flow: Flow) -> bool:
    return bool(flow.rate.base and flow.rate.now >= 2.5 * flow.rate.base and flow.rate.above(1.0))


def _edge(
    case: Case, caller: ObjectRef, callee: ObjectRef, flow: Flow, server: Flow | None
) -> Iterator[Clue]:
    name = f"{caller.name} -> {callee.name}"
    behind = (targets.backing(case, callee) or [callee])[0]
    if failing(flow.errors, flow.rate):
        share = f"{100 * flow.errors.now:.0f} % of its calls to {callee.name} fail"
        # Calls that fail while the callee itself sees no failure, or no call at all, never arrive.
        arrive = server is not None and server.rate.now >= 0.3 * flow.rate.now
        # A login that is refused has arrived.
        arrive = arrive or bool(
            _ARRIVED & {i.kind for i in case.issues if i.workload == caller and i.ongoing}
        )
        claims = [] if arrive else _never_arrive(case, behind, callee, flow)
        yield case.clue(
            "edge.errors",
            caller,
            f"{name}: {share}",
            [quote(case, flow), *([quote(case, server)] if server else [])],
            weight=min(1.0, 0.5 + flow.errors.now),
            onset=flow.errors.onset,
            claims=claims,
            place=caller,
            toward=callee,
        )
    if flow.latency and slow(flow.latency, flow.rate):
        gained = flow.latency.now - (flow.latency.base or 0.0)
        inside = 0.0
        if server and server.latency:
            inside = server.latency.now - (server.latency.base or 0.0)
        took = f"calls take {1000 * flow.latency.now:.0f} ms (before: {1000 * (flow.latency.base or 0):.0f} ms)"
        claims = []
        others = [
            f
            for f in case.snapshot.telemetry.edges()
            if f.service == flow.service and f.caller != flow.caller and f.rate.now > 0.1
        ]
        alone = bool(others) and not any(slow(f.latency, f.rate) for f in others)
        if alone:
            why = f"{took}, and {callee.name} answers its other callers as fast as before"
            claims = [Claim(caller, "dependency.wrong_address", 0.3, why)]
        elif server is None:
            why = f"{took}, and {callee.name} tells nothing of itself"
            claims = [
                Claim(behind, "dependency.slow", 0.4, why),
                Claim(behind, "network.delay", 0.15, why),
            ]
        elif server and server.latency and inside < 0.7 * gained and gained - inside >= _STEP:
            unmoved = inside < 0.3 * gained
            why = f"{took}, but {callee.name} itself answers {'as fast as before' if unmoved else f'only {1000 * inside:.0f} ms later'}"
            # What is lost is sent again, later and later, until some calls run out of time.
            lossy = failing(flow.errors, flow.rate)
            claims = [
                Claim(
                    behind,
                    "network.delay",
                    (0.3 if lossy else 0.6) * (1.0 if unmoved else 0.7),
                    why,
                ),
                Claim(
                    behind, "network.loss", (0.6 if lossy else 0.2) * (1.0 if unmoved else 0.7), why
                ),
            ]
        yield case.clue(
            "edge.slow",
            caller,
            f"{name}: {took}",
            [quote(case, flow)],
            weight=0.55,
            onset=flow.latency.onset,
            claims=claims,
            place=caller,
            toward=callee,
        )


def _never_arrive(case: Case, behind: ObjectRef, callee: ObjectRef, flow: Flow) -> list[Claim]:
    """Calls that do not reach a program: refused at once, or, though it is ready, not answered at all."""
    why = f"calls to {callee.name} do not arrive"
    claims = [Claim(behind, "dependency.unreachable", 0.25, why)]
    pods = case.snapshot.pods(behind)
    silent = flow.latency is not None and flow.latency.now >= _UNANSWERED
    if silent and flow.errors.now >= 0.95 and pods and all(is_true(p, "Ready") for p in pods):
        why = f"{why} and run out of time, though it is ready"
        claims.append(Claim(behind, "node.resource_exhausted", 0.4, why))
        claims.append(Claim(behind, "network.loss", 0.25, why))
    return claims


def _silent(case: Case, served: dict[str, Flow]) -> Iterator[Clue]:
    """Services that stopped being called although traffic as a whole goes on."""
    base = sum(f.rate.base or 0.0 for f in served.values())
    now = sum(f.rate.now for f in served.values())
    if base <= 0 or now < 0.15 * base:
        return
    for name, flow in served.items():
        before = flow.rate.base or 0.0
        node = case.wiring.node(name)
        if node is None or before < 0.05 or flow.rate.now > 0.05 * before:
            continue
        yield case.clue(
            "service.silent",
            node,
            f"{node.kind} {node.name} serves no requests any more (before: {before:.2f}/s)",
            [quote(case, flow)],
            weight=0.35,
            onset=flow.rate.onset,
        )
