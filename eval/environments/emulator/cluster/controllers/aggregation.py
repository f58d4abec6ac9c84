"""Aggregated ClusterRoles: their rules are those of the ClusterRoles that they select."""

from __future__ import annotations

import json
from collections.abc import Iterable

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import Key, key_of, labels_of
from eval.environments.emulator.cluster.selectors import selector_matches
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World


class AggregatedRoles:
    """Writes the rules of ClusterRoles that have an aggregation rule."""

    watches = ("ClusterRole",)

    def __init__(self, world: World) -> None:
        self._world = world

    def affected(self, change: Change) -> Iterable[Key]:
        """Every aggregated ClusterRole: any other one may be part of it."""
        roles = self._world.store.all("ClusterRole")
        return [key_of(role) for role in roles if role.get("aggregationRule")]

    def reconcile(self, key: Key) -> None:
        """Write the rules unless they are there already, in whatever order."""
        store = self._world.store
        role = store.get("ClusterRole", *key)
        if role is None or not role.get("aggregationRule"):
            return
        selectors = role["aggregationRule"].get("clusterRoleSelectors") or ()
        found: dict[str, Json] = {}
        for other in store.all("ClusterRole"):
            if key_of(other) != key and any(
                selector_matches(selector, labels_of(other)) for selector in selectors
            ):
                found.update({_text(rule): rule for rule in other.get("rules") or ()})
        if set(found) != {_text(rule) for rule in role.get("rules") or ()}:
            store.put({**role, "metadata": dict(role["metadata"]), "rules": list(found.values())})


def _text(rule: Json) -> str:
    return json.dumps(rule, sort_keys=True)
