"""HorizontalPodAutoscalers: sizes that follow what pods use."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.api.values import Json
from eval.environments.emulator.cluster.conditions import set_condition
from eval.environments.emulator.cluster.controllers.pod_metrics import (
    Measured,
    MetricError,
    PodMetrics,
)
from eval.environments.emulator.cluster.events import EventType
from eval.environments.emulator.cluster.objects import Key, key_of, rfc3339, uid_of
from eval.environments.emulator.cluster.store import Change
from eval.environments.emulator.cluster.world import World

SOURCE = "horizontal-pod-autoscaler"
_SYNC_SECONDS = 15.0
_STABLE_SECONDS = 300
_READY = ("recommended size matches current size", "ReadyForNewScale")
_STABILIZED = (
    "recent recommendations were higher than current one, applying the highest recent recommendation",
    "ScaleDownStabilized",
)


@dataclass(slots=True)
class Memory:
    """What is remembered of one autoscaler: recommendations, and how far it went when."""

    recommendations: list[tuple[datetime, int]]
    changes: list[tuple[datetime, int]]


class Autoscalers:
    """Computes sizes every fifteen seconds."""

    watches = ("HorizontalPodAutoscaler",)

    def __init__(self, world: World) -> None:
        self._world = world
        self._metrics = PodMetrics(world)
        self._memory: dict[str, Memory] = {}
        self._running: set[str] = set()

    def affected(self, change: Change) -> Iterable[Key]:
        """A new or changed autoscaler."""
        old, new = change.old, change.new
        if new is None or (old is not None and old["spec"] == new["spec"]):
            return ()
        return (key_of(new),)

    def reconcile(self, key: Key) -> None:
        """Look at an autoscaler now, and from now on regularly."""
        scaler = self._world.store.get("HorizontalPodAutoscaler", *key)
        if scaler is None:
            return
        uid = uid_of(scaler)
        if uid not in self._running:
            self._running.add(uid)
            self._again(key, uid)
        self._sync(scaler)

    def _again(self, key: Key, uid: str) -> None:
        def run() -> None:
            scaler = self._world.store.get("HorizontalPodAutoscaler", *key)
            if scaler is None or uid_of(scaler) != uid:
                self._running.discard(uid)
                self._memory.pop(uid, None)
                return
            self._sync(scaler)
            self._again(key, uid)

        self._world.manager.at(_SYNC_SECONDS, run)

    def _sync(self, scaler: Json) -> None:
        world, spec = self._world, scaler["spec"]
        reference = spec["scaleTargetRef"]
        namespace = scaler["metadata"]["namespace"]
        status: Json = dict(scaler.get("status") or {})
        conditions = list(status.get("conditions") or ())
        status["observedGeneration"] = scaler["metadata"].get("generation", 1)
        target = None
        if reference["kind"] in (
            "Deployment",
            "ReplicaSet",
            "StatefulSet",
            "ReplicationController",
        ):
            target = world.store.get(reference["kind"], namespace, reference["name"])
        if target is None:
            plural = f"{reference['kind'].lower()}s"
            group = reference.get("apiVersion", "apps/v1").partition("/")[0]
            text = f'{plural}.{group} "{reference["name"]}" not found'
            self._say(scaler, "Warning", "FailedGetScale", text)
            why = f"the HPA controller was unable to get the target's current scale: {text}"
            conditions = self._set(conditions, "AbleToScale", False, "FailedGetScale", why)
            self._write(scaler, status, conditions)
            return
        present = int(target["spec"].get("replicas", 1))
        conditions = self._set(
            conditions,
            "AbleToScale",
            True,
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        )
        wanted, why, conditions = self._wanted(scaler, target, present, status, conditions)
        status["currentReplicas"] = int((target.get("status") or {}).get("replicas", 0))
        if wanted is not None:
            status["desiredReplicas"] = wanted
        if wanted is not None and wanted != present:
            self._scale(target, wanted)
            status["lastScaleTime"] = rfc3339(world.clock.now())
            text = f"New size: {wanted}; reason: {why}"
            self._say(scaler, "Normal", "SuccessfulRescale", text)
            text = f"the HPA controller was able to update the target scale to {wanted}"
            conditions = self._set(conditions, "AbleToScale", True, "SucceededRescale", text)
        self._write(scaler, status, conditions)

    def _wanted(
        self, scaler: Json, target: Json, present: int, status: Json, conditions: list[Json]
    ) -> tuple[int | None, str, list[Json]]:
        """Return the size to go to (None: leave it), the reason, and the conditions."""
        spec = scaler["spec"]
        low, high = int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])
        if present == 0 and low != 0:
            text = "scaling is disabled since the replica count of the target is zero"
            return None, "", self._set(conditions, "ScalingActive", False, "ScalingDisabled", text)
        if present > high:
            return high, "Current number of replicas above Spec.MaxReplicas", conditions
        if present < low:
            return low, "Current number of replicas below Spec.MinReplicas", conditions
        measured, errors = self._measure(scaler, target, present)
        if measured:
            status["currentMetrics"] = [item.status for item in measured]
        else:
            status.pop("currentMetrics", None)
        if errors and (not measured or max(item.replicas for item in measured) < present):
            return None, "", self._invalid(scaler, errors, conditions)
        best = max(measured, key=lambda item: item.replicas)
        text = "the HPA was able to successfully calculate a replica count from " + best.description
        conditions = self._set(conditions, "ScalingActive", True, "ValidMetricFound", text)
        reason = f"{best.description} above target"
        if best.replicas < present:
            reason = "All metrics below target"
        return self._limited(scaler, present, best.replicas, reason, conditions)

    def _measure(
        self, scaler: Json, target: Json, present: int
    ) -> tuple[list[Measured], list[MetricError]]:
        measured: list[Measured] = []
        errors: list[MetricError] = []
        for metric in scaler["spec"].get("metrics") or ():
            try:
                measured.append(self._metrics.measure(metric, target, present))
            except MetricError as error:
                errors.append(error)
        return measured, errors

    def _invalid(
        self, scaler: Json, errors: list[MetricError], conditions: list[Json]
    ) -> list[Json]:
        first, total = errors[0], len(scaler["spec"].get("metrics") or ())
        self._say(scaler, "Warning", first.reason, str(first))
        text = (
            f"invalid metrics ({len(errors)} invalid out of {total}), first error is:"
            f" failed to get {first.what}: {first}"
        )
        self._say(scaler, "Warning", "FailedComputeMetricsReplicas", text)
        why = f"the HPA was unable to compute the replica count: {first}"
        return self._set(conditions, "ScalingActive", False, first.reason, why)

    def _limited(
        self, scaler: Json, present: int, asked: int, reason: str, conditions: list[Json]
    ) -> tuple[int, str, list[Json]]:
        """Apply stabilization, rate limits and bounds."""
        spec, now = scaler["spec"], self._world.clock.now()
        behavior = spec.get("behavior") or {}
        memory = self._memory.setdefault(uid_of(scaler), Memory([(now, present)], []))
        memory.recommendations.append((now, asked))
        memory.recommendations = [
            item for item in memory.recommendations if now - item[0] <= timedelta(hours=1)
        ]
        up, down = behavior.get("scaleUp") or {}, behavior.get("scaleDown") or {}
        highest = self._extreme(memory, down.get("stabilizationWindowSeconds", _STABLE_SECONDS))
        lowest = self._extreme(memory, up.get("stabilizationWindowSeconds", 0), least=True)
        wanted, (text, why) = asked, _READY
        if asked < present:
            wanted = min(present, max(asked, highest))
            if wanted > asked:
                text, why = _STABILIZED
        elif asked > present:
            wanted = max(present, min(asked, lowest))
            if wanted < asked:
                text = (
                    "recent recommendations were lower than current one, applying the lowest"
                    " recent recommendation"
                )
                why = "ScaleUpStabilized"
        conditions = self._set(conditions, "AbleToScale", True, why, text)
        wanted, limit = _bounded(spec, memory, present, wanted, up, down, now)
        status, limit_reason, limit_text = limit
        conditions = self._set(conditions, "ScalingLimited", status, limit_reason, limit_text)
        if wanted != present:
            memory.changes.append((now, wanted - present))
        return wanted, reason, conditions

    def _extreme(self, memory: Memory, seconds: int, *, least: bool = False) -> int:
        start = self._world.clock.now() - timedelta(seconds=seconds)
        sizes = [size for at, size in memory.recommendations if at >= start]
        return min(sizes) if least else max(sizes)

    def _scale(self, target: Json, size: int) -> None:
        def change(new: Json) -> None:
            new["spec"]["replicas"] = size

        self._world.store.edit(target["kind"], key_of(target), change)

    def _write(self, scaler: Json, status: Json, conditions: list[Json]) -> None:
        status["conditions"] = conditions
        status.setdefault("currentReplicas", 0)
        status.setdefault("desiredReplicas", 0)
        self._world.store.set_status(scaler, status)

    def _set(
        self, conditions: list[Json], kind: str, status: bool, reason: str, message: str
    ) -> list[Json]:
        now = self._world.clock.now()
        return set_condition(conditions, kind, status, now, reason=reason, message=message)

    def _say(self, scaler: Json, type_: EventType, reason: str, text: str) -> None:
        self._world.events.record(scaler, type_, reason, text, source=SOURCE)


def _bounded(
    spec: Json, memory: Memory, present: int, wanted: int, up: Json, down: Json, now: datetime
) -> tuple[int, tuple[bool, str, str]]:
    low, high = int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])
    if wanted > present:
        limit = _rate(up, memory, present, now, 1)
        if wanted > limit and limit < high:
            text = "the desired replica count is increasing faster than the maximum scale rate"
            return limit, (True, "ScaleUpLimit", text)
    if wanted < present:
        limit = _rate(down, memory, present, now, -1)
        if wanted < limit and limit > low:
            text = "the desired replica count is decreasing faster than the maximum scale rate"
            return limit, (True, "ScaleDownLimit", text)
    if wanted > high:
        text = "the desired replica count is more than the maximum replica count"
        return high, (True, "TooManyReplicas", text)
    if wanted < low:
        text = "the desired replica count is less than the minimum replica count"
        return low, (True, "TooFewReplicas", text)
    return wanted, (False, "DesiredWithinRange", "the desired count is within the acceptable range")


def _rate(rules: Json, memory: Memory, present: int, now: datetime, sign: int) -> int:
    """Return the size that the policies of one direction allow to go to now."""
    if rules.get("selectPolicy") == "Disabled":
        return present
    policies = rules.get("policies") or (
        [
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ]
        if sign > 0
        else [{"type": "Percent", "value": 100, "periodSeconds": 15}]
    )
    limits = []
    for policy in policies:
        start = now - timedelta(seconds=float(policy["periodSeconds"]))
        moved = sum(by for at, by in memory.changes if at > start and by * sign > 0)
        base = present - moved
        if policy["type"] == "Pods":
            limits.append(base + sign * int(policy["value"]))
        else:
            limits.append(math.ceil(base * (1 + sign * int(policy["value"]) / 100)))
    widest = (max if sign > 0 else min)(limits)
    narrowest = (min if sign > 0 else max)(limits)
    return narrowest if rules.get("selectPolicy") == "Min" else widest
