"""How a workload runs: replicas, probes, resources, settings, init containers, flags."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from datetime import datetime

from connectors.api.values import Json
from copilot.evidence.analyzers.targets import looks_like_store
from copilot.evidence.analyzers.written import only_at_start, switched_off, switched_on, uses
from copilot.evidence.case import Case
from copilot.evidence.kube import containers, dig, ref_of
from copilot.evidence.repairs.common import BACK, POD, WORKLOADS, Facts, Row, escaped, place
from copilot.evidence.repairs.secrets import edited
from copilot.evidence.snapshot import event_time
from copilot.model.action import Restart, Risk, Scale, SetField
from copilot.model.scope import ObjectRef

_SCALED_DOWN = re.compile(r"caled down replica set \S+ from (\d+) to \d+")


def scale(_case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Scale to the number from before."""
    count = max(int(facts.get("replicas", 1) or 1), 1)
    yield (
        f"Scale {ref.kind} {ref.name} to {count}",
        Scale(ref, count),
        Risk.LOW,
        "Scale it back to the present number.",
        f"{count} pod(s) of {ref.name} become ready, and its Service has endpoints.",
    )


def resume(_case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Let a CronJob run again."""
    yield (
        f"Resume CronJob {ref.name}",
        SetField(ref, "/spec/suspend", "false"),
        Risk.LOW,
        "Suspend it again.",
        "It runs at its next time.",
    )


def stale(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Restart what read its password from a Secret when it started."""
    found = containers(case.snapshot.spec(ref))
    read = [dig(e, "valueFrom.secretKeyRef.name") for c in found for e in c.get("env") or []]
    read += [dig(e, "secretRef.name") for c in found for e in c.get("envFrom") or []]
    changed = edited(case, ref)
    names = [changed.secret.name] if changed else sorted({str(name) for name in read if name})
    if names:
        yield (
            f"Restart {ref.kind} {ref.name}, to read Secret {names[0]} again",
            Restart(ref),
            Risk.MEDIUM,
            "A restart cannot be taken back; the pods are equal to those before.",
            "It logs in with the present password.",
        )


def cpu(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Remove the CPU limit."""
    path, container = place(case, ref, str(facts.get("container", "")))
    if dig(container, "resources.limits.cpu"):
        yield (
            f"Remove the CPU limit of {ref.name}",
            SetField(ref, f"{path}/resources/limits/cpu"),
            Risk.MEDIUM,
            BACK,
            "It is as fast as before.",
        )


def autoscaler(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Let the autoscaler go higher: as high as it was before an edit, and as its measure asks for."""
    obj = case.snapshot.get(ref)
    most = dig(obj, "spec.maxReplicas")
    if isinstance(most, int) and obj is not None:
        edited = case.changed_at(ref)
        count = max(2 * most, _before(case, obj, edited), _asked(obj))
        yield (
            f"Let autoscaler {ref.name} go up to {count} replicas",
            SetField(ref, "/spec/maxReplicas", str(count)),
            Risk.LOW if edited else Risk.MEDIUM,
            BACK,
            "More replicas take the load.",
        )


def _before(case: Case, scaler: Json, edited: datetime | None) -> int:
    """Return how many replicas an autoscaler's edit took pods from, 0 where none is known."""
    name, space = str(dig(scaler, "spec.scaleTargetRef.name")), ref_of(scaler).namespace
    target = ObjectRef(str(dig(scaler, "spec.scaleTargetRef.kind")), space, name)
    found = [
        int(match[1])
        for event in case.snapshot.events(target)
        if (match := _SCALED_DOWN.search(str(event.get("message", ""))))
        and edited
        and (when := event_time(event))
        and when >= edited
    ]
    return max(found, default=0)


def _asked(scaler: Json) -> int:
    """Return how many replicas an autoscaler's own measure asks for, 0 where it is not known."""
    now = int(dig(scaler, "status.currentReplicas", 0) or 0)
    found = [0]
    for wanted, seen in zip(
        dig(scaler, "spec.metrics", []) or [], dig(scaler, "status.currentMetrics", []) or [],
        strict=False,
    ):  # fmt: skip
        target = dig(wanted, "resource.target.averageUtilization")
        measured = dig(seen, "resource.current.averageUtilization")
        same = dig(wanted, "resource.name") == dig(seen, "resource.name")
        if same and isinstance(target, int) and isinstance(measured, int) and target > 0:
            found.append(math.ceil(now * measured / target))
    return max(found)


def flag(_case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Switch the flag off."""
    if ref.kind == "ConfigMap" and "file" in facts and "text" in facts:
        key = str(facts["file"]).replace("~", "~0").replace("/", "~1")
        yield (
            f"Switch feature flag {facts.get('flag')} off in ConfigMap {ref.name}",
            SetField(
                ref, f"/data/{key}", json.dumps(str(facts["text"])), str(facts.get("restarts", ""))
            ),
            Risk.LOW,
            "Switch it on again.",
            "The requests that took the faulty path succeed.",
        )


def flagged(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Switch the one flag off that a ConfigMap edited within the period has switched on."""
    found = []
    for config in case.snapshot.of("ConfigMap"):
        place_ = ref_of(config)
        if place_.namespace != ref.namespace or case.changed_at(place_) is None:
            continue
        users = [ref_of(w) for w in case.snapshot.workloads if uses(case, ref_of(w), place_)]
        for file, text in (dig(config, "data", {}) or {}).items():
            found += [
                (place_, users, str(file), str(text), name) for name in switched_on(str(text))
            ]
    for place_, users, file, text, name in found if len(found) == 1 else []:
        off = switched_off(text, name)
        reader = users[0] if users and only_at_start(case, users[0], place_) else None
        restarts = f"{reader.kind}/{reader.name}" if reader else ""
        if off:
            yield (
                f"Switch feature flag {name} off in ConfigMap {place_.name}",
                SetField(place_, f"/data/{escaped(file)}", json.dumps(off), restarts),
                Risk.LOW,
                "Switch it on again.",
                "What it switched on is over.",
            )


def more(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Take more traffic: let its autoscaler go higher, else twice the replicas."""
    scalers = [
        ref_of(item)
        for item in case.snapshot.of("HorizontalPodAutoscaler")
        if dig(item, "spec.scaleTargetRef.name") == ref.name
        and ref_of(item).namespace == ref.namespace
    ]
    if scalers:
        yield from autoscaler(case, scalers[0], facts)
    elif ref.kind in WORKLOADS[:2] and not looks_like_store(case, ref):
        # A second replica of a store would answer out of data of its own.
        now = int(dig(case.snapshot.get(ref), "spec.replicas", 1) or 1)
        yield (
            f"Scale {ref.kind} {ref.name} from {now} to {2 * now}",
            Scale(ref, 2 * now),
            Risk.MEDIUM,
            "Scale it back to the present number.",
            "More replicas take the load.",
        )


def init(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Drop an init container that waits for a name that does not exist."""
    found = case.snapshot.spec(ref).get("initContainers") or []
    for index, item in enumerate(found):
        if item.get("name") == facts.get("container"):
            path = f"{POD}/initContainers" + (f"/{index}" if len(found) > 1 else "")
            yield (
                f"Remove init container {item.get('name')} from {ref.kind} {ref.name}",
                SetField(ref, path),
                Risk.HIGH,
                BACK,
                "The pods start.",
            )
