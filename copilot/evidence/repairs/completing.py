"""What a repair needs beside itself: a paused rollout resumed, and those started anew that wait out a back-off."""

from __future__ import annotations

from copilot.evidence.analyzers.written import uses
from copilot.evidence.case import Case
from copilot.evidence.kube import dig, is_true, ref_of, statuses
from copilot.evidence.repairs.common import WORKLOADS, Row
from copilot.evidence.snapshot import is_leftover
from copilot.model.action import (
    CreateObject,
    Manual,
    RemoveNodeSelector,
    Restart,
    RollBack,
    SetField,
    SetImage,
    Several,
    Single,
    parts,
)
from copilot.model.scope import ObjectRef

_LONG = 3
"""Restarts of a container from which on the kubelet lets it wait for more than a minute."""
_MOST = 5
_TEMPLATE = "/spec/template/"


def completed(case: Case, row: Row) -> Row:
    """Return a repair with all that it takes to show: nothing is said to be repaired that still waits."""
    title, action, risk, undo, expected = row
    steps = [step for step in parts(action) if not isinstance(step, Manual)]
    if not steps:
        return row
    also: list[Single] = [*_resumed(case, steps)]
    if also:
        names = ", ".join(step.object.name for step in also)
        title = f"{title}, and resume the paused rollout of {names}"
    waiting = _waiting(case, steps)
    if waiting:
        also += [Restart(ref) for ref in waiting]
        names = ", ".join(ref.name for ref in waiting)
        title = f"{title}, and start {names} anew, which would wait out a back-off"
    if not also:
        return row
    return title, Several(action.object, (*steps, *also)), risk, undo, expected


def _resumed(case: Case, steps: list[Single]) -> list[Single]:
    """A paused Deployment takes no new template up."""
    done = {s.object for s in steps if isinstance(s, SetField) and s.path == "/spec/paused"}
    paused = {
        step.object
        for step in steps
        if _rolls_out(step) and dig(case.snapshot.get(step.object), "spec.paused") is True
    }
    return [SetField(ref, "/spec/paused", "false") for ref in sorted(paused - done)]


def _rolls_out(step: Single) -> bool:
    if isinstance(step, SetField):
        return step.path.startswith(_TEMPLATE)
    return isinstance(step, RollBack | SetImage | Restart | RemoveNodeSelector)


def _waiting(case: Case, steps: list[Single]) -> list[ObjectRef]:
    """Return who crashed for lack of what is repaired, and is started again only after minutes."""
    renewed = {step.object for step in steps if _rolls_out(step)}
    for step in steps:
        if isinstance(step, SetField) and step.restarts:
            kind, _, name = step.restarts.partition("/")
            renewed.add(ObjectRef(kind, step.object.namespace, name))
    found: set[ObjectRef] = set()
    for ref in {step.object for step in steps}:
        found |= _dependants(case, ref)
    own = {step.object for step in steps if isinstance(step, CreateObject)}
    return sorted(r for r in found - renewed - own if _waits(case, r))[:_MOST]


def _dependants(case: Case, ref: ObjectRef) -> set[ObjectRef]:
    """Return the workloads that use an object, directly or through others."""
    if ref.kind in ("ConfigMap", "Secret"):
        return {ref_of(w) for w in case.snapshot.workloads if uses(case, ref_of(w), ref)}
    nodes = [ref, *(case.services_for(ref) if ref.kind in WORKLOADS else [])]
    return {other for node in nodes for other in case.topology.upstream(node)} - {ref}


def _waits(case: Case, ref: ObjectRef) -> bool:
    # A StatefulSet does not renew a pod that has never become ready.
    if ref.kind not in ("Deployment", "DaemonSet"):
        return False
    pods = [pod for pod in case.snapshot.pods(ref) if not is_leftover(pod)]
    return (
        bool(pods)
        and not any(is_true(pod, "Ready") for pod in pods)
        and any(
            dig(status, "state.waiting.reason") == "CrashLoopBackOff"
            and int(status.get("restartCount", 0)) >= _LONG
            for pod in pods
            for status in statuses(pod)
        )
    )
