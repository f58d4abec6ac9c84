"""What the app stands on: nodes, volume claims, Jobs, autoscalers, Ingresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from connectors.api.values import Json
from copilot.evidence.analyzers import logclaims, scheduling, targets
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue
from copilot.evidence.collect_metrics import flow_line
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
from copilot.evidence.signatures import DEPENDENCY_KINDS
from copilot.evidence.snapshot import event_first, event_time
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef

_OWN_LIMIT = re.compile(
    r"exceeds? (the|its|total|local)|exceeds the limit|ephemeral.{0,40}limit", re.I
)
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
        said = [i for i in case.issues if i.workload == owner and (i.final or i.ongoing)]
        told = [c for i in said[:3] for c in logclaims.claims_of(case, i)]
        toward = next((t for t in (targets.target(case, i) for i in said) if t), None)
        about = [s for i in said if i.kind in DEPENDENCY_KINDS for s in targets.stores_of(case, i)]
        toward = toward or next(iter(about), None)
        # Where its log names what it failed for, it is that which is to be mended.
        sure = 0.85 * (1 - max((c.strength for c in told), default=0.0))
        yield case.clue(
            "job.failed",
            owner,
            why,
            [case.ledger.value(job, "status"), *(logclaims.quote(case, i) for i in said[:2])],
            # One that nobody runs again is news, not an incident: whoever started it sees it.
            weight=0.6 if owner.kind == "CronJob" else 0.3,
            onset=when,
            claims=[Claim(owner, "job.failing", max(sure, 0.1), why), *told],
            toward=toward,
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
            written = case.changed_at(ref) or created(ingress)
            fresh = case.snapshot.is_recent(written) or case.changed_at(ref) is not None
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
                onset=written if fresh else None,
                claims=[
                    Claim(ref, "network.ingress_misroute", 0.85 if service or fresh else 0.45, why)
                ],
                # Who calls from outside comes in by the same door as to the Services that are there.
                place=_entry(case, ingress) if fresh else None,
            )
            break


def _entry(case: Case, ingress: Json) -> ObjectRef | None:
    """Return a Service that Ingresses of the same host lead to, and that has pods."""
    hosts = {rule.get("host") for rule in dig(ingress, "spec.rules", []) or []}
    for other in case.snapshot.of("Ingress"):
        if namespace_of(other) != namespace_of(ingress) or not hosts & {
            rule.get("host") for rule in dig(other, "spec.rules", []) or []
        }:
            continue
        for backend in _backends(other):
            name = str(dig(backend, "service.name") or backend.get("serviceName") or "")
            service = ObjectRef("Service", namespace_of(other), name)
            if case.snapshot.backing(service):
                return service
    return None


def misrouted(case: Case) -> Iterator[Clue]:
    """Report Ingresses that were edited, and that since lead past a program which gets no requests any more."""
    served = {case.wiring.node(f.service): f for f in case.snapshot.telemetry.served()}
    routed = {
        ObjectRef("Service", namespace_of(i), str(dig(b, "service.name") or b.get("serviceName")))
        for i in case.snapshot.of("Ingress")
        for b in _backends(i)
    }
    reached = {w for service in routed for w in case.snapshot.backing(service)}
    entries = [
        (node, flow)
        for node, flow in served.items()
        if node is not None
        and node not in reached
        and (flow.rate.base or 0.0) >= 0.1
        and flow.rate.now < 0.2 * (flow.rate.base or 0.0)
        and not any(c in served for c in case.depended_on(node))
    ]
    for ingress in case.snapshot.of("Ingress"):
        ref, changed = ref_of(ingress), case.changed_at(ref_of(ingress))
        lost = [(n, f) for n, f in entries if n.namespace == ref.namespace]
        if changed is None or not lost:
            continue
        node, flow = lost[0]
        why = f"it was edited at {brief(changed)} and does not lead to {node.name}, which gets no requests any more"
        yield case.clue(
            "network.ingress_past",
            ref,
            f"Ingress {ref.name}: {why}",
            [
                case.ledger.value(ingress, "spec.rules"),
                case.ledger.add(Source.METRICS, flow.query, flow_line(flow)),
            ],
            weight=0.8,
            onset=changed,
            claims=[Claim(ref, "network.ingress_misroute", 0.88, why, also=(node,))],
            place=node,
        )


def _backends(ingress: Json) -> list[Json]:
    found = [dig(ingress, "spec.defaultBackend") or dig(ingress, "spec.backend")]
    for rule in dig(ingress, "spec.rules", []) or []:
        found += [path.get("backend") for path in dig(rule, "http.paths", []) or []]
    return [backend for backend in found if backend]


_REJECTED: dict[str, tuple[str, str, str]] = {
    "OutOfcpu": ("resources.request_too_large", "workload", "its node has not the CPU that it requests"),
    "OutOfmemory": ("resources.request_too_large", "workload", "its node has not the memory that it requests"),
    "OutOfpods": ("workload.too_many_replicas", "workload", "its node holds as many pods as it may"),
    "OutOfephemeral-storage": ("resources.request_too_large", "workload", "its node has not the storage that it requests"),
    "NodePorts": ("config.port_conflict", "workload", "a host port that it claims is taken on its node"),
    "NodeAffinity": ("scheduling.node_selector", "workload", "its node is not one of those that it selects"),
    "AppArmor": ("security.pod_security", "workload", "its node cannot apply its AppArmor profile"),
    "SysctlForbidden": ("security.pod_security", "workload", "its node does not allow a sysctl that it sets"),
    "UnexpectedAdmissionError": ("node.resource_exhausted", "node", "its node cannot give it a device"),
    "NodeShutdown": ("node.not_ready", "node", "its node was shut down"),
    "Shutdown": ("node.not_ready", "node", "its node was shut down"),
    "Terminated": ("node.not_ready", "node", "its node was shut down"),
    "NodeLost": ("node.not_ready", "node", "its node was lost"),
    "Preempting": ("scheduling.preempted", "workload", "a more important pod took its place"),
}  # fmt: skip
"""Why a kubelet ends a pod, or takes it not at all, by the reason of its status: cause, whose, in words."""


def rejections(case: Case) -> Iterator[Clue]:
    """Report workloads whose pods their kubelet refused or ended within the window, and that lack pods."""
    told: set[tuple[ObjectRef, str]] = set()
    for pod in case.snapshot.of("Pod"):
        reason = str(dig(pod, "status.reason", ""))
        if dig(pod, "status.phase") != "Failed" or reason not in _REJECTED:
            continue
        owner = case.snapshot.controller(pod)
        when = created(pod)
        healthy = any(is_true(p, "Ready") for p in case.snapshot.pods(owner))
        if (owner, reason) in told or healthy or not case.snapshot.is_recent(when):
            continue
        told.add((owner, reason))
        cause, whose, says = _REJECTED[reason]
        node = ObjectRef("Node", "", str(dig(pod, "spec.nodeName", "")))
        place, also = (owner, node) if whose == "workload" else (node, owner)
        why = f"{says} ({reason}: {dig(pod, 'status.message', '')})"
        yield case.clue(
            "pod.rejected",
            owner,
            f"{owner.kind} {owner.name}: {why}",
            [case.ledger.value(pod, "status")],
            weight=0.9,
            onset=when,
            claims=[Claim(place, cause, 0.9, why, also=(also,))],
            local=True,
        )


def evictions(case: Case) -> Iterator[Clue]:
    """Report pods that the kubelet evicted within the window and that were not replaced."""
    told: set[ObjectRef] = set()
    for pod in case.snapshot.of("Pod"):
        if dig(pod, "status.reason") != "Evicted":
            continue
        events = [e for e in case.snapshot.pod_events(pod) if e.get("reason") == "Evicted"]
        when = event_time(events[-1]) if events else parse_time(dig(pod, "status.startTime"))
        owner = case.snapshot.controller(pod)
        healthy = any(is_true(p, "Ready") for p in case.snapshot.pods(owner))
        message = str(dig(pod, "status.message", "")) or (
            str(events[-1].get("message", "")) if events else ""
        )
        # What exceeds a limit of its own is evicted again, however well its successor is now.
        own = bool(_OWN_LIMIT.search(message))
        if not case.snapshot.is_recent(when) or (healthy and not own) or owner in told:
            continue
        told.add(owner)
        node = ObjectRef("Node", "", str(dig(pod, "spec.nodeName", "")))
        why = f"a pod of {owner.name} was evicted: {message}"
        place, other = (owner, node) if own else (node, owner)
        yield case.clue(
            "pod.evicted",
            owner,
            why,
            [case.ledger.value(pod, "status.message")],
            weight=0.7,
            onset=when,
            claims=[
                Claim(place, "pod.evicted", 0.8, why, also=(other,)),
                *([Claim(owner, "storage.disk_full", 0.3, why)] if own else []),
            ],
            local=own,
        )
