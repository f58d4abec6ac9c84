"""Where pods may run: selectors, taints, affinity, host ports, priority."""

from __future__ import annotations

import json
from collections.abc import Iterator

from copilot.evidence.case import Case
from copilot.evidence.kube import containers, dig
from copilot.evidence.repairs.common import BACK, POD, READY, Facts, Maker, Row
from copilot.model.action import RemoveNodeSelector, Risk, SetField
from copilot.model.scope import ObjectRef


def node_selector(_case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Remove the selector that no node fulfils."""
    if "key" in facts:
        yield (
            f"Remove the node selector {facts['key']} from {ref.kind} {ref.name}",
            RemoveNodeSelector(ref, str(facts["key"])),
            Risk.LOW,
            "Put the node selector back.",
            "Its pods are scheduled and become ready.",
        )


def uncordon(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Let pods onto the node again."""
    if ref.kind == "Node" and dig(case.snapshot.get(ref), "spec.unschedulable"):
        yield (
            f"Uncordon node {ref.name}",
            SetField(ref, "/spec/unschedulable"),
            Risk.LOW,
            "Cordon it again.",
            "The waiting pods are scheduled.",
        )


def untaint(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Remove the taint that the pods do not tolerate."""
    taints = dig(case.snapshot.get(ref), "spec.taints", []) or []
    rest = [t for t in taints if t.get("key") != facts.get("taint")]
    if ref.kind == "Node" and len(rest) < len(taints):
        yield (
            f"Remove the taint {facts['taint']} from node {ref.name}",
            SetField(ref, "/spec/taints", json.dumps(rest) if rest else ""),
            Risk.LOW,
            "Taint it again.",
            "The waiting pods are scheduled.",
        )


def scheduler(_case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Leave the placing to the scheduler that runs."""
    yield (
        f"Let the default scheduler place {ref.name}",
        SetField(ref, f"{POD}/schedulerName", '"default-scheduler"'),
        Risk.LOW,
        BACK,
        READY,
    )


def removed(field: str, what: str) -> Maker:
    """Make a maker that takes a field out of the pod template, where it is there."""

    def make(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
        if dig(case.snapshot.spec(ref), field.replace("/", ".")):
            yield (
                f"Remove {what} from {ref.kind} {ref.name}",
                SetField(ref, f"{POD}/{field}"),
                Risk.MEDIUM,
                BACK,
                READY,
            )

    return make


anti_affinity = removed("affinity/podAntiAffinity", "the pod anti-affinity")


affinity = removed("affinity/podAffinity", "the pod affinity")


aliases = removed("hostAliases", "the host aliases")


priority = removed("priorityClassName", "the priority class")


def pod_affinity(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Remove the rules about other pods."""
    yield from anti_affinity(case, ref, facts)
    yield from affinity(case, ref, facts)


def host_port(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Give up the ports of the node."""
    for number, container in enumerate(containers(case.snapshot.spec(ref))):
        for index, port in enumerate(container.get("ports") or []):
            if port.get("hostPort"):
                yield (
                    f"Give up host port {port['hostPort']} of {ref.kind} {ref.name}",
                    SetField(ref, f"{POD}/containers/{number}/ports/{index}/hostPort"),
                    Risk.MEDIUM,
                    "Claim it again.",
                    READY,
                )
