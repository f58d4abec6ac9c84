"""Pods and containers that went away though nobody rolled out, scaled or evicted them, and were missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from connectors.api.values import Json
from copilot.evidence.analyzers import targets
from copilot.evidence.analyzers.pods import trouble
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue
from copilot.evidence.collect_metrics import flow_line
from copilot.evidence.kube import (
    brief,
    condition,
    created,
    dig,
    is_true,
    name_of,
    parse_time,
    ref_of,
    statuses,
)
from copilot.evidence.snapshot import event_time
from copilot.evidence.telemetry import Flow
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef

_MISSED = 0.05
_SLOW, _TIMES = 0.05, 3.0
"""Seconds and times by which a program is slower that has a trouble of its own, or below it, now."""
_SERVES = 0.05
"""Requests per second from which on a workload has users at all."""
_FELT = 3.0
"""Requests that arrive while there is no pod: fewer are rarely noticed, since clients try again."""
_SETTLED = timedelta(minutes=2)
"""A program that ends sooner after its start than this may not have come up yet."""


def analyze(case: Case) -> Iterator[Clue]:
    """Report workloads whose pods or containers were ended within the window, if users could notice."""
    if not case.snapshot.knows("Pod"):
        return
    for workload in case.snapshot.workloads:
        ref = ref_of(workload)
        if workload.get("kind") in ("Deployment", "StatefulSet", "DaemonSet"):
            found = _replaced(case, ref) or _restarted(case, ref)
            if found is not None:
                yield found


def _replaced(case: Case, ref: ObjectRef) -> Clue | None:
    pods = case.snapshot.pods(ref)
    young = [p for p in pods if case.snapshot.is_recent(created(p))]
    killed = _killed(case, ref)
    if not young or not killed or _meant(case, ref) or _drained(case, killed):
        return None
    when = min(t for t in (created(p) for p in young) if t)
    back = _ready_since(young)
    flow, alone = _flow(case, ref), len(young) == len(pods)
    if flow is None or back is None or not _well(case, ref, pods, flow):
        return None
    # At the pace of before: what arrives now may be a trouble of its own.
    lost = (flow.rate.base or flow.rate.now) * (back - when).total_seconds()
    if not (_missed(flow) or (alone and lost >= _FELT)):
        return None
    what = "its pod was" if alone and len(pods) == 1 else "pods of it were"
    why = f"{what} deleted at about {brief(when)} without a rollout{_harm(flow)}"
    evidence = [case.ledger.events(killed[0][0], [killed[0][1]])]
    return _clue(case, ref, "pod.replaced", why, evidence, when, flow, 0.75)


def _restarted(case: Case, ref: ObjectRef) -> Clue | None:
    """A container of a program that had run well, ended once from outside, and runs again."""
    pods = case.snapshot.pods(ref)
    for pod in pods:
        for status in statuses(pod):
            last = dig(status, "lastState.terminated", {})
            ended = parse_time(last.get("finishedAt"))
            if not status.get("ready") or not last or not case.snapshot.is_recent(ended):
                continue
            born = created(pod)
            if (
                ended is None
                or born is None
                or ended - born < _SETTLED
                or _explained(case, pod, last)
            ):
                continue
            flow = _flow(case, ref)
            if flow is None or not _missed(flow) or _meant(case, ref):
                continue
            if not _well(case, ref, pods, flow):
                continue
            why = (
                f"container {status.get('name')} ended at {brief(ended)} ({last.get('reason')}, exit code"
                f" {last.get('exitCode')}) after it had run well, and was started again"
                f"{_harm(flow)}"
            )
            evidence = [case.ledger.state(pod, status, "lastState")]
            return _clue(case, ref, "pod.container_ended", why, evidence, ended, flow, 0.6)
    return None


def _explained(case: Case, pod: Json, last: Json) -> bool:
    """Whether memory, a probe or the program itself ended the container."""
    probed = any(
        e.get("reason") in ("Killing", "Unhealthy") and "probe" in str(e.get("message", ""))
        for e in case.snapshot.pod_events(pod)
    )
    own = any(
        i.log.previous and i.log.pod == name_of(pod) and i.kind in ("crash", "oom", "no_program")
        for i in case.issues
    )
    return last.get("reason") == "OOMKilled" or probed or own


def _clue(
    case: Case,
    ref: ObjectRef,
    code: str,
    why: str,
    evidence: list[str],
    when: datetime,
    flow: Flow,
    strength: float,
) -> Clue:
    return case.clue(
        code,
        ref,
        f"{ref.kind} {ref.name}: {why}",
        [*evidence, case.ledger.add(Source.METRICS, flow.query, flow_line(flow))],
        weight=0.5,
        onset=when,
        claims=[Claim(ref, "pod.killed", strength, why)],
        place=ref,
        local=True,
    )


def _harm(flow: Flow) -> str:
    if _missed(flow):
        share = f"{100 * flow.errors.peak:.0f} % of the requests failed"
        return f", and up to {share} until the next one was ready"
    return (
        f", and nothing else served its {flow.rate.base or flow.rate.now:.1f} requests/s meanwhile"
    )


def _well(case: Case, ref: ObjectRef, pods: list[Json], flow: Flow) -> bool:
    """Whether it works again; where it does not, what keeps it from that is the cause to find."""
    base = flow.errors.base or 0.0
    served = flow.rate.now >= 0.3 * (flow.rate.base or 0.0) and flow.errors.now - base < _MISSED
    served = served and not (flow.latency and flow.latency.above(_SLOW, _TIMES))
    return (
        served
        and not _starved(case, pods)
        and not any(trouble(case, ref, pod, 1.0) for pod in pods)
    )


def _starved(case: Case, pods: list[Json]) -> bool:
    """Whether a container ran out of memory within the window: that is no end from outside."""
    lasts = [dig(s, "lastState.terminated", {}) for pod in pods for s in statuses(pod)]
    return any(
        last.get("reason") == "OOMKilled"
        and case.snapshot.is_recent(parse_time(last.get("finishedAt")))
        for last in lasts
    )


def _ready_since(pods: list[Json]) -> datetime | None:
    """Return since when the first of some pods is ready, None while none is."""
    times = [
        parse_time((condition(pod, "Ready") or {}).get("lastTransitionTime"))
        for pod in pods
        if is_true(pod, "Ready")
    ]
    return min((t for t in times if t), default=None)


def _killed(case: Case, workload: ObjectRef) -> list[tuple[ObjectRef, Json]]:
    """Return the pods of a workload that are no more, with the event of their end."""
    alive = {name_of(p) for p in case.snapshot.pods(workload)}
    found = []
    for event in case.snapshot.of("Event"):
        name = str(dig(event, "involvedObject.name", ""))
        if (
            event.get("reason") == "Killing"
            and name.startswith(workload.name + "-")
            and name not in alive
            and case.snapshot.is_recent(event_time(event))
            and any(name.rsplit("-", 1)[0] == pod.rsplit("-", 1)[0] for pod in alive)
        ):
            found.append((ObjectRef("Pod", workload.namespace, name), event))
    return found


def _meant(case: Case, workload: ObjectRef) -> bool:
    """Whether somebody rolled the workload out, scaled it down within the window."""
    rollout = case.rollout(workload)
    if rollout is not None and case.snapshot.is_recent(rollout.at):
        return True
    sets = [ref_of(item) for item in case.snapshot.replica_sets(workload)]
    return any(
        event.get("reason") in ("ScalingReplicaSet", "SuccessfulDelete")
        and ("down" in str(event.get("message", "")) or event.get("reason") == "SuccessfulDelete")
        and case.snapshot.is_recent(event_time(event))
        for ref in (workload, *sets)
        for event in case.snapshot.events(ref)
    )


def _drained(case: Case, ends: list[tuple[ObjectRef, Json]]) -> bool:
    """Whether the pods went because their node was closed."""
    closed = {name_of(n) for n in case.snapshot.of("Node") if dig(n, "spec.unschedulable")}
    return any(str(dig(event, "source.host", "")) in closed for _, event in ends)


def _flow(case: Case, workload: ObjectRef) -> Flow | None:
    """Return the most telling flow to a workload: one that failed for a while, else the busiest."""
    flows = [f for f in case.snapshot.telemetry.flows if workload in _behind(case, f)]
    missed = [f for f in flows if _missed(f)]
    busy = [f for f in flows if max(f.rate.base or 0.0, f.rate.now) >= _SERVES]
    return max(missed or busy, key=lambda f: (f.errors.peak, f.rate.now), default=None)


def _behind(case: Case, flow: Flow) -> list[ObjectRef]:
    if flow.caller:
        return targets.backing(case, case.wiring.callee(flow.service))
    node = case.wiring.node(flow.service)
    return [node] if node else []


def _missed(flow: Flow) -> bool:
    """Whether requests failed for a while and do not now."""
    base = flow.errors.base or 0.0
    over = flow.errors.now - base < 0.3 * (flow.errors.peak - base)
    return over and flow.errors.peak - base >= _MISSED
