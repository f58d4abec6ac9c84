"""Topology spread constraints."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.index import Index
from eval.environments.emulator.cluster.objects import labels_of, terminating
from eval.environments.emulator.cluster.scheduling.nodes import NodeTable
from eval.environments.emulator.cluster.scheduling.taints import node_matches
from eval.environments.emulator.cluster.selectors import selector_matches

UNEVEN = "node(s) didn't match pod topology spread constraints"
UNLABELLED = f"{UNEVEN} (missing required label)"


class Spread:
    """One pod's constraints, counted over the domains of the nodes it may use."""

    def __init__(self, pod: Json, table: NodeTable, index: Index) -> None:
        self._hard: list[tuple[str, int, int, dict[str, int]]] = []
        for item in pod["spec"].get("topologySpreadConstraints") or ():
            if item.get("whenUnsatisfiable", "DoNotSchedule") != "DoNotSchedule":
                continue
            counts = _counts(pod, item, table, index)
            own = int(selector_matches(item.get("labelSelector"), labels_of(pod)))
            self._hard.append((item["topologyKey"], int(item["maxSkew"]), own, counts))

    def refusal(self, node: Json) -> tuple[str, bool]:
        """Return why the node does not fit, and whether evicting other pods could not help."""
        labels = labels_of(node)
        for key, skew, own, counts in self._hard:
            if key not in labels:
                return UNLABELLED, True
            here = counts.get(labels[key], 0)
            if here + own - min(counts.values(), default=0) > skew:
                return UNEVEN, False
        return "", False


def preference(pod: Json, table: NodeTable, index: Index) -> dict[str, int]:
    """Return, by node, how many matching pods its domains hold (constraints that may be broken)."""
    total: dict[str, int] = {}
    for item in pod["spec"].get("topologySpreadConstraints") or ():
        if item.get("whenUnsatisfiable") != "ScheduleAnyway":
            continue
        counts = _counts(pod, item, table, index)
        for name, info in table.infos.items():
            value = labels_of(info.node).get(item["topologyKey"])
            total[name] = total.get(name, 0) + (1000 if value is None else counts.get(value, 0))
    return total


def _counts(pod: Json, item: Json, table: NodeTable, index: Index) -> dict[str, int]:
    key, selector = item["topologyKey"], item.get("labelSelector")
    domains: dict[str, str] = {}
    for name, info in table.infos.items():
        value = labels_of(info.node).get(key)
        if value is not None and node_matches(pod, info.node):
            domains[name] = value
    counts = dict.fromkeys(domains.values(), 0)
    namespace = pod["metadata"]["namespace"]
    for other in index.selected(namespace, (selector or {}).get("matchLabels") or {}):
        value = domains.get(other["spec"].get("nodeName") or "")
        if (
            value is not None
            and not terminating(other)
            and selector_matches(selector, labels_of(other))
        ):
            counts[value] += 1
    return counts
