"""PodDisruptionBudgets: how many of the pods that one selects may go."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import timedelta

from connectors.api.values import Json
from eval.environments.emulator.cluster.conditions import set_condition
from eval.environments.emulator.cluster.objects import (
    Key,
    controller_of,
    finished,
    is_true,
    key_of,
    labels_of,
    parse_time,
    terminating,
)
from eval.environments.emulator.cluster.selectors import selector_matches
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

SOURCE = "controllermanager"
_FORGET = timedelta(minutes=2)


class Disruptions:
    """Keeps the status of budgets."""

    watches = ("PodDisruptionBudget", "Pod", "Deployment", "ReplicaSet", "StatefulSet")

    def __init__(self, world: World) -> None:
        self._world = world

    def affected(self, change: Change) -> Iterable[Key]:
        """The budget itself, or those that select a changed pod or a resized workload's pods."""
        if change.kind == "PodDisruptionBudget":
            return (key_of(change.last),)
        budgets = self._world.store.all(
            "PodDisruptionBudget", change.last["metadata"].get("namespace")
        )
        if not budgets:
            return ()
        if change.kind != "Pod":
            old, new = change.old, change.new
            same = old is not None and new is not None and old["spec"] == new["spec"]
            return () if same else [key_of(budget) for budget in budgets]
        return [
            key_of(budget)
            for budget in budgets
            if selector_matches(budget["spec"].get("selector"), labels_of(change.last))
        ]

    def reconcile(self, key: Key) -> None:
        """Count healthy pods against what the budget wants."""
        world = self._world
        budget = world.store.get("PodDisruptionBudget", *key)
        if budget is None:
            return
        pods = [pod for pod in selected(world, budget) if not finished(pod)]
        if not pods:
            world.events.record(budget, "Normal", "NoPods", "No matching pods found", source=SOURCE)
        expected, desired = self._numbers(budget, pods)
        now = world.clock.now()
        disrupted = {
            name: at
            for name, at in ((budget.get("status") or {}).get("disruptedPods") or {}).items()
            if now - parse_time(at) < _FORGET
            and any(p["metadata"]["name"] == name and not terminating(p) for p in pods)
        }
        healthy = sum(
            is_true(pod, "Ready")
            and not terminating(pod)
            and pod["metadata"]["name"] not in disrupted
            for pod in pods
        )
        allowed = max(0, healthy - desired) if expected else 0
        old = budget.get("status") or {}
        status: Json = {
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "disruptionsAllowed": allowed,
            "expectedPods": expected,
            "observedGeneration": budget["metadata"].get("generation", 1),
            "conditions": set_condition(
                old.get("conditions") or (),
                "DisruptionAllowed",
                allowed > 0,
                now,
                reason="SufficientPods" if allowed else "InsufficientPods",
                extra={"observedGeneration": budget["metadata"].get("generation", 1)},
            ),
        }
        if disrupted:
            status["disruptedPods"] = disrupted
            world.manager.later(_FORGET.total_seconds(), self, key)
        world.store.set_status(budget, status)

    def _numbers(self, budget: Json, pods: list[Json]) -> tuple[int, int]:
        """Return how many pods there should be, and how many of them must stay healthy."""
        spec = budget["spec"]
        minimum, maximum = spec.get("minAvailable"), spec.get("maxUnavailable")
        if maximum is None and isinstance(minimum, int):
            return len(pods), minimum
        expected = self._scale(pods)
        if maximum is not None:
            return expected, max(0, expected - _rounded(maximum, expected))
        if isinstance(minimum, str):
            return expected, _rounded(minimum, expected)
        return expected, 1

    def _scale(self, pods: list[Json]) -> int:
        """Return what the controllers of the pods are asked to keep."""
        total, seen = 0, set()
        for pod in pods:
            owner: Json | None = controller_of(pod)
            while owner is not None:
                found = self._world.store.by_uid(owner["kind"], owner["uid"])
                above = None if found is None else controller_of(found)
                if found is None or above is not None:
                    owner = above
                    continue
                if owner["uid"] not in seen:
                    seen.add(owner["uid"])
                    total += int((found.get("spec") or {}).get("replicas", 0))
                break
        return total


def selected(world: World, budget: Json) -> list[Json]:
    """Return the pods that a budget selects."""
    selector = budget["spec"].get("selector")
    if selector is None:
        return []
    namespace = budget["metadata"]["namespace"]
    return [
        pod
        for pod in world.index.selected(namespace, selector.get("matchLabels") or {})
        if selector_matches(selector, labels_of(pod))
    ]


def _rounded(value: object, total: int) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return math.ceil(total * int(value[:-1]) / 100)
    return int(str(value))
