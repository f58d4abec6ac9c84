"""Evictions: a deletion that a PodDisruptionBudget may put off."""

from __future__ import annotations

from typing import Any

from connectors.api.values import Json
from eval.environments.emulator.cluster.conditions import set_condition
from eval.environments.emulator.cluster.errors import ApiError
from eval.environments.emulator.cluster.objects import (
    clone,
    finished,
    is_true,
    key_of,
    labels_of,
    rfc3339,
)
from eval.environments.emulator.cluster.selectors import selector_matches
from eval.environments.emulator.cluster.world import World

SUCCESS: Json = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def evict(world: World, pod: Json, body: Json, dry_run: bool) -> Json:
    """Evict a pod. Raises `ApiError` 429 when a budget forbids it, 500 with several budgets."""
    options = body.get("deleteOptions") or {}
    dry_run = dry_run or bool(options.get("dryRun"))
    idle = finished(pod) or (pod.get("status") or {}).get("phase") == "Pending"
    if not idle and "deletionTimestamp" not in pod["metadata"]:
        _spend(world, pod, dry_run)
    resource, key = world.store.kinds["Pod"], key_of(pod)
    # webhooks are not asked about the deletion: an eviction is a request of its own kind
    world.registry.delete(
        resource, *key, preconditions=options.get("preconditions"), dry_run=True, admit=False
    )
    if not dry_run:
        _target(world, pod)
        world.registry.delete(resource, *key, grace=options.get("gracePeriodSeconds"), admit=False)
    return dict(SUCCESS)


def _target(world: World, pod: Json) -> None:
    conditions = set_condition(
        pod["status"].get("conditions") or (),
        "DisruptionTarget",
        True,
        world.clock.now(),
        reason="EvictionByEvictionAPI",
        message="Eviction API: evicting",
        probed=True,
    )
    world.store.set_status(pod, {**pod["status"], "conditions": conditions})


def _spend(world: World, pod: Json, dry_run: bool) -> None:
    namespace, name = key_of(pod)
    budgets = [
        budget
        for budget in world.store.all("PodDisruptionBudget", namespace)
        if selector_matches((budget.get("spec") or {}).get("selector"), labels_of(pod))
    ]
    if len(budgets) > 1:
        raise ApiError(
            500,
            "InternalError",
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does"
            " not support.",
        )
    if not budgets:
        return
    (budget,) = budgets
    spec, status = budget.get("spec") or {}, budget.get("status") or {}
    if spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow" and not is_true(pod, "Ready"):
        return
    if status.get("disruptionsAllowed", 0) <= 0:
        healthy, needed = status.get("currentHealthy", 0), status.get("desiredHealthy", 0)
        cause = {
            "reason": "DisruptionBudget",
            "message": f"The disruption budget {budget['metadata']['name']} needs {needed}"
            f" healthy pods and has {healthy} currently",
        }
        details: Any = {"causes": [cause]}
        raise ApiError(
            429,
            "TooManyRequests",
            "Cannot evict pod as it would violate the pod's disruption budget.",
            details,
        )
    if not dry_run:
        left = clone(status)
        left["disruptionsAllowed"] = status["disruptionsAllowed"] - 1
        left.setdefault("disruptedPods", {})[name] = rfc3339(world.clock.now())
        world.store.set_status(budget, left)
