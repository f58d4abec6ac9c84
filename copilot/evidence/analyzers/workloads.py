"""Workloads without the pods they should have: scaled to zero, or refused by the API server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from connectors.api.values import Json
from copilot.evidence.analyzers import admission, targets
from copilot.evidence.case import Case
from copilot.evidence.changes import declared
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import brief, created, dig, is_true, labels_of, ref_of
from copilot.evidence.snapshot import event_first, event_time
from copilot.model.scope import ObjectRef

_DOWN = re.compile(r"[Ss]caled down replica set \S+ (?:to 0 from (\d+)|from (\d+) to 0|to 0)")


def analyze(case: Case) -> Iterator[Clue]:
    """Report workloads that have too few pods for reasons that no pod can show."""
    for obj in case.snapshot.workloads:
        kind = obj.get("kind")
        scalable = kind in ("Deployment", "StatefulSet", "ReplicaSet")
        if scalable and dig(obj, "spec.replicas", 1) == 0:
            yield from _zero(case, obj)
        elif kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
            yield from _refused(case, obj)


def _zero(case: Case, obj: Json) -> Iterator[Clue]:
    workload = ref_of(obj)
    snapshot = case.snapshot
    services = case.services_for(workload)
    others = [
        pod
        for ref in services
        for pod in snapshot.selected(snapshot.get(ref) or {})
        if snapshot.controller(pod) != workload and is_true(pod, "Ready")
    ]
    if others:
        return  # another workload serves in its place
    users = [u for u in case.depended_on(workload) if _uses(case, u, workload)]
    event, when, count = _scaled_down(case, workload)
    when = when or case.changed_at(workload)
    recent = when is not None and snapshot.is_known_period(when)
    count = count or earlier_count(case, obj)
    fed = _feeds(case, workload)
    if not users and not (recent and services) and not (recent and fed):
        if recent:
            yield case.clue(
                "workload.zero_replicas",
                workload,
                f"{workload.kind} {workload.name} was scaled to zero at {brief(when)}; nothing is known to use it",
                [case.ledger.value(obj, "spec.replicas")],
                weight=0.4
                if event and snapshot.is_recent(when) and not scales_itself(case, obj)
                else 0.2,
                onset=when,
                claims=[
                    Claim(
                        workload,
                        "workload.scaled_to_zero",
                        0.6,
                        "it has zero replicas",
                        facts={"replicas": count},
                    )
                ],
            )
        return
    used = f", and {', '.join(u.name for u in users[:3])} depends on it" if users else ""
    used = used or (f", and it took its work from {fed.name}" if fed else "")
    why = f"it has zero replicas{used}"
    evidence = [case.ledger.value(obj, "spec.replicas")]
    if event:
        evidence.append(case.ledger.events(workload, [event]))
    for ref in services[:1]:
        endpoints = snapshot.get(ObjectRef("Endpoints", ref.namespace, ref.name))
        if endpoints is not None:
            evidence.append(case.ledger.value(endpoints, "subsets"))
    facts: dict[str, Fact] = {"replicas": count}
    yield case.clue(
        "workload.zero_replicas",
        workload,
        f"{workload.kind} {workload.name} {why}"
        + (f"; scaled down at {brief(when)}" if when else ""),
        evidence,
        weight=1.0 if users else 0.85,
        onset=when,
        claims=[
            Claim(workload, "workload.scaled_to_zero", 0.97 if users else 0.93, why, facts=facts)
        ],
        local=True,
    )


def _feeds(case: Case, workload: ObjectRef) -> ObjectRef | None:
    """Return the broker that a workload without callers takes its work from, if it is there."""
    for node, surely in case.topology.callees(workload).items():
        for broker in targets.backing(case, node) if surely >= 0.45 else ():
            if targets.is_broker(case, broker) and case.snapshot.pods(broker):
                return broker
    return None


def scales_itself(case: Case, obj: Json) -> bool:
    """Whether an autoscaler may take a workload down to nothing."""
    scaled = (
        dig(s, "spec.scaleTargetRef.name") for s in case.snapshot.of("HorizontalPodAutoscaler")
    )
    labels = {**labels_of(obj), **(dig(obj, "metadata.annotations", {}) or {})}
    return ref_of(obj).name in scaled or any("keda" in k or "knative" in k for k in labels)


def _uses(case: Case, user: ObjectRef, workload: ObjectRef) -> bool:
    """Whether a caller with running pods surely uses a workload."""
    return (
        bool(case.snapshot.pods(user)) and case.topology.upstream(workload).get(user, 0.0) >= 0.45
    )


def _scaled_down(case: Case, workload: ObjectRef) -> tuple[Json | None, datetime | None, int]:
    for event in reversed(case.snapshot.events(workload)):
        match = _DOWN.search(str(event.get("message", "")))
        if event.get("reason") == "ScalingReplicaSet" and match:
            return event, event_time(event), int(match.group(1) or match.group(2) or 0)
    return None, None, 0


def earlier_count(case: Case, obj: Json) -> int:
    """Return how many replicas it had: by its manifest or by its revisions' notes, else 1."""
    applied = dig(declared(obj), "spec.replicas", 0)
    if isinstance(applied, int) and applied > 0:
        return applied
    for replica_set in case.snapshot.replica_sets(ref_of(obj)):
        notes = dig(replica_set, "metadata.annotations", {}) or {}
        text = str(notes.get("deployment.kubernetes.io/desired-replicas", ""))
        if text.isdigit() and int(text) > 0:
            return int(text)
    return 1


