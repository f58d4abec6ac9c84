"""Pods that had to make room for more important ones: who took their place."""

from __future__ import annotations

import re

from connectors.api.values import Json
from copilot.evidence.analyzers.subject import Subject
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim
from copilot.evidence.kube import dig, name_of, namespace_of, ref_of, uid_of
from copilot.evidence.snapshot import event_time, involved
from copilot.model.scope import ObjectRef

_BY = re.compile(r"[Pp]reempted by (?:a )?(?:pod )?([\w./-]+)")


def claim(subject: Subject) -> tuple[Claim, str] | None:
    """Return the claim against whoever took a waiting pod's place, and its evidence; None if nobody did.

    The scheduler names the preemptor by its uid (since Kubernetes 1.26), before that by its name.
    """
    case, workload = subject.case, subject.workload
    mine: list[Json] = []
    others: list[Json] = []
    for event in case.snapshot.of("Event"):
        if event.get("reason") == "Preempted" and case.snapshot.is_recent(event_time(event)):
            victim = involved(event)
            own = victim.namespace == workload.namespace and _belongs(case, victim, workload)
            (mine if own else others).append(event)
    for events, sure in ((mine, 0.95), (others, 0.8)):
        for event in reversed(events):
            pod = _preemptor(case, event)
            if pod is None:
                continue
            place = case.snapshot.controller(pod)
            if place == workload:
                return None
            level = dig(pod, "spec.priorityClassName")
            why = f"its pods, of priority {dig(pod, 'spec.priority', 'unknown')}, took the place of others"
            also = (ObjectRef("PriorityClass", "", str(level)),) if level else ()
            quoted = case.ledger.events(involved(event), [event])
            return Claim(place, "scheduling.preempted", sure, why, (*also, workload)), quoted
    if mine:
        why = "a pod of higher priority, which cannot be seen from here, took its place"
        quoted = case.ledger.events(involved(mine[-1]), mine[-1:])
        return Claim(workload, "scheduling.preempted", 0.9, why), quoted
    return None


def _belongs(case: Case, victim: ObjectRef, workload: ObjectRef) -> bool:
    """Whether a pod, which is gone mostly, was one of a workload's."""
    pod = case.snapshot.get(victim)
    if pod is not None:
        return case.snapshot.controller(pod) == workload
    owners = [ref_of(rs).name for rs in case.snapshot.replica_sets(workload)] or [workload.name]
    return any(victim.name.rpartition("-")[0] == owner for owner in owners)


def _preemptor(case: Case, event: Json) -> Json | None:
    found = _BY.search(str(event.get("message", "")))
    if found is None:
        return None
    named = found.group(1)
    for pod in case.snapshot.of("Pod"):
        if named in (uid_of(pod), name_of(pod), f"{namespace_of(pod)}/{name_of(pod)}"):
            return pod
    return None
