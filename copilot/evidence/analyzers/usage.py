"""What containers use of CPU and memory, against what they used before and what they may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.collect_metrics import usage_line
from copilot.evidence.kube import containers, dig, quantity
from copilot.evidence.snapshot import Snapshot
from copilot.evidence.telemetry import Usage
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef

_BURNS_CORES, _BURNS_TIMES = 0.3, 8.0
"""A program that uses so many cores more, so many times as much, for no more requests, burns CPU."""
_SOON = 30 * 60.0
"""Seconds within which memory that grows on must reach its limit to be news today."""
_DOUBLED = 1.8
_MORE = 2.0
_HELD_BACK, _MOSTLY = 0.25, 0.5
"""Shares of the periods in which a CPU limit holds a container back: to be noticed, and to be felt."""
_NEWS = 0.6
"""Weight of what harms nobody yet and will before long."""


def analyze(case: Case) -> Iterator[Clue]:
    """Report starved containers, programs that burn CPU, and memory that will not last."""
    snapshot = case.snapshot
    pods = {(p["metadata"]["namespace"], p["metadata"]["name"]): p for p in snapshot.of("Pod")}
    for usage in snapshot.telemetry.usages:
        pod = pods.get((usage.namespace, usage.pod))
        if pod is None:
            continue
        node = snapshot.controller(pod)
        limit = _limit(snapshot, node, usage.container, usage.resource)
        found = {"throttled": _throttled, "cpu": _cpu, "memory": _memory}[usage.resource]
        yield from found(case, node, usage, limit)


def _clue(
    case: Case, node: ObjectRef, usage: Usage, code: str, why: str, weight: float, claim: Claim
) -> Clue:
    return case.clue(
        code,
        node,
        f"{node.kind} {node.name}: {why}",
        [case.ledger.add(Source.METRICS, usage.query, usage_line(usage))],
        weight=weight,
        onset=usage.level.onset,
        claims=[claim],
    )


def _throttled(case: Case, node: ObjectRef, usage: Usage, _limit: float | None) -> Iterator[Clue]:
    level = usage.level
    lowered = [c for c in case.changes(node, "resources") if c.path.endswith("limits/cpu")]
    if level.now < _HELD_BACK or not (lowered or level.above(0.15, 1.5)):
        return
    why = f"its CPU limit holds it back in {100 * level.now:.0f} % of the periods"
    strength, weight = 0.55, 0.3
    if lowered:
        # Before there was no such limit to compare with, so the pods of that time tell nothing.
        why += f" since {lowered[0]}"
        strength = 0.8
        weight = _NEWS if level.now >= _MOSTLY else 0.4
    held = usage.container or (lowered[0].container if lowered else "")
    facts: dict[str, Fact] = {"container": held} if held else {}
    claim = Claim(node, "resources.cpu_throttling", strength, why, facts=facts)
    clue = _clue(case, node, usage, "container.throttled", why, weight, claim)
    if lowered:
        quoted = (*clue.finding.evidence, lowered[0].evidence)
        onset = level.onset or lowered[0].at
        clue = replace(clue, finding=replace(clue.finding, evidence=quoted, onset=onset))
    yield clue


def _cpu(case: Case, node: ObjectRef, usage: Usage, limit: float | None) -> Iterator[Clue]:
    level = usage.level
    if level.base is None or not level.above(0.1, 2.5):
        return
    why = f"it uses {level.now:.2f} cores (before: {level.base:.2f})"
    near = limit is not None and level.now >= 0.85 * limit
    strength = 0.5 if near else 0.35
    weight = 0.3 if near or level.now > 0.5 else 0.0
    if level.above(_BURNS_CORES, _BURNS_TIMES) and _no_busier(case, node):
        why += ", and no more requests arrive than before"
        weight, strength = _NEWS, 0.7
    claim = Claim(node, "resources.cpu_saturation", strength, why, facts=_facts(usage))
    yield _clue(case, node, usage, "container.cpu", why, weight, claim)


def _memory(case: Case, node: ObjectRef, usage: Usage, limit: float | None) -> Iterator[Clue]:
    level = usage.level
    if not usage.growing or not limit:
        return
    left = _seconds_left(usage, limit, case.now)
    near = level.now >= 0.7 * limit
    runs_out = left is not None and left <= _SOON and level.now >= _DOUBLED * (level.base or 0.0)
    if not near and not runs_out:
        return
    why = f"its memory grows steadily and is at {100 * level.now / limit:.0f} % of its limit"
    if runs_out and left is not None:
        why += f", which it reaches in about {max(1, round(left / 60))} min at this pace"
    weight, strength = (_NEWS, 0.7) if runs_out else (0.35, 0.6)
    claim = Claim(node, "resources.memory_leak", strength, why, facts=_facts(usage))
    yield _clue(case, node, usage, "container.memory_growing", why, weight, claim)


def _seconds_left(usage: Usage, limit: float, now: datetime) -> float | None:
    """Return when a straight line through the onset (half way up) and now meets the limit."""
    level = usage.level
    if level.base is None or level.onset is None or level.now <= level.base:
        return None
    since = (now - level.onset).total_seconds()
    return (limit - level.now) / ((level.now - level.base) / 2 / since) if since > 0 else None


def _no_busier(case: Case, node: ObjectRef) -> bool:
    """Whether it is known that no more requests arrive than noise explains."""
    flows = [
        flow
        for flow in case.snapshot.telemetry.served()
        if case.wiring.node(flow.service) == node and flow.rate.base
    ]
    return bool(flows) and all(f.rate.now < _MORE * (f.rate.base or 0.0) for f in flows)


def _facts(usage: Usage) -> dict[str, Fact]:
    return {"container": usage.container} if usage.container else {}


def _limit(snapshot: Snapshot, node: ObjectRef, container: str, resource: str) -> float | None:
    """Return a container's limit; what is known by pod only may use as much as all of them together."""
    limits = {
        str(item.get("name")): quantity(dig(item, "resources.limits", {}).get(resource))
        for item in containers(snapshot.spec(node))
    }
    if container:
        return limits.get(container)
    known = [limit for limit in limits.values() if limit is not None]
    return sum(known) if known and len(known) == len(limits) else None
