"""Queues that grow while nobody takes out of them, and workers that have stopped to work.

A worker has no Service and no caller: that it is missing shows only at the queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from copilot.evidence.analyzers import targets
from copilot.evidence.analyzers.workloads import earlier_count, scales_itself
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import brief, dig, is_true, ref_of
from copilot.evidence.queue_metrics import meter_line
from copilot.evidence.telemetry import Meter
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef

_GAIN = 10.0
"""Messages that a queue must gain to be news."""
_TIMES = 2.0
_STEPS = 3
_LONG = 300.0
"""Seconds of growth after which even a queue that is worked on falls behind."""
_MANY = 100.0
_STEADY = 6
"""Points above zero that make the pace of a worker known by itself."""


@dataclass(frozen=True, slots=True)
class _Growth:
    """A queue that grows. `gone`: its last consumer left. `idle` are the counts that stand still."""

    backlog: Meter
    gone: Meter | None
    idle: tuple[Meter, ...]
    failing: tuple[Meter, ...]

    @property
    def untaken(self) -> bool:
        return self.gone is not None or bool(self.idle)


def queues(case: Case) -> Iterator[Clue]:
    """Report queues that grow clearly, at the worker that should take out of them."""
    told: set[tuple[str, str]] = set()
    meters = sorted(case.snapshot.telemetry.meters, key=lambda m: -m.rise)
    for meter in meters:
        name = (meter.program, meter.queue)
        if meter.kind != "backlog" or name in told or not _grows(case, meter):
            continue
        growth = _growth(meter, meters)
        found = _workers(case, growth)
        if found or growth.untaken:
            told.add(name)
            yield from _clue(case, growth, found)


def workers(case: Case) -> Iterator[Clue]:
    """Report live workers that did their work at a steady pace and do none any more."""
    traffic = case.snapshot.telemetry.served()
    before = sum(f.rate.base or 0.0 for f in traffic)
    goes_on = before > 0 and sum(f.rate.now for f in traffic) >= 0.5 * before
    for meter in case.snapshot.telemetry.meters:
        if meter.kind != "done" or not meter.stands_still or meter.active < _STEADY:
            continue
        workload = case.wiring.node(meter.program)
        if workload is None or targets.is_broker(case, workload) or not _lives(case, workload):
            continue
        fails = any(
            m.kind == "failed" and m.now > 0 and case.wiring.node(m.program) == workload
            for m in case.snapshot.telemetry.meters
        )
        # At night there may be nothing to do.
        if not (goes_on or fails):
            continue
        why = f"it did {meter.most:.2g}/s of its work and has done none for {meter.still:.0f} s, though it runs"
        yield case.clue(
            "worker.standstill",
            workload,
            f"{workload.kind} {workload.name}: {why}",
            [_quote(case, meter)],
            weight=0.6 if fails else 0.4,
            onset=meter.since,
            claims=[Claim(workload, "queue.consumer_lag", 0.5, why)],
            place=workload,
        )


def _grows(case: Case, meter: Meter) -> bool:
    base = meter.now - meter.rise
    recent = meter.since is not None and case.snapshot.is_recent(meter.since)
    return meter.rise >= max(_GAIN, (_TIMES - 1) * base) and meter.active >= _STEPS and recent


def _growth(backlog: Meter, meters: Sequence[Meter]) -> _Growth:
    same = [m for m in meters if m.queue == backlog.queue or not (m.queue and backlog.queue)]
    left = (m for m in same if m.kind == "consumers" and m.program == backlog.program)
    gone = next((m for m in left if m.stands_still), None)
    idle = tuple(m for m in same if m.kind == "done" and m.stands_still)
    working = any(m.kind == "done" and m.now > 0 and m.queue == backlog.queue for m in same)
    # What has always failed now and then is not why it grows.
    failing = tuple(
        m
        for m in same
        if m.kind in ("failed", "redelivered") and m.now > 0 and m.active <= backlog.active + 2
    )
    return _Growth(backlog, gone, () if working else idle, failing)


@dataclass(frozen=True, slots=True)
class _Worker:
    workload: ObjectRef
    likely: float
    stopped: datetime | None = None
    scaled: bool = False


def _workers(case: Case, growth: _Growth) -> list[_Worker]:
    """Return the workloads that should take messages out of a queue, the likeliest first."""
    broker = _broker(case, growth.backlog)
    users = set(case.depended_on(broker)) if broker is not None else set()
    likely: dict[ObjectRef, float] = {}
    for meter in (*growth.idle, *growth.failing):
        node = case.wiring.node(meter.program)
        if node is not None and node != broker:
            likely[node] = max(likely.get(node, 0.0), 0.9 if meter.queue else 0.7)
    named = case.wiring.node(growth.backlog.group) if growth.backlog.group else None
    if named is not None:
        likely[named] = 0.9
    own = case.wiring.node(growth.backlog.program)
    if growth.backlog.metric.startswith(_CLIENTS) and own is not None:
        likely[own] = 0.9
    served = {case.wiring.node(f.service) for f in case.snapshot.telemetry.served()}
    for user in users:
        if user not in served and not case.services_for(user) and user.kind != "CronJob":
            likely[user] = max(likely.get(user, 0.0), 0.6 + 0.2 * _akin(user, growth.backlog))
    found = []
    for workload, surely in likely.items():
        obj = case.snapshot.get(workload)
        zero = (
            obj is not None and dig(obj, "spec.replicas", 1) == 0 and not scales_itself(case, obj)
        )
        when = case.changed_at(workload)
        found.append(_Worker(workload, max(surely, 0.8) if zero and when else surely, when, zero))
    return sorted(found, key=lambda w: (not (w.scaled and w.stopped), -w.likely, w.workload))


_CLIENTS = ("kafka_consumer_fetch", "kafka_consumer_records")
"""Backlogs that the consumer itself counts."""


def _broker(case: Case, backlog: Meter) -> ObjectRef | None:
    """Return the broker of a queue: who counts it, or, if that is an exporter, the only one there is."""
    node = case.wiring.node(backlog.program)
    if node is not None and (targets.is_broker(case, node) or targets.looks_like_store(case, node)):
        return node
    found = [ref_of(w) for w in case.snapshot.workloads if targets.is_broker(case, ref_of(w))]
    return found[0] if len(found) == 1 else None


def _akin(workload: ObjectRef, backlog: Meter) -> bool:
    """Whether a workload's name and the queue's share a word."""
    words = {w.rstrip("s") for w in workload.name.split("-") if len(w) > 3}
    return any(word in f"{backlog.queue} {backlog.group}".lower() for word in words)


def _clue(case: Case, growth: _Growth, found: Sequence[_Worker]) -> Iterator[Clue]:
    backlog = growth.backlog
    queue = f"queue {backlog.queue}" if backlog.queue else f"the queue of {backlog.program}"
    begin = backlog.now - backlog.rise
    grew = f"{queue} grew from {max(begin, 0):.0f} to {backlog.now:.0f} messages since {brief(backlog.since)}"
    lasting = backlog.since is not None and (case.now - backlog.since).total_seconds() >= _LONG
    if not growth.untaken and not growth.failing and not (found and found[0].scaled):
        if not (lasting and backlog.rise >= _MANY):
            return
        grew += ", though it is worked on"
    elif growth.gone is not None:
        grew += ", and its last consumer is gone"
    elif growth.idle:
        grew += f", and none of it was worked on for {growth.idle[0].still:.0f} s"
    evidence = [
        _quote(case, m) for m in (backlog, growth.gone, *growth.idle[:1], *growth.failing[:2]) if m
    ]
    place = found[0].workload if found else case.wiring.node(backlog.program)
    if place is None:
        return
    claims = [c for worker in found[:3] for c in _claims(case, growth, worker, grew)]
    claims = claims or [Claim(place, "queue.consumer_lag", 0.4, grew)]
    yield case.clue(
        "queue.backlog",
        place,
        f"{place.kind} {place.name}: {grew}",
        evidence,
        weight=0.8 if growth.untaken or (found and found[0].scaled) else 0.5,
        onset=backlog.since,
        claims=claims,
        place=place,
    )  # fmt: skip


def _claims(case: Case, growth: _Growth, worker: _Worker, grew: str) -> Iterator[Claim]:
    obj = case.snapshot.get(worker.workload)
    if worker.scaled and obj is not None:
        why = f"it has zero replicas, and {grew}"
        before: dict[str, Fact] = {"replicas": earlier_count(case, obj)}
        yield Claim(worker.workload, "workload.scaled_to_zero", 0.93, why, facts=before)
        return
    sure = 0.85 if growth.untaken else 0.5
    if growth.failing and growth.idle:
        again = any(m.kind == "redelivered" for m in growth.failing)
        how = (
            "while messages are delivered again and again"
            if again
            else "while all that is tried fails"
        )
        yield Claim(worker.workload, "queue.poison_message", (0.7 if again else 0.4) * worker.likely, f"{grew}, {how}")  # fmt: skip
        sure = 0.4
    facts: dict[str, Fact] = {"stalled": 1} if growth.untaken else {}
    yield Claim(worker.workload, "queue.consumer_lag", sure * worker.likely, grew, facts=facts)


def _lives(case: Case, workload: ObjectRef) -> bool:
    pods = case.snapshot.pods(workload)
    return bool(pods) and all(is_true(p, "Ready") for p in pods)


def _quote(case: Case, meter: Meter) -> str:
    return case.ledger.add(Source.METRICS, meter.query, meter_line(meter))
