"""Load that grows between the users and a dependency: retries, and caches that no longer help."""

from __future__ import annotations

from collections.abc import Iterator

from copilot.evidence.analyzers import targets
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue
from copilot.evidence.collect_metrics import flow_line
from copilot.evidence.kube import containers
from copilot.evidence.telemetry import Flow
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef

_TIMES = 1.8
_STEADY = 1.3
_LEAST = 0.5
_CACHES = ("redis", "valkey", "memcached", "keydb", "dragonfly", "varnish")


def analyze(case: Case) -> Iterator[Clue]:
    """Report callers that send a dependency far more calls for the same number of requests.

    Where those calls fail or are slow, they are retries: a multiple of the load on what struggles
    already (Bronson et al., "Metastable failures in distributed systems", HotOS 2021). Where they
    succeed, and go past a cache to what is behind it, the cache has stopped to help.
    """
    served = {case.wiring.node(f.service): f for f in case.snapshot.telemetry.served()}
    edges = case.snapshot.telemetry.edges()
    for flow in edges:
        caller, callee = case.wiring.node(flow.caller), case.wiring.callee(flow.service)
        incoming = served.get(caller)
        if caller is None or callee is None or incoming is None:
            continue
        times, steady = _growth(flow), _growth(incoming)
        if times is None or steady is None or times < _TIMES * max(steady, 1.0) or steady > _STEADY:
            continue
        suffers = flow.errors.above(0.05) or bool(flow.latency and flow.latency.above(0.05, 2.0))
        if suffers:
            yield _retries(case, caller, callee, flow, incoming, times)
        else:
            yield from _past_cache(case, caller, callee, flow, edges, times)


def _growth(flow: Flow) -> float | None:
    base = flow.rate.base
    return flow.rate.now / base if base and flow.rate.now >= _LEAST and base >= 0.05 else None


def _retries(
    case: Case, caller: ObjectRef, callee: ObjectRef, flow: Flow, incoming: Flow, times: float
) -> Clue:
    behind = (targets.backing(case, callee) or [callee])[0]
    why = (
        f"it sends {callee.name} {times:.1f} times as many calls as before for the same number of"
        f" requests, while they fail or are slow"
    )
    strength = 0.6 if times >= 3 else 0.35
    return case.clue(
        "edge.retries",
        caller,
        f"{caller.kind} {caller.name}: {why}",
        [
            case.ledger.add(Source.METRICS, flow.query, flow_line(flow)),
            case.ledger.add(Source.METRICS, incoming.query, flow_line(incoming)),
        ],
        weight=0.45,
        onset=flow.rate.onset,
        claims=[Claim(caller, "dependency.retry_storm", strength, why, also=(behind,))],
        place=caller,
        toward=callee,
    )


def _past_cache(
    case: Case,
    caller: ObjectRef,
    callee: ObjectRef,
    flow: Flow,
    edges: tuple[Flow, ...],
    times: float,
) -> Iterator[Clue]:
    if any(_is_cache(case, w) for w in targets.backing(case, callee)):
        return
    for other in edges:
        place = case.wiring.callee(other.service)
        if case.wiring.node(other.caller) != caller or place is None:
            continue
        for cache in targets.backing(case, place):
            if _is_cache(case, cache):
                why = (
                    f"{caller.name} asks {callee.name} {times:.1f} times as often as before for the"
                    f" same number of requests, past its cache {cache.name}"
                )
                yield case.clue(
                    "cache.passed_by",
                    cache,
                    f"{cache.kind} {cache.name}: {why}",
                    [case.ledger.add(Source.METRICS, f.query, flow_line(f)) for f in (flow, other)],
                    weight=0.5,
                    onset=flow.rate.onset,
                    claims=[Claim(cache, "cache.ineffective", 0.6, why, also=(caller,))],
                    place=caller,
                )
                return


def _is_cache(case: Case, workload: ObjectRef) -> bool:
    images = [str(c.get("image", "")).lower() for c in containers(case.snapshot.spec(workload))]
    return any(name in image for image in images for name in _CACHES)
