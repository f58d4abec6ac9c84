"""Where pods may run: selectors, taints, affinity, host ports, priority."""

from __future__ import annotations

import json
from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import containers, dig, labels_of
from copilot.evidence.repairs.common import BACK, POD, READY, WORKLOADS, Facts, Maker, Row
from copilot.model.action import Action, RemoveNodeSelector, Risk, SetField
from copilot.model.scope import ObjectRef

_NODE_RULE = "requiredDuringSchedulingIgnoredDuringExecution"


def node_selector(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Remove what no node fulfils: a key of the selector, a rule about nodes, a node by name."""
    spec = case.snapshot.spec(ref)
    selector = spec.get("nodeSelector") or {}
    nodes = [labels_of(node) for node in case.snapshot.of("Node")]
    for key, value in selector.items():
        if key == facts.get("key") or not any(labels.get(key) == value for labels in nodes):
            yield (
                f"Remove the node selector {key} from {ref.kind} {ref.name}",
                RemoveNodeSelector(ref, str(key)),
                Risk.LOW,
                "Put the node selector back.",
                "Its pods are scheduled and become ready.",
            )
    if dig(spec, f"affinity.nodeAffinity.{_NODE_RULE}"):
        yield (
            f"Remove the rule about nodes from {ref.kind} {ref.name}",
            SetField(ref, f"{POD}/affinity/nodeAffinity/{_NODE_RULE}"),
            Risk.LOW,
            BACK,
            "Its pods are scheduled and become ready.",
        )
    if spec.get("nodeName") and ref.kind in WORKLOADS:
        yield (
            f"No longer bind {ref.kind} {ref.name} to node {spec['nodeName']}",
            SetField(ref, f"{POD}/nodeName"),
            Risk.LOW,
            BACK,
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
    """Remove the taint that the pods do not tolerate, and no other."""
    taints = dig(case.snapshot.get(ref), "spec.taints", []) or []
    rest = [t for t in taints if not _is_named(t, facts)]
    if ref.kind == "Node" and len(rest) < len(taints):
        yield (
            f"Remove the taint {facts['taint']} from node {ref.name}",
            SetField(ref, "/spec/taints", json.dumps(rest) if rest else ""),
            Risk.LOW,
            "Taint it again.",
            "The waiting pods are scheduled.",
        )


def _is_named(taint: Json, facts: Facts) -> bool:
    """Whether it is the taint of the facts; one key may be there with several effects."""
    effect = facts.get("effect")
    return taint.get("key") == facts.get("taint") and effect in (None, "", taint.get("effect"))


def typed(case: Case, action: Action) -> str:
    """Return the command that people know for taking a taint off a node; "" for other actions."""
    if not isinstance(action, SetField) or action.object.kind != "Node":
        return ""
    if action.path != "/spec/taints":
        return ""
    rest = json.loads(action.value) if action.value else []
    taints = dig(case.snapshot.get(action.object), "spec.taints", []) or []
    gone = [f"{t.get('key')}:{t.get('effect')}-" for t in taints if t not in rest]
    return f"kubectl taint node {action.object.name} {' '.join(gone)}" if gone else ""


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


spread = removed("topologySpreadConstraints", "the spread constraints")


aliases = removed("hostAliases", "the host aliases")


priority = removed("priorityClassName", "the priority class")


def pod_affinity(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Remove the rules about other pods."""
    yield from anti_affinity(case, ref, facts)
    yield from affinity(case, ref, facts)
    yield from spread(case, ref, facts)


def ports(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Give up the ports of the node; remove the container that claims another's port."""
    spec = case.snapshot.spec(ref)
    for number, container in enumerate(containers(spec)):
        for index, port in enumerate(container.get("ports") or []):
            if port.get("hostPort") and not spec.get("hostNetwork"):
                yield (
                    f"Give up host port {port['hostPort']} of {ref.kind} {ref.name}",
                    SetField(ref, f"{POD}/containers/{number}/ports/{index}/hostPort"),
                    Risk.MEDIUM,
                    "Claim it again.",
                    READY,
                )
    if spec.get("hostNetwork"):
        yield (
            f"Let {ref.kind} {ref.name} have a network of its own",
            SetField(ref, f"{POD}/hostNetwork"),
            Risk.MEDIUM,
            BACK,
            READY,
        )
    yield from _double(case, ref)


def _double(case: Case, ref: ObjectRef) -> Iterator[Row]:
    """The later of two containers with one port; never the one that bears the workload's name."""
    found = containers(case.snapshot.spec(ref))
    seen: dict[object, int] = {}
    for number, container in enumerate(found):
        for port in container.get("ports") or []:
            first = seen.setdefault(port.get("containerPort"), number)
            if first == number:
                continue
            main = container.get("name") == ref.name
            other = first if main else number
            yield (
                f"Remove container {found[other].get('name')}, which claims port"
                f" {port.get('containerPort')} as well, from {ref.kind} {ref.name}",
                SetField(ref, f"{POD}/containers/{other}"),
                Risk.MEDIUM,
                BACK,
                READY,
            )
            return
