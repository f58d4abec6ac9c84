"""Making room for a pod by evicting pods of lower priority."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connectors.api.values import Json
from eval.environments.emulator.cluster.objects import labels_of, parse_time, terminating
from eval.environments.emulator.cluster.scheduling.filters import Demand, Verdict
from eval.environments.emulator.cluster.scheduling.nodes import Held, NodeInfo
from eval.environments.emulator.cluster.selectors import selector_matches
from eval.environments.emulator.cluster.store import Store

NEVER = "not eligible due to preemptionPolicy=Never."
BUSY = "not eligible due to a terminating pod on the nominated node."


@dataclass(frozen=True, slots=True)
class Plan:
    """Which pods must leave which node."""

    node: str
    victims: tuple[Json, ...]
    violations: int

    def rank(self) -> tuple[int, int, int, int, float]:
        """Sort key: the plan that does least harm comes first."""
        priorities = [priority(pod) for pod in self.victims]
        highest = max(priorities)
        started = min(_started(pod) for pod in self.victims if priority(pod) == highest)
        total = sum(value + 2**31 for value in priorities)
        return self.violations, highest, total, len(priorities), -started


def priority(pod: Json) -> int:
    """Return the pod's priority."""
    return int(pod["spec"].get("priority") or 0)


def best_plan(
    store: Store, demand: Demand, infos: Iterable[NodeInfo], verdicts: Mapping[str, Verdict]
) -> Plan | None:
    """Return the least harmful way to make room; `verdicts` say why each node does not fit."""
    plans = []
    for info in infos:
        if verdicts[info.name][1]:
            continue
        plan = _plan(store, demand, info)
        if plan is not None:
            plans.append(plan)
    return min(plans, key=Plan.rank) if plans else None


def _plan(store: Store, demand: Demand, info: NodeInfo) -> Plan | None:
    """Evict all lower pods, then let them back one by one, the most important first."""
    own = priority(demand.pod)
    lower = [held for held in info.pods.values() if priority(held.pod) < own]
    if not lower:
        return None
    trial = info.copy()
    for held in lower:
        trial.drop(held.pod["metadata"]["uid"])
    if demand.verdict(trial)[0]:
        return None
    protected = _protected(store, lower)
    order = sorted(lower, key=lambda held: (-priority(held.pod), _started(held.pod)))
    order.sort(key=lambda held: held.pod["metadata"]["uid"] not in protected)
    victims: list[Json] = []
    violations = 0
    for held in order:
        trial.add(held)
        if demand.verdict(trial)[0]:
            uid = held.pod["metadata"]["uid"]
            trial.drop(uid)
            victims.append(held.pod)
            violations += uid in protected
    return Plan(info.name, tuple(victims), violations) if victims else None


def _protected(store: Store, pods: Iterable[Held]) -> set[str]:
    """Return the uids of pods whose disruption budget is used up."""
    found: set[str] = set()
    left: dict[str, int] = {}
    for held in pods:
        pod = held.pod
        for budget in store.all("PodDisruptionBudget", pod["metadata"]["namespace"]):
            if terminating(pod) or not selector_matches(
                budget["spec"].get("selector"), labels_of(pod)
            ):
                continue
            uid = budget["metadata"]["uid"]
            allowed = left.setdefault(
                uid, int((budget.get("status") or {}).get("disruptionsAllowed", 0))
            )
            left[uid] = allowed - 1
            if allowed <= 0:
                found.add(pod["metadata"]["uid"])
    return found


def _started(pod: Json) -> float:
    at = (pod.get("status") or {}).get("startTime") or pod["metadata"]["creationTimestamp"]
    return parse_time(at).timestamp()
