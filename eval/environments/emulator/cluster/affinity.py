"""Required pod affinity and anti-affinity."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import finished, labels_of
from eval.environments.emulator.cluster.selectors import selector_matches
from eval.environments.emulator.cluster.store import Store

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


class PodAffinity:
    """One pod's wishes to be near or far from other pods."""

    def __init__(self, store: Store, pod: Json) -> None:
        self._store = store
        self._pod = pod
        affinity = pod["spec"].get("affinity") or {}
        self._near = (affinity.get("podAffinity") or {}).get(_REQUIRED) or []
        self._far = (affinity.get("podAntiAffinity") or {}).get(_REQUIRED) or []
        self._others = [
            (other, labels_of(node))
            for other in store.all("Pod")
            if not finished(other)
            and (node := store.get("Node", "", other["spec"].get("nodeName", ""))) is not None
        ]

    def refusal(self, node: Json) -> str:
        """Return the scheduler's words for why the node does not fit, or ""."""
        labels = labels_of(node)
        for term in self._near:
            if not self._found(term, labels) and not self._first(term):
                return "node(s) didn't match pod affinity rules"
        for term in self._far:
            if self._found(term, labels):
                return "node(s) didn't match pod anti-affinity rules"
        for other, where in self._others:
            theirs = (other["spec"].get("affinity") or {}).get("podAntiAffinity") or {}
            for term in theirs.get(_REQUIRED) or ():
                key = term.get("topologyKey", "")
                if (
                    key in labels
                    and where.get(key) == labels[key]
                    and _selects(term, self._pod, other["metadata"]["namespace"])
                ):
                    return "node(s) didn't satisfy existing pods anti-affinity rules"
        return ""

    def _found(self, term: Json, labels: dict[str, str]) -> bool:
        key = term.get("topologyKey", "")
        own = self._pod["metadata"]["namespace"]
        return any(
            key in labels and where.get(key) == labels[key] and _selects(term, other, own)
            for other, where in self._others
        )

    def _first(self, term: Json) -> bool:
        """The first pod of a group that wants to be together may go anywhere."""
        own = self._pod["metadata"]["namespace"]
        anyone = any(_selects(term, other, own) for other, _ in self._others)
        return not anyone and _selects(term, self._pod, own)


def _selects(term: Json, pod: Json, own: str) -> bool:
    namespaces: Iterable[str] = term.get("namespaces") or (own,)
    return pod["metadata"]["namespace"] in namespaces and selector_matches(
        term.get("labelSelector"), labels_of(pod)
    )
