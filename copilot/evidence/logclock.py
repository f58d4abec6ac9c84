"""When a complaint in a log still counts: not after what it complained about has changed."""

from __future__ import annotations

from datetime import datetime, timedelta

from copilot.evidence.case import Case
from copilot.evidence.changes import changed_at
from copilot.evidence.kube import condition, created, dig, is_true, parse_time, ref_of
from copilot.evidence.logscan import LogIssue, is_chronic
from copilot.evidence.signatures import DEPENDENCY_KINDS
from copilot.model.scope import ObjectRef

_SURELY = 0.5
_SETTLE = timedelta(seconds=4)


def settled_at(case: Case, target: ObjectRef) -> datetime | None:
    """Return when a dependency, or anything that it depends on, last changed.

    Complaints from before say nothing about the present: a Service was edited, its endpoints
    changed, the pods behind it became ready, or a policy was changed.
    """
    snapshot = case.snapshot
    times: list[datetime | None] = []
    for node, surely in case.topology.downstream(target).items():
        if surely >= _SURELY:
            times += _changes_of(case, node)
    for policy in snapshot.of("NetworkPolicy"):
        times.append(changed_at(snapshot, ref_of(policy)))
    return max((t for t in times if t), default=None)


def _changes_of(case: Case, target: ObjectRef) -> list[datetime | None]:
    snapshot = case.snapshot
    times: list[datetime | None] = []
    if target.kind == "Service":
        service = snapshot.get(target)
        times += [created(service) if service else None, changed_at(snapshot, target)]
        endpoints = snapshot.get(ObjectRef("Endpoints", target.namespace, target.name))
        if endpoints is not None:
            note = dig(endpoints, "metadata.annotations", {}) or {}
            times.append(parse_time(note.get("endpoints.kubernetes.io/last-change-trigger-time")))
    for workload in snapshot.backing(target) if target.kind == "Service" else [target]:
        ready = [
            parse_time((condition(pod, "Ready") or {}).get("lastTransitionTime"))
            for pod in snapshot.pods(workload)
            if is_true(pod, "Ready")
        ]
        times.append(max((t for t in ready if t), default=None))
    return times


def counts(case: Case, issue: LogIssue, target: ObjectRef | None) -> bool:
    """Whether a complaint of a running container is about the present."""
    if not issue.ongoing or is_chronic(issue, case.snapshot):
        return False
    if target is None or issue.last is None:
        return True
    settled = settled_at(case, target)
    return settled is None or issue.last > settled + _SETTLE


def ongoing(case: Case, caller: ObjectRef, target: ObjectRef) -> bool:
    """Whether a caller's log complains about a dependency now."""
    for issue in case.issues:
        if issue.workload != caller or issue.kind not in DEPENDENCY_KINDS or issue.blames is None:
            continue
        blamed = case.wiring.resolver.resolve(issue.blames, caller.namespace)
        if blamed == target and (issue.final or counts(case, issue, target)):
            return True
    return False
