"""Pods whose containers are ready and which are not: a readiness gate that nobody opens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from connectors.api.values import Json
from copilot.evidence.analyzers.subject import Subject
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import brief, condition, dig, parse_time, pod_spec

_PATIENCE = timedelta(seconds=20)
"""What a load balancer's controller may take to open a gate."""


def is_closed(case: Case, pod: Json) -> bool:
    """Whether a pod's own condition keeps it from being ready though all its containers are."""
    ready = condition(pod, "Ready") or {}
    inside = condition(pod, "ContainersReady") or {}
    since = parse_time(inside.get("lastTransitionTime")) or parse_time(
        ready.get("lastTransitionTime")
    )
    return (
        ready.get("status") == "False"
        and ready.get("reason") == "ReadinessGatesNotReady"
        and (since is None or case.now - since >= _PATIENCE)
    )


def analyze(subject: Subject) -> Iterator[Clue]:
    """Say which gate is closed, and whether the present revision brought it."""
    case, workload, pod = subject.case, subject.workload, subject.pod
    wanted = [str(g.get("conditionType")) for g in pod_spec(pod).get("readinessGates") or []]
    closed = [g for g in wanted if (condition(pod, g) or {}).get("status") != "True"] or wanted
    unset = [g for g in closed if condition(pod, g) is None]
    named = ", ".join(closed[:3])
    said = "is set by nobody" if unset else "is not true"
    why = f"its containers are ready, but its readiness gate {named} {said}"
    changes = case.changes(workload, "readinessGates")
    evidence = [
        case.ledger.value(pod, "status.conditions"),
        case.ledger.value(pod, "spec.readinessGates"),
        *(change.evidence for change in changes[:1]),
    ]
    found = case.rollout(workload)
    onset = parse_time((condition(pod, "Ready") or {}).get("lastTransitionTime"))
    facts: dict[str, Fact] = {"field": "readinessGates"}
    if changes and found is not None:
        onset = found.at
        why += f"; revision {found.revision} of {brief(found.at)} added it"
        facts["rolled_out"] = 1
        claims = [
            Claim(workload, "workload.bad_rollout", 0.93, why, facts=facts),
            Claim(workload, "probe.readiness_misconfigured", 0.5, why, facts=facts),
        ]
    else:
        claims = [Claim(workload, "probe.readiness_misconfigured", 0.75, why, facts=facts)]
    yield case.clue(
        "pod.gate_closed",
        workload,
        f"{subject.label}: pod {dig(pod, 'metadata.name')} is not ready: {why}",
        evidence,
        weight=subject.weight,
        onset=onset,
        claims=claims,
        place=workload,
    )
