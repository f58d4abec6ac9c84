"""Objects that were deleted and do not go away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from connectors.api.values import Json
from copilot.evidence.analyzers.written import uses
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue
from copilot.evidence.kube import brief, dig, is_true, name_of, parse_time, ref_of
from copilot.model.scope import ObjectRef

_PATIENCE = timedelta(seconds=90)
_SOON = timedelta(seconds=30)
_GUARDS = {
    "kubernetes.io/pvc-protection": "a pod still uses it",
    "kubernetes.io/pv-protection": "a claim is still bound to it",
    "foregroundDeletion": "what it owns is deleted first",
    "orphan": "what it owns is released first",
}
"""Kubernetes' own finalizers, and what they wait for."""


def analyze(case: Case) -> Iterator[Clue]:
    """Report objects that have been terminating for longer than they take; long-standing ones as remarks."""
    for kind in case.snapshot.kinds:
        for obj in case.snapshot.of(kind) if kind != "Event" else ():
            since = parse_time(dig(obj, "metadata.deletionTimestamp"))
            if since is None or case.now - since < _patience(obj):
                continue
            found = _stuck(case, obj)
            if found is None:
                continue
            claim, weight = found
            ref = ref_of(obj)
            field = "metadata.finalizers" if dig(obj, "metadata.finalizers") else "metadata"
            fresh = case.snapshot.is_known_period(since)
            yield case.clue(
                "object.stuck_terminating",
                ref,
                f"{ref.kind} {ref.name} was deleted at {brief(since)} and is still there: {claim.because}",
                [
                    case.ledger.value(obj, "metadata.deletionTimestamp"),
                    case.ledger.value(obj, field),
                ],
                weight=weight if fresh else 0.0,
                onset=since if fresh else None,
                claims=[claim],
                place=_user(case, obj) or ref,
                local=True,
            )


def _patience(obj: Json) -> timedelta:
    # The time stamp of a pod's deletion has its grace period in it already.
    return _SOON if obj.get("kind") == "Pod" else _PATIENCE


def _stuck(case: Case, obj: Json) -> tuple[Claim, float] | None:
    """Return what keeps an object, and how much that matters."""
    ref, finalizers = ref_of(obj), dig(obj, "metadata.finalizers", []) or []
    if not finalizers and ref.kind == "Pod":
        return _pod(case, obj)
    if ref.kind == "Namespace":
        said = [
            str(c.get("message", ""))
            for c in dig(obj, "status.conditions", []) or []
            if c.get("status") == "True"
        ]
        why = "; ".join(said) or "its contents are not gone"
        return Claim(ref, "object.stuck_terminating", 0.9, why), 0.7
    if not finalizers:
        return None
    names = ", ".join(map(str, finalizers))
    guard = next((_GUARDS[f] for f in finalizers if f in _GUARDS), "")
    if guard:
        return Claim(ref, "object.stuck_terminating", 0.5, f"{guard} ({names})"), 0.2
    why = f"its finalizer {names} was not removed by the controller that it belongs to"
    owner = case.snapshot.controller(obj) if ref.kind == "Pod" else ref
    if owner.kind == "StatefulSet" and not case.snapshot.pods(owner):
        why += f", and {owner.name} gets no new pod of that name before it is gone"
        return Claim(ref, "object.stuck_terminating", 0.97, why), 1.0
    return Claim(ref, "object.stuck_terminating", 0.95, why), 0.6


def _pod(case: Case, pod: Json) -> tuple[Claim, float] | None:
    """A pod past its grace period whose kubelet has not ended it."""
    node = case.snapshot.get(ObjectRef("Node", "", str(dig(pod, "spec.nodeName", ""))))
    if node is not None and not is_true(node, "Ready"):
        return None  # the node's own trouble
    where = f"node {name_of(node)}" if node is not None else "its node"
    why = f"its grace period is over, and the kubelet of {where} has not ended it"
    return Claim(ref_of(pod), "object.stuck_terminating", 0.7, why), 0.4


def _user(case: Case, obj: Json) -> ObjectRef | None:
    """Return the workload that an object's end is felt at."""
    ref = ref_of(obj)
    if ref.kind == "Pod":
        return case.snapshot.controller(obj)
    if ref.kind != "ConfigMap":
        return None
    users = [ref_of(w) for w in case.snapshot.workloads if uses(case, ref_of(w), ref)]
    return users[0] if users else None
