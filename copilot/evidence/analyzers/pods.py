"""Pods that are not as they should be now; each kind of trouble has an analyzer of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from connectors.api.values import Json
from copilot.evidence.analyzers import (
    crashes,
    creating,
    gates,
    images,
    probes,
    references,
    scheduling,
)
from copilot.evidence.analyzers.subject import Subject
from copilot.evidence.case import Case
from copilot.evidence.clues import Clue
from copilot.evidence.kube import created, dig, is_true, parse_time, ref_of, statuses
from copilot.evidence.snapshot import event_count
from copilot.model.scope import ObjectRef

IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
                   "ImageInspectError", "RegistryUnavailable"})  # fmt: skip
START = frozenset({"CreateContainerError", "RunContainerError", "StartError", "PreStartHookError",
                   "PostStartHookError", "PreCreateHookError"})  # fmt: skip

Handler = Callable[[Subject], Iterator[Clue]]


def analyze(case: Case) -> Iterator[Clue]:
    """Report each workload's pods in trouble, one pod for each kind of trouble."""
    for obj in case.snapshot.workloads:
        workload = ref_of(obj)
        pods = list(case.snapshot.pods(workload))
        ready = any(is_true(pod, "Ready") for pod in pods)
        seen: set[tuple[Handler, str]] = set()
        for pod in sorted(pods, key=_newest_last, reverse=True):
            found = trouble(case, workload, pod, 0.8 if ready else 1.0)
            if found is None:
                continue
            handler, subject = found
            key = (handler, subject.container)
            if key not in seen:
                seen.add(key)
                yield from handler(subject)


def _newest_last(pod: Json) -> str:
    moment = created(pod)
    return moment.isoformat() if moment else ""


def trouble(
    case: Case, workload: ObjectRef, pod: Json, weight: float
) -> tuple[Handler, Subject] | None:
    """Return what is wrong with a pod now: who analyzes it, and about which container."""

    def subject(status: Json, *, init: bool = False, share: float = 1.0) -> Subject:
        return Subject(case, workload, pod, status, weight * share, init)

    if dig(pod, "status.phase") == "Pending" and not dig(pod, "spec.nodeName"):
        waited = case.now - (created(pod) or case.now)
        explicit = any(
            c.get("type") == "PodScheduled" and c.get("status") == "False"
            for c in dig(pod, "status.conditions", []) or []
        )
        if explicit or waited > timedelta(seconds=60):
            return scheduling.analyze, subject({})
        return None
    for init in (True, False):
        for status in statuses(pod, init=init):
            handler = _container(case, pod, status, init=init)
            if handler is not None:
                share = 0.8 if status.get("ready") and not init else 1.0
                return handler, subject(status, init=init, share=share)
    return (gates.analyze, subject({})) if gates.is_closed(case, pod) else None


def _container(case: Case, pod: Json, status: Json, *, init: bool) -> Handler | None:
    state = dig(status, "state", {})
    reason = str(dig(state, "waiting.reason", ""))
    if reason in IMAGE:
        return images.analyze
    if reason == "CreateContainerConfigError":
        return references.analyze
    if reason in START or reason == "CrashLoopBackOff":
        return crashes.analyze
    if "waiting" in state:
        if init and not reason.startswith("PodInit"):
            return creating.analyze if _creating(case, pod, 30) else None
        if reason == "PodInitializing":
            return None  # the init container that it waits for is reported
        return creating.analyze if _creating(case, pod, 30) else None
    if "terminated" in state:
        code = dig(state, "terminated.exitCode", 0)
        if init:
            return crashes.analyze if code else None
        if dig(pod, "spec.restartPolicy", "Always") != "Always":
            return None  # the end of a Job's pod is the Job's affair
        return crashes.analyze
    if init:
        sidecar = any(
            c.get("name") == status.get("name") and c.get("restartPolicy") == "Always"
            for c in dig(pod, "spec.initContainers", []) or []
        )
        started = parse_time(dig(state, "running.startedAt"))
        waiting = bool(started and case.now - started > timedelta(seconds=30))
        return crashes.stuck if waiting and not sidecar else None
    if not status.get("ready"):
        if crashes.is_flapping(case, status, 1):
            return crashes.analyze
        if probes.is_failing(case, pod, status):
            return probes.analyze
        return None
    return crashes.analyze if crashes.is_flapping(case, status) else None


def _creating(case: Case, pod: Json, seconds: float) -> bool:
    """Whether a pod takes long to be created, or the kubelet already says why it cannot be."""
    warned = any(
        event.get("type") == "Warning"
        and event.get("reason") in creating.REASONS
        and (event_count(event) > 1 or "not found" in str(event.get("message", "")))
        for event in case.snapshot.pod_events(pod)
    )
    age = case.now - (created(pod) or case.now)
    return warned or age > timedelta(seconds=seconds)
