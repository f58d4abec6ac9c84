"""Who takes others' room, or sets their number against them: preemptors, rivals of an autoscaler, and what outgrows its own limit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import containers, created, dig, pod_spec, quantity, ref_of
from copilot.evidence.repairs.common import BACK, POD, WORKLOADS, Facts, Row, joined, twice
from copilot.evidence.snapshot import event_time
from copilot.model.action import DeleteObject, Risk, Scale, SetField
from copilot.model.scope import ObjectRef

_SCALED_UP = re.compile(r"caled up replica set \S+ (?:from (\d+) to \d+|to \d+ from (\d+))")
_EMPTY_DIR = re.compile(r"emptyDir volume \"([^\"]+)\"", re.I)
_CONTAINER = re.compile(r"container \"?([\w.-]+)\"? exceeded its local ephemeral", re.I)


def preempted(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Let who took others' place have fewer pods, or no more right to it than they; never touch the others."""
    if not victims(ref, facts) or ref.kind not in WORKLOADS:
        return
    obj = case.snapshot.get(ref)
    now = int(dig(obj, "spec.replicas", 1) or 0)
    count = _fewer(case, ref, obj, now) if obj is not None else now
    expected = f"The pods of {', '.join(v.rpartition('/')[2] for v in victims(ref, facts))} are scheduled and become ready."
    if ref.kind != "DaemonSet" and count < now:
        yield (
            f"Scale {ref.kind} {ref.name}, whose pods took the place of others, from {now} to {count}",
            Scale(ref, count),
            Risk.MEDIUM,
            "Scale it back to the present number.",
            expected,
        )
    if case.snapshot.spec(ref).get("priorityClassName"):
        # Its pods are made anew, and wait until there is room for all.
        yield (
            f"Remove the priority class from {ref.kind} {ref.name}",
            SetField(ref, f"{POD}/priorityClassName"),
            Risk.HIGH,
            BACK,
            expected,
        )


def victims(ref: ObjectRef, facts: Facts) -> list[str]:
    """Return the workloads ("Kind/name") named along with a preemptor."""
    also = str(facts.get("also", "")).split(",")
    return [v for v in also if v.partition("/")[0] in (*WORKLOADS, "Job", "Pod") and v]


