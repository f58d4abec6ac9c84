"""Node selectors, node affinity, taints and tolerations."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import labels_of
from eval.environments.emulator.cluster.selectors import requirement

UNSCHEDULABLE: Json = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def node_matches(pod: Json, node: Json) -> bool:
    """Whether the node has the pod's nodeSelector and required node affinity."""
    labels = labels_of(node)
    for name, value in (pod["spec"].get("nodeSelector") or {}).items():
        if labels.get(name) != value:
            return False
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required is None or terms_match(required.get("nodeSelectorTerms") or (), node)


def tolerated(
    pod: Json, node: Json, effects: tuple[str, ...] = ("NoSchedule", "NoExecute")
) -> bool:
    """Whether the pod tolerates all of the node's taints of these effects."""
    return untolerated(pod, node, effects) is None


def untolerated(
    pod: Json, node: Json, effects: tuple[str, ...] = ("NoSchedule", "NoExecute")
) -> Json | None:
    """Return the first of the node's taints that the pod does not tolerate."""
    tolerations = pod["spec"].get("tolerations") or ()
    for taint in node["spec"].get("taints") or ():
        if taint.get("effect") in effects and toleration(tolerations, taint) is None:
            return dict(taint)
    return None


def toleration(tolerations: Iterable[Json], taint: Json) -> Json | None:
    """Return the first toleration that tolerates the taint."""
    for item in tolerations:
        if item.get("effect") and item["effect"] != taint.get("effect"):
            continue
        if item.get("key") and item["key"] != taint.get("key"):
            continue
        if item.get("operator") == "Exists":
            return item
        if item.get("key") and item.get("value", "") == taint.get("value", ""):
            return item
    return None


def terms_match(terms: Iterable[Json], node: Json) -> bool:
    """Whether one of the node selector terms selects the node."""
    names = {"metadata.name": node["metadata"]["name"]}
    for term in terms:
        expressions = term.get("matchExpressions") or ()
        fields = term.get("matchFields") or ()
        if not expressions and not fields:
            continue
        if all(requirement(item, labels_of(node)) for item in expressions) and all(
            requirement(item, names) for item in fields
        ):
            return True
    return False