def _refused(case: Case, obj: Json) -> Iterator[Clue]:
    """A controller whose pods the API server does not admit."""
    workload, snapshot = ref_of(obj), case.snapshot
    daemon = obj.get("kind") == "DaemonSet"
    wanted = (
        dig(obj, "status.desiredNumberScheduled", 0) if daemon else dig(obj, "spec.replicas", 1)
    )
    have = snapshot.pods(workload)
    current = snapshot.replica_sets(workload)[:1] if obj.get("kind") == "Deployment" else []
    if current:
        wanted = dig(current[0], "spec.replicas", wanted)
        have = [p for p in have if snapshot_owner(p) == current[0]["metadata"]["name"]]
    if len(have) >= int(wanted or 0):
        return
    sources = [ref_of(rs) for rs in current] or [workload]
    events = [
        e for ref in sources for e in snapshot.events(ref) if e.get("reason") == "FailedCreate"
    ]
    condition = next(
        (c for o in [*current, obj] for c in dig(o, "status.conditions", []) or []
         if c.get("type") == "ReplicaFailure" and c.get("status") == "True"),
        None,
    )  # fmt: skip
    message = str((condition or {}).get("message", "")) or (
        str(events[-1].get("message", "")) if events else ""
    )
    fresh = condition is not None or any(
        (event_time(e) or case.now) > case.now - timedelta(minutes=20) for e in events
    )
    if not message or not fresh:
        yield from _absent(case, obj, int(wanted or 0))
        return
    claims, evidence = admission.claims_of(case, workload, message)
    if events:
        evidence.append(case.ledger.events(sources[0], events[-3:]))
    else:
        holder = snapshot.get(sources[0]) or obj
        evidence.append(case.ledger.value(holder, "status.conditions"))
    ready = any(is_true(pod, "Ready") for pod in snapshot.pods(workload))
    yield case.clue(
        "workload.pods_refused",
        workload,
        f"{workload.kind} {workload.name}: its pods cannot be created: {claims[0].because}",
        evidence,
        weight=0.8 if ready else 1.0,
        onset=event_first(events[0]) if events else created(obj),
        claims=claims,
        local=True,
    )


def strategies(case: Case) -> Iterator[Clue]:
    """Report rollouts that took all pods away at once, while the new ones are not ready."""
    for obj in case.snapshot.of("Deployment"):
        workload, rollout = ref_of(obj), case.rollout(ref_of(obj))
        wanted = int(dig(obj, "spec.replicas", 1) or 0)
        if rollout is None or not case.snapshot.is_recent(rollout.at) or wanted < 2:
            continue
        may_miss = str(dig(obj, "spec.strategy.rollingUpdate.maxUnavailable", "25%"))
        recreated = dig(obj, "spec.strategy.type") == "Recreate"
        share = float(may_miss.rstrip("%")) / (100 if may_miss.endswith("%") else wanted)
        ready = sum(is_true(pod, "Ready") for pod in case.snapshot.pods(workload))
        if ready or not (recreated or share >= 1):
            continue
        how = "replaces all pods at once" if recreated else f"may miss {may_miss} of its pods"
        why = f"its rollout {how}, and none of the {wanted} new ones is ready"
        yield case.clue(
            "workload.all_at_once",
            workload,
            f"{workload.kind} {workload.name}: {why}",
            [case.ledger.value(obj, "spec.strategy"), case.ledger.value(obj, "status")],
            weight=0.5,
            onset=rollout.at,
            claims=[Claim(workload, "workload.update_strategy", 0.5, why)],
            local=True,
        )


def _absent(case: Case, obj: Json, wanted: int) -> Iterator[Clue]:
    """A controller without a single pod, and nobody says why."""
    workload = ref_of(obj)
    touched = max((t for t in (created(obj), case.changed_at(workload)) if t), default=None)
    settling = touched is not None and case.now - touched < timedelta(seconds=30)
    if case.snapshot.pods(workload) or not case.snapshot.knows("Pod") or settling:
        return
    why = f"it should have {wanted} pods and has none"
    yield case.clue(
        "workload.no_pods",
        workload,
        f"{workload.kind} {workload.name}: {why}",
        [case.ledger.value(obj, "status")],
        weight=0.8,
        onset=touched,
        claims=[Claim(workload, "unknown", 0.3, why)],
    )


def snapshot_owner(pod: Json) -> str:
    """Return the name of a pod's direct owner."""
    owners: Sequence[Json] = dig(pod, "metadata.ownerReferences", []) or []
    return str(owners[0].get("name", "")) if owners else ""