def _fewer(case: Case, ref: ObjectRef, obj: Json, now: int) -> int:
    """Return how many replicas it had before it grew in this period; none if it is new, else half."""
    for event in case.snapshot.events(ref):
        match = _SCALED_UP.search(str(event.get("message", "")))
        if match and case.snapshot.is_recent(event_time(event)) and int(match[1] or match[2]) > 0:
            return int(match[1] or match[2])
    if case.snapshot.is_known_period(created(obj)):
        return 0
    return max(now // 2, 1)


def contested(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Stop whoever sets the replicas against an autoscaler: another one, a job that scales, a program that does."""
    target = scaled(case, ref, facts)
    own = [
        item
        for item in case.snapshot.of("HorizontalPodAutoscaler")
        if dig(item, "spec.scaleTargetRef.name") == target.name
        and ref_of(item).namespace == target.namespace
    ]
    expected = f"The number of replicas of {target.name} stays."
    for item in sorted(own, key=lambda i: str(created(i)))[1:]:
        yield (
            f"Delete autoscaler {ref_of(item).name}, a second one for {target.kind} {target.name}",
            DeleteObject(ref_of(item)),
            Risk.MEDIUM,
            "Create it again as it was.",
            expected,
        )
    for job in case.snapshot.of("CronJob"):
        spec = dig(job, "spec.jobTemplate.spec.template.spec", {}) or {}
        if _scales(spec, target) and ref_of(job).namespace == target.namespace:
            yield (
                f"Suspend CronJob {ref_of(job).name}, which scales {target.name}",
                SetField(ref_of(job), "/spec/suspend", "true"),
                Risk.LOW,
                BACK,
                expected,
            )
    for workload in case.snapshot.workloads:
        other = ref_of(workload)
        fits = other.namespace == target.namespace and other.kind in WORKLOADS[:2]
        if fits and other != target and _scales(pod_spec(workload), target):
            yield (
                f"Stop {other.kind} {other.name}, which scales {target.name}",
                Scale(other, 0),
                Risk.MEDIUM,
                "Scale it back to the present number.",
                expected,
            )


def _scales(spec: Json, target: ObjectRef) -> bool:
    """Whether a program's command line sets the replicas of a workload."""
    for container in containers(spec):
        line = json.dumps([container.get("command") or [], container.get("args") or []])
        if re.search(r"\bscale\b|replicas", line) and re.search(
            rf"(?<![\w.-]){re.escape(target.name)}(?![\w.-])", line
        ):
            return True
    return False


def scaled(case: Case, ref: ObjectRef, facts: Facts) -> ObjectRef:
    """Return the workload whose number two parties set."""
    if ref.kind != "HorizontalPodAutoscaler":
        return ref
    target = dig(case.snapshot.get(ref), "spec.scaleTargetRef", {}) or {}
    named = next((v for v in victims(ref, facts)), f"Deployment/{ref.name}").partition("/")
    kind, name = str(target.get("kind", named[0])), str(target.get("name", named[2]))
    return ObjectRef(kind, ref.namespace, name)


def writers(case: Case, ref: ObjectRef) -> list[str]:
    """Return who has written a workload's number of replicas, by the names they gave the API server."""
    entries = dig(case.snapshot.get(ref), "metadata.managedFields", []) or []
    return [
        str(entry.get("manager"))
        for entry in entries
        if "f:replicas" in (dig(entry, "fieldsV1.f:spec", {}) or {})
    ]


def evicted(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Give a program more of the local storage that it was evicted for using, as its own limit says."""
    if ref.kind not in WORKLOADS:
        return
    told = " ".join(str(dig(p, "status.message", "")) for p in case.snapshot.pods(ref))
    spec = case.snapshot.spec(ref)
    volume, only = _EMPTY_DIR.search(told), _CONTAINER.search(told)
    found: list[tuple[str, str, str]] = []
    for index, item in enumerate(spec.get("volumes") or []):
        size = dig(item, "emptyDir.sizeLimit")
        if size and volume and item.get("name") == volume[1]:
            found.append((f"{POD}/volumes/{index}/emptyDir/sizeLimit", str(size),
                          _larger(case, ref, str(size), str(item.get("name")))))  # fmt: skip
    for index, item in enumerate(containers(spec)):
        size = dig(item, "resources.limits", {}).get("ephemeral-storage")
        if size and "ephemeral" in told and (only is None or item.get("name") == only[1]):
            path = f"{POD}/containers/{index}/resources/limits/ephemeral-storage"
            found.append((path, str(size), twice(twice(str(size)))))
    if found:
        steps = tuple(SetField(ref, path, json.dumps(size)) for path, _, size in found)
        shown = ", ".join(f"{now} -> {size}" for _, now, size in found)
        what = f"volume {volume[1]}" if volume else "local storage"
        yield (
            f"Raise the limit of {what} of {ref.name}: {shown}",
            joined(ref, steps),
            Risk.MEDIUM,
            BACK,
            "Its pods are not evicted any more.",
        )


def _larger(case: Case, ref: ObjectRef, size: str, name: str) -> str:
    """Return the limit of an earlier revision if that was greater, else four times the present one."""
    before = [
        str(dig(volume, "emptyDir.sizeLimit"))
        for item in case.snapshot.replica_sets(ref)[1:]
        for volume in pod_spec(item).get("volumes") or []
        if volume.get("name") == name and dig(volume, "emptyDir.sizeLimit")
    ]
    most = max(before, key=lambda text: quantity(text) or 0.0, default="")
    return most if (quantity(most) or 0.0) > (quantity(size) or 0.0) else twice(twice(size))
