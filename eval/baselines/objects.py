"""A scan of single objects, with the default conditions of k8sgpt's analyzers (v0.4, by reading them).

It has no topology and no ranking: what it reports is a list, here in the order of its analyzers.
"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.kube import condition, dig, ref_of, statuses
from copilot.evidence.snapshot import Snapshot
from copilot.model.scope import ObjectRef

_WAITING = frozenset({
    "CrashLoopBackOff", "ImagePullBackOff", "CreateContainerConfigError", "PreCreateHookError",
    "CreateContainerError", "PreStartHookError", "RunContainerError", "ImageInspectError",
    "ErrImagePull", "ErrImageNeverPull", "InvalidImageName",
})  # fmt: skip


def scan(snapshot: Snapshot) -> list[ObjectRef]:
    """Return the objects that the scan complains of; a pod counts as its workload."""
    found = [snapshot.controller(pod) for pod in snapshot.of("Pod") if _pod(snapshot, pod)]
    found += list(_others(snapshot))
    return list(dict.fromkeys(found))


def _pod(snapshot: Snapshot, pod: Json) -> bool:
    scheduled = condition(pod, "PodScheduled") or {}
    if dig(pod, "status.phase") == "Pending" and scheduled.get("reason") == "Unschedulable":
        return True
    if dig(pod, "status.reason") == "Evicted":
        return True
    events = snapshot.pod_events(pod)
    latest = str(events[-1].get("reason")) if events else ""
    for status in (*statuses(pod, init=True), *statuses(pod)):
        state = dig(status, "state", {})
        reason = dig(state, "waiting.reason", "")
        if reason == "ContainerCreating" and latest in ("FailedCreatePodSandBox", "FailedMount"):
            return True
        if reason in _WAITING or dig(state, "terminated.exitCode", 0):
            return True
        running = dig(pod, "status.phase") == "Running"
        if running and not status.get("ready") and latest == "Unhealthy":
            return True
    return False


def _others(snapshot: Snapshot) -> Iterator[ObjectRef]:
    for kind in ("Deployment", "StatefulSet"):
        for obj in snapshot.of(kind):
            if dig(obj, "spec.replicas", 1) != (dig(obj, "status.readyReplicas", 0) or 0):
                yield ref_of(obj)
    for obj in snapshot.of("ReplicaSet"):
        failure = condition(obj, "ReplicaFailure") or {}
        if not dig(obj, "status.replicas", 0) and failure.get("reason") == "FailedCreate":
            yield snapshot.controller(obj)
    for claim in snapshot.of("PersistentVolumeClaim"):
        events = snapshot.events(ref_of(claim))
        failed = bool(events) and events[-1].get("reason") == "ProvisioningFailed"
        if dig(claim, "status.phase") == "Pending" and failed:
            yield ref_of(claim)
    for service in snapshot.of("Service"):
        ref = ref_of(service)
        endpoints = snapshot.get(ObjectRef("Endpoints", ref.namespace, ref.name))
        subsets = dig(endpoints, "subsets", []) or []
        waiting = any(s.get("notReadyAddresses") for s in subsets)
        warned = any(e.get("type") != "Normal" for e in snapshot.events(ref))
        if dig(service, "spec.selector") and (not subsets or waiting or warned):
            yield ref
    for job in snapshot.of("Job"):
        if dig(job, "spec.suspend") or dig(job, "status.failed", 0):
            yield ref_of(job)
    for node in snapshot.of("Node"):
        states = dig(node, "status.conditions", []) or []
        if any((c.get("type") == "Ready") != (c.get("status") == "True") for c in states):
            yield ref_of(node)
    for config in snapshot.of("ConfigMap"):
        if not dig(config, "data") and not dig(config, "binaryData"):
            yield ref_of(config)
