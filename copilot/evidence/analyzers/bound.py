"""Workloads that are bound by name to a node which does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import ref_of
from copilot.model.scope import ObjectRef


def analyze(case: Case) -> Iterator[Clue]:
    """Report pod templates with a `nodeName` that no node has: no scheduler looks at such pods."""
    for obj in case.snapshot.workloads:
        ref = ref_of(obj)
        node = str(case.snapshot.spec(ref).get("nodeName") or "")
        if not node or ref.kind in ("Pod", "Job", "CronJob"):
            continue
        if case.snapshot.exists("Node", "", node) is not False or not case.snapshot.of("Node"):
            continue
        names = case.snapshot.names("Node", "")
        changes = case.changes(ref, "nodeName")
        why = f"it is bound to node {node}, which does not exist"
        facts: dict[str, Fact] = {"rolled_out": 1} if changes else {}
        yield case.clue(
            "workload.bound_to_nothing",
            ref,
            f"{ref.kind} {ref.name}: {why}",
            [
                case.ledger.value(obj, "spec.template.spec.nodeName"),
                case.ledger.absence("Node", "", names, node),
                *(c.evidence for c in changes[:1]),
            ],
            weight=0.9,
            onset=changes[0].at if changes else None,
            claims=[
                Claim(
                    ref,
                    "scheduling.node_selector",
                    0.95,
                    why,
                    (ObjectRef("Node", "", node),),
                    facts,
                )
            ],
            place=ref,
            local=True,
        )
