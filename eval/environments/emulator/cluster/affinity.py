"""Required pod affinity and anti-affinity."""

from __future__ import annotations

from connectors.api.values import Json
from eval.environments.emulator.cluster.index import Index
from eval.environments.emulator.cluster.objects import finished, labels_of
from eval.environments.emulator.cluster.scheduling.nodes import NodeTable
from eval.environments.emulator.cluster.selectors import selector_matches
from eval.environments.emulator.cluster.store import Store

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"

Domains = set[str]


class PodAffinity:
    """One pod's wishes to be near or far from other pods, and theirs to be far from it."""

    def __init__(self, store: Store, index: Index, table: NodeTable, pod: Json) -> None:
        self._store = store
        self._index = index
        self._table = table
        self._pod = pod
        affinity = pod["spec"].get("affinity") or {}
        self._near = [
            (term["topologyKey"], *self._domains(term))
            for term in (affinity.get("podAffinity") or {}).get(_REQUIRED) or ()
        ]
        self._far = [
            (term["topologyKey"], self._domains(term)[0])
            for term in (affinity.get("podAntiAffinity") or {}).get(_REQUIRED) or ()
        ]
        self._kept_away = self._theirs()

    def refusal(self, node: Json) -> str:
        """Return the scheduler's words for why the node does not fit, or ""."""
        labels = labels_of(node)
        for key, domains, first in self._near:
            if labels.get(key) not in domains and not (first and key in labels):
                return "node(s) didn't match pod affinity rules"
        for key, domains in self._far:
            if labels.get(key) in domains:
                return "node(s) didn't match pod anti-affinity rules"
        for key, domains in self._kept_away.items():
            if labels.get(key) in domains:
                return "node(s) didn't satisfy existing pods anti-affinity rules"
        return ""

    def _domains(self, term: Json) -> tuple[Domains, bool]:
        """Return the domains with a pod that the term selects.

        And whether the pod is the first of a group that wants to be together, which may go anywhere.
        """
        own = self._pod["metadata"]["namespace"]
        wanted = (term.get("labelSelector") or {}).get("matchLabels") or {}
        domains: Domains = set()
        anyone = False
        for namespace in self._namespaces(term, own):
            for other in self._index.selected(namespace, wanted):
                node = self._table.infos.get(other["spec"].get("nodeName") or "")
                if node is None or finished(other) or not _selects(term, other):
                    continue
                anyone = True
                value = labels_of(node.node).get(term["topologyKey"])
                if value is not None:
                    domains.add(value)
        its_own = own in self._namespaces(term, own) and _selects(term, self._pod)
        return domains, not anyone and its_own

    def _theirs(self) -> dict[str, Domains]:
        kept: dict[str, Domains] = {}
        for other in self._table.repelling.values():
            node = self._table.infos.get(other["spec"]["nodeName"])
            if node is None:
                continue
            for term in other["spec"]["affinity"]["podAntiAffinity"][_REQUIRED]:
                namespaces = self._namespaces(term, other["metadata"]["namespace"])
                value = labels_of(node.node).get(term["topologyKey"])
                if (
                    value is not None
                    and self._pod["metadata"]["namespace"] in namespaces
                    and _selects(term, self._pod)
                ):
                    kept.setdefault(term["topologyKey"], set()).add(value)
        return kept

    def _namespaces(self, term: Json, own: str) -> list[str]:
        named = list(term.get("namespaces") or ())
        selector = term.get("namespaceSelector")
        if selector is not None:
            named += [
                item["metadata"]["name"]
                for item in self._store.all("Namespace")
                if selector_matches(selector, labels_of(item))
            ]
        return named if named or selector is not None else [own]


def _selects(term: Json, pod: Json) -> bool:
    return selector_matches(term.get("labelSelector"), labels_of(pod))
