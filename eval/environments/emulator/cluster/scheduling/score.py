"""Which of the nodes that fit is the best; lower is better."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.index import Index
from eval.environments.emulator.cluster.objects import finished, labels_of
from eval.environments.emulator.cluster.scheduling import spread
from eval.environments.emulator.cluster.scheduling.nodes import NodeInfo, NodeTable
from eval.environments.emulator.cluster.scheduling.taints import terms_match, toleration
from eval.environments.emulator.cluster.selectors import selector_matches

_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

Score = tuple[float, int, float, str]


class Preferences:
    """What one pod would like best."""

    def __init__(self, pod: Json, table: NodeTable, index: Index) -> None:
        self._pod = pod
        affinity = pod["spec"].get("affinity") or {}
        self._nodes = (affinity.get("nodeAffinity") or {}).get(_PREFERRED) or ()
        self._domains: list[tuple[str, dict[str, int], int]] = []
        for field, sign in (("podAffinity", -1), ("podAntiAffinity", 1)):
            for item in (affinity.get(field) or {}).get(_PREFERRED) or ():
                term = item["podAffinityTerm"]
                counts = _count(pod, term, table, index)
                self._domains.append((term["topologyKey"], counts, sign * int(item["weight"])))
        self._spread = (
            spread.preference(pod, table, index)
            if pod["spec"].get("topologySpreadConstraints")
            else {}
        )

    def score(self, info: NodeInfo, owner: str) -> Score:
        """Rate a node: wishes, then fewer siblings, then the least allocated, then its name."""
        used, allocatable = info.used, info.allocatable
        share = sum(
            used.get(name, 0) / max(1, allocatable.get(name, 1)) for name in ("cpu", "memory")
        )
        siblings = info.owners[owner] if owner else 0
        return self._wishes(info.node), siblings, share + len(info.pods) / 110, info.name

    def _wishes(self, node: Json) -> float:
        cost = float(self._spread.get(node["metadata"]["name"], 0))
        tolerations = self._pod["spec"].get("tolerations") or ()
        for taint in node["spec"].get("taints") or ():
            if taint["effect"] == "PreferNoSchedule" and toleration(tolerations, taint) is None:
                cost += 1000
        for item in self._nodes:
            if terms_match((item["preference"],), node):
                cost -= float(item["weight"])
        if self._domains:
            labels = labels_of(node)
            for key, counts, weight in self._domains:
                cost += weight * counts.get(labels.get(key, ""), 0)
        return cost


def _count(pod: Json, term: Json, table: NodeTable, index: Index) -> dict[str, int]:
    selector = term.get("labelSelector")
    wanted = (selector or {}).get("matchLabels") or {}
    counts: dict[str, int] = {}
    for namespace in term.get("namespaces") or (pod["metadata"]["namespace"],):
        for other in index.selected(namespace, wanted):
            info = table.infos.get(other["spec"].get("nodeName") or "")
            if info is None or finished(other) or not selector_matches(selector, labels_of(other)):
                continue
            value = labels_of(info.node).get(term["topologyKey"])
            if value is not None:
                counts[value] = counts.get(value, 0) + 1
    return counts
