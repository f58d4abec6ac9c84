"""What the app stands on: nodes, volume claims, Jobs, autoscalers, Ingresses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from connectors.api.values import Json
from copilot.evidence.analyzers import scheduling
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue
from copilot.evidence.kube import (
    brief,
    condition,
    created,
    dig,
    is_true,
    name_of,
    namespace_of,
    parse_time,
    ref_of,
)
from copilot.evidence.snapshot import event_first, event_time
from copilot.model.scope import ObjectRef

_PRESSURE = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


def nodes(case: Case) -> Iterator[Clue]:
    """Report nodes that are not ready or under pressure; those without our pods as remarks."""
    for node in case.snapshot.of("Node"):
        ref = ref_of(node)
        hosts = [p for p in case.snapshot.of("Pod") if dig(p, "spec.nodeName") == ref.name]
        ready = condition(node, "Ready")
        if ready and ready.get("status") != "True":
            why = f"node {ref.name} is not ready: {ready.get('message') or ready.get('reason')}"
            yield case.clue(
                "node.not_ready",
                ref,
                why,
                [case.ledger.value(node, "status.conditions")],
                weight=0.9 if hosts else 0.2,
                onset=parse_time(ready.get("lastTransitionTime")),
                claims=[Claim(ref, "node.not_ready", 0.95, why)],
            )
            continue
        pressed = [t for t in _PRESSURE if is_true(node, t)]
        if pressed:
            why = f"node {ref.name} reports {', '.join(pressed)}"
            since = parse_time((condition(node, pressed[0]) or {}).get("lastTransitionTime"))
            evicted = any(dig(p, "status.reason") == "Evicted" for p in hosts)
            yield case.clue(
                "node.pressure",
                ref,
                why,
                [case.ledger.value(node, "status.conditions")],
                weight=0.8 if hosts or evicted else 0.2,
                onset=since,
                claims=[Claim(ref, "node.pressure", 0.9, why)],
            )


def claims(case: Case) -> Iterator[Clue]:
    """Report volume claims that are lost, or cannot be provisioned though somebody waits."""
    for claim in case.snapshot.of("PersistentVolumeClaim"):
        ref, phase = ref_of(claim), dig(claim, "status.phase")
        if phase == "Bound" or dig(claim, "metadata.deletionTimestamp"):
            continue
        events = [
            e
            for e in case.snapshot.events(ref)
            if e.get("type") == "Warning" or e.get("reason") == "FailedBinding"
        ]
        users = [
            w for w in case.snapshot.workloads if _mounts(case.snapshot.spec(ref_of(w)), ref.name)
        ]
        young = case.now - (created(claim) or case.now) < timedelta(seconds=30)
        if young or (phase == "Pending" and not events):
            continue  # waiting for its first consumer is normal
        text = (
            " ".join(str(events[-1].get("message", "")).split())
            if events
            else f"its phase is {phase}"
        )
        missing = "storageclass" in text.lower() and "not found" in text.lower()
        missing = missing and scheduling.class_missing(case, claim)
        cause = "storage.class_missing" if missing else "storage.claim_unbound"
        why = f"PersistentVolumeClaim {ref.name} is not bound: {text[:200]}"
        waiting = [
            w for w in users if not all(is_true(p, "Ready") for p in case.snapshot.pods(ref_of(w)))
        ]
        evidence = [case.ledger.value(claim, "status"), case.ledger.value(claim, "spec")]
        if events:
            evidence.append(case.ledger.events(ref, events[-3:]))
        yield case.clue(
            "storage.claim_pending",
            ref,
            why,
            evidence,
            weight=0.7 if waiting else 0.2,
            onset=event_first(events[0]) if events else created(claim),
            claims=[Claim(ref, cause, 0.94, why, also=tuple(ref_of(w) for w in waiting[:2]))],
            place=ref_of(waiting[0]) if waiting else ref,
        )


def _mounts(spec: Json, name: str) -> bool:
    return any(dig(v, "persistentVolumeClaim.claimName") == name for v in spec.get("volumes") or [])


def jobs(case: Case) -> Iterator[Clue]:
    """Report Jobs that failed within the window and were not made good by a later run."""
    snapshot = case.snapshot
    for job in snapshot.of("Job"):
        failed = condition(job, "Failed")
        when = parse_time((failed or {}).get("lastTransitionTime"))
        if not failed or failed.get("status") != "True" or not snapshot.is_recent(when):
            continue
        owner = snapshot.controller(job)
        later = [
            other
            for other in snapshot.of("Job")
            if other is not job
            and snapshot.controller(other) == owner
            and owner.kind == "CronJob"
            and is_true(other, "Complete")
            and (created(other) or case.now) > (created(job) or case.now)
        ]
        if later:
            continue
        why = f"{owner.kind} {owner.name} failed: {failed.get('message') or failed.get('reason')}"
        yield case.clue(
            "job.failed",
            owner,
            why,
            [case.ledger.value(job, "status")],
            # One that nobody runs again is news, not an incident: whoever started it sees it.
            weight=0.6 if owner.kind == "CronJob" else 0.3,
            onset=when,
            claims=[Claim(owner, "job.failing", 0.85, why)],
        )


def suspended(case: Case) -> Iterator[Clue]:
    """Report CronJobs that were suspended within the period; others rest on purpose."""
    for item in case.snapshot.of("CronJob"):
        ref, changed = ref_of(item), case.changed_at(ref_of(item))
        if not dig(item, "spec.suspend") or changed is None:
            continue
        last = parse_time(dig(item, "status.lastScheduleTime"))
        why = f"it was suspended at {brief(changed)} and last ran at {brief(last)}"
        yield case.clue(
            "job.suspended",
            ref,
            f"CronJob {ref.name}: {why}",
            [case.ledger.value(item, "spec.suspend"), case.ledger.value(item, "status")],
            weight=0.5,
            onset=changed,
            claims=[Claim(ref, "job.suspended", 0.9, why)],
            local=True,
        )


def autoscalers(case: Case) -> Iterator[Clue]:
    """Report autoscalers that cannot act because of their own set-up, or are at their limit."""
    for scaler in case.snapshot.of("HorizontalPodAutoscaler"):
        ref = ref_of(scaler)
        active = condition(scaler, "ScalingActive")
        if active and active.get("status") == "False":
            message = str(active.get("message", ""))
            own = "missing request" in message or "invalid" in str(active.get("reason", "")).lower()
            since = parse_time(active.get("lastTransitionTime"))
            fresh = case.changed_at(ref) is not None or case.snapshot.is_recent(since)
            why = f"autoscaler {ref.name} cannot read its metric: {message[:200]}"
            yield case.clue(
                "autoscaling.inactive",
                ref,
                why,
                [case.ledger.value(scaler, "status.conditions")],
                weight=0.6 if own and fresh else 0.0,
                onset=since,
                claims=[Claim(ref, "autoscaling.no_metrics", 0.85 if own else 0.3, why)],
            )
        limited = condition(scaler, "ScalingLimited")
        if (
            limited
            and limited.get("status") == "True"
            and limited.get("reason") == "TooManyReplicas"
        ):
            why = f"autoscaler {ref.name} is at its maximum of {dig(scaler, 'spec.maxReplicas')} replicas"
            yield case.clue(
                "autoscaling.at_limit",
                ref,
                why,
                [case.ledger.value(scaler, "status.conditions")],
                weight=0.0,
                onset=parse_time(limited.get("lastTransitionTime")),
                claims=[Claim(ref, "autoscaling.at_limit", 0.35, why)],
            )


def ingresses(case: Case) -> Iterator[Clue]:
    """Report Ingress rules whose Service, or its port, does not exist."""
    for ingress in case.snapshot.of("Ingress"):
        ref, namespace = ref_of(ingress), namespace_of(ingress)
        for backend in _backends(ingress):
            name = str(dig(backend, "service.name") or backend.get("serviceName") or "")
            service = case.snapshot.get(ObjectRef("Service", namespace, name))
            if not name or not case.snapshot.knows("Service"):
                continue
            port = (
                dig(backend, "service.port.number")
                or dig(backend, "service.port.name")
                or backend.get("servicePort")
            )
            ports = {
                p.get(k) for p in dig(service, "spec.ports", []) or [] for k in ("port", "name")
            }
            if service is not None and (port in ports or port is None):
                continue
            why = (
                f"it routes to Service {name}"
                + (f" port {port}" if service else "")
                + ", which does not exist"
            )
            fresh = case.changed_at(ref) is not None
            yield case.clue(
                "network.ingress_dead_end",
                ref,
                f"Ingress {name_of(ingress)}: {why}",
                [
                    case.ledger.value(ingress, "spec.rules"),
                    case.ledger.absence(
                        "Service", namespace, case.snapshot.names("Service", namespace), name
                    ),
                ],
                weight=0.7 if fresh else 0.3,
                onset=case.changed_at(ref),
                claims=[
                    Claim(ref, "network.ingress_misroute", 0.8 if service or fresh else 0.45, why)
                ],
            )
            break


def _backends(ingress: Json) -> list[Json]:
    found = [dig(ingress, "spec.defaultBackend") or dig(ingress, "spec.backend")]
    for rule in dig(ingress, "spec.rules", []) or []:
        found += [path.get("backend") for path in dig(rule, "http.paths", []) or []]
    return [backend for backend in found if backend]


def evictions(case: Case) -> Iterator[Clue]:
    """Report pods that the kubelet evicted within the window and that were not replaced."""
    for pod in case.snapshot.of("Pod"):
        if dig(pod, "status.reason") != "Evicted":
            continue
        events = [e for e in case.snapshot.pod_events(pod) if e.get("reason") == "Evicted"]
        when = event_time(events[-1]) if events else parse_time(dig(pod, "status.startTime"))
        owner = case.snapshot.controller(pod)
        healthy = any(is_true(p, "Ready") for p in case.snapshot.pods(owner))
        if not case.snapshot.is_recent(when) or healthy:
            continue
        node = ObjectRef("Node", "", str(dig(pod, "spec.nodeName", "")))
        why = f"a pod of {owner.name} was evicted: {dig(pod, 'status.message', '')}"
        yield case.clue(
            "pod.evicted",
            owner,
            why,
            [case.ledger.value(pod, "status.message")],
            weight=0.7,
            onset=when,
            claims=[Claim(node, "pod.evicted", 0.8, why, also=(owner,))],
        )
