"""Pods that went away though nobody rolled out, scaled or evicted them, and were missed by their callers."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue
from copilot.evidence.collect_metrics import flow_line
from copilot.evidence.kube import brief, created, dig, is_true, name_of, ref_of
from copilot.evidence.snapshot import event_time
from copilot.evidence.telemetry import Flow
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef

_MISSED = 0.05


def analyze(case: Case) -> Iterator[Clue]:
    """Report workloads whose pods were killed within the window, if requests failed meanwhile."""
    if not case.snapshot.knows("Pod"):
        return
    for workload in case.snapshot.workloads:
        ref = ref_of(workload)
        if workload.get("kind") not in ("Deployment", "StatefulSet", "DaemonSet"):
            continue
        young = [p for p in case.snapshot.pods(ref) if case.snapshot.is_recent(created(p))]
        killed = _killed(case, ref)
        if not young or not killed or _meant(case, ref):
            continue
        when = min(t for t in (created(p) for p in young) if t)
        flow = _missed(case, ref)
        if flow is None or not any(is_true(p, "Ready") for p in case.snapshot.pods(ref)):
            continue
        why = (
            f"its pod was killed at about {brief(when)} without a rollout, and up to"
            f" {100 * flow.errors.peak:.0f} % of the requests failed until the next one was ready"
        )
        yield case.clue(
            "pod.replaced",
            ref,
            f"{ref.kind} {ref.name}: {why}",
            [
                case.ledger.events(killed[0][0], [killed[0][1]]),
                case.ledger.add(Source.METRICS, flow.query, flow_line(flow)),
            ],
            weight=0.5,
            onset=when,
            claims=[Claim(ref, "pod.killed", 0.75, why)],
            place=ref,
            local=True,
        )


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
    """Whether somebody rolled the workload out or scaled it down within the window."""
    rollout = case.rollout(workload)
    if rollout is not None and case.snapshot.is_recent(rollout.at):
        return True
    return any(
        event.get("reason") in ("ScalingReplicaSet", "SuccessfulDelete")
        and "down" in str(event.get("message", ""))
        and case.snapshot.is_recent(event_time(event))
        for event in case.snapshot.events(workload)
    )


def _missed(case: Case, workload: ObjectRef) -> Flow | None:
    """Return the flow to a workload that failed for a while, and does not now."""
    for flow in case.snapshot.telemetry.edges():
        callee = case.wiring.callee(flow.service)
        behind = case.snapshot.backing(callee) if callee and callee.kind == "Service" else [callee]
        base = flow.errors.base or 0.0
        over = flow.errors.now - base < 0.3 * (flow.errors.peak - base)
        if workload in behind and over and flow.errors.peak - base >= _MISSED:
            return flow
    return None
