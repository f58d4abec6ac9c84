"""Pods that fit on no node: which constraint, checked against the nodes themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from connectors.api.values import Json
from copilot.evidence.analyzers import preemption
from copilot.evidence.analyzers.subject import TEMPLATE, Subject
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import (
    condition,
    containers,
    created,
    dig,
    expression,
    is_true,
    labels_of,
    name_of,
    quantity,
    ref_of,
)
from copilot.evidence.snapshot import event_time
from copilot.model.evidence import Source
from copilot.model.scope import ObjectRef

_DEFAULT = "default-scheduler"
_TAINT = re.compile(r"taint \{([^:}]+): ?([^}]*)\}")
_CLAIM = re.compile(r"persistentvolumeclaim \"([^\"]+)\" (?:not found|is being deleted)", re.I)


@dataclass(frozen=True, slots=True)
class Item:
    """One reason of the scheduler: how many nodes, and which constraint."""

    nodes: int
    kind: str
    text: str


_KINDS: tuple[tuple[str, str], ...] = (
    ("taint", r"had (untolerated )?taint|had taint"),
    ("affinity", r"didn't match (Pod's )?node (selector|affinity)|node affinity/selector|didn't match node"),
    ("cordoned", r"were unschedulable"),
    ("pod_affinity", r"anti-affinity|pod affinity|affinity rules|topology spread"),
    ("ports", r"free ports"),
    ("volume_affinity", r"volume node affinity conflict"),
    ("volume", r"unbound immediate|didn't find available persistent volumes|persistentvolumeclaim|node\(s\) did not have enough free storage|volume"),
    ("resources", r"Insufficient |Too many pods"),
    ("not_ready", r"were not ready|not available"),
)  # fmt: skip


def items(message: str) -> list[Item]:
    """Split a FailedScheduling message, of any version since 1.20, into its reasons."""
    body = re.split(r"\.? ?(?:no new claims|preemption:|No preemption victims)", message)[0]
    _, _, rest = body.partition("nodes are available: ")
    rest = (rest or body).strip().rstrip(".")
    found = []
    for part in re.split(r", (?=\d+ )", rest):
        match = re.match(r"(\d+) (.*)", part.strip(), re.S)
        count, text = (int(match.group(1)), match.group(2)) if match else (0, part.strip())
        kind = next((k for k, pattern in _KINDS if re.search(pattern, text, re.I)), "other")
        if text:
            found.append(Item(count, kind, text.rstrip(". ")))
    return found


def analyze(subject: Subject) -> Iterator[Clue]:
    """Say which constraint keeps a pod from being scheduled."""
    case, pod = subject.case, subject.pod
    events = [
        e
        for e in case.snapshot.pod_events(pod)
        if e.get("reason") in ("FailedScheduling", "Preempted")
    ]
    message = str((condition(pod, "PodScheduled") or {}).get("message", "")) or (
        str(events[-1].get("message", "")) if events else ""
    )
    reasons = items(message)
    claims, evidence = _claims(subject, reasons, message)
    evidence = [*subject.quote_events(events[-2:]), *evidence]
    if not events:
        evidence.append(case.ledger.value(pod, "status.conditions"))
    best = max(claims, key=lambda claim: claim.strength)
    yield case.clue(
        "pod.unschedulable",
        subject.workload,
        f"{subject.label} cannot be scheduled: {best.because}",
        evidence,
        weight=subject.weight,
        onset=created(pod),
        claims=claims,
        local=True,
    )


def _claims(
    subject: Subject, reasons: Sequence[Item], message: str
) -> tuple[list[Claim], list[str]]:
    case, workload = subject.case, subject.workload
    facts: dict[str, Fact] = {}
    kinds = {item.kind for item in reasons}
    shown = "; ".join(item.text for item in reasons) or message or "the scheduler gives no reason"
    missing = _CLAIM.search(message)
    if missing:
        place = ObjectRef("PersistentVolumeClaim", workload.namespace, missing.group(1))
        why = f"PersistentVolumeClaim {missing.group(1)} does not exist"
        return [Claim(workload, "storage.claim_missing", 0.96, why, also=(place,))], []
    nodes = case.snapshot.of("Node")
    selector = dig(subject.pod, "spec.nodeSelector", {}) or {}
    matching = [n for n in nodes if _selected(subject.pod, n)]
    if "affinity" in kinds and (not nodes or not matching or kinds == {"affinity"}):
        return _node_selector(subject, selector, nodes)
    claims: list[Claim] = []
    evidence: list[str] = []
    fitting = matching or list(nodes)
    scheduler = str(dig(subject.pod, "spec.schedulerName") or _DEFAULT)
    if not message and scheduler != _DEFAULT:
        why = f"it asks for the scheduler {scheduler}, and none of that name has looked at it"
        facts = {"rolled_out": 1} if case.changes(workload, "schedulerName") else {}
        return [Claim(workload, "scheduling.scheduler_missing", 0.97, why, facts=facts)], []
    cordoned = [n for n in fitting if dig(n, "spec.unschedulable")]
    tainted = [(n, t) for n in fitting for t in _untolerated(subject.pod, n)]
    if "cordoned" in kinds or "node.kubernetes.io/unschedulable" in message:
        # Where other nodes are out for another reason, that reason keeps the pod waiting as much.
        alone = kinds <= {"cordoned", "taint", "not_ready"}
        for node in cordoned[:3] or fitting[:1]:
            why = f"node {name_of(node)} is cordoned"
            others = tuple(ref_of(n) for n in cordoned if n is not node)
            sure = 0.93 if alone else 0.3
            claims.append(Claim(ref_of(node), "scheduling.cordoned", sure, why, also=others))
            evidence.append(case.ledger.value(node, "spec"))
            break
    system = (
        "node.kubernetes.io/",
        "node.cloudprovider.kubernetes.io/",
        "node-role.kubernetes.io/",
    )
    for node, taint in tainted:
        key = str(taint.get("key", ""))
        if key.startswith(system) and not key.startswith("node.kubernetes.io/un"):
            cause = (
                "node.not_ready" if "not-ready" in key or "unreachable" in key else "node.pressure"
            )
            if key.startswith("node-role."):
                continue  # control planes are meant to be left alone
            claims.append(
                Claim(ref_of(node), cause, 0.85, f"node {name_of(node)} has the taint {key}")
            )
        elif not key.startswith(system):
            others = (*(ref_of(n) for n, _ in tainted if n is not node), workload)
            value = f"{key}={taint.get('value', '')}:{taint.get('effect')}"
            why = f"node {name_of(node)} has the taint {value}, which the pod does not tolerate"
            facts = {
                "taint": key,
                "effect": str(taint.get("effect")),
                "value": str(taint.get("value", "")),
            }
            claims.append(
                Claim(ref_of(node), "scheduling.taint", 0.93, why, also=others, facts=facts)
            )
            evidence.append(case.ledger.value(node, "spec.taints"))
            break
    if not claims and "taint" in kinds:
        found = _TAINT.search(message)
        place = ref_of(fitting[0]) if fitting else ObjectRef("Node", "", "")
        why = f"no node's taints are tolerated ({found.group(0) if found else shown})"
        target = place if place.name else workload
        claims.append(Claim(target, "scheduling.taint", 0.8, why, also=(workload,)))
    if "resources" in kinds:
        claims.append(_resources(subject, reasons, fitting))
        evidence.append(
            subject.case.ledger.value(subject.pod, "spec.containers", Source.KUBERNETES)
        )
    if "pod_affinity" in kinds:
        claims.append(Claim(workload, "scheduling.pod_affinity", 0.92, f"{shown}"))
    if "ports" in kinds:
        claims.append(
            Claim(
                workload,
                "config.port_conflict",
                0.92,
                f"a host port that it claims is taken: {shown}",
            )
        )
    if "volume_affinity" in kinds:
        claims.append(_volume_affinity(subject, shown))
    if "volume" in kinds:
        claims += _volumes(subject, shown)
    pushed = preemption.claim(subject)
    if pushed is not None:
        claims = [pushed[0], *(c.times(0.2) for c in claims)]
        evidence.append(pushed[1])
    if not claims and "not_ready" in kinds:
        claims += [Claim(ref_of(n), "node.not_ready", 0.8, shown) for n in nodes[:1]]
    if not claims and "affinity" in kinds:
        return _node_selector(subject, selector, nodes)
    return claims or [Claim(workload, "unknown", 0.3, shown)], evidence


def _node_selector(
    subject: Subject, selector: Json, nodes: Sequence[Json]
) -> tuple[list[Claim], list[str]]:
    case, workload = subject.case, subject.workload
    impossible = [
        k for k, v in selector.items() if not any(labels_of(n).get(k) == v for n in nodes)
    ]
    facts: dict[str, Fact] = {}
    if impossible and nodes:
        facts["key"] = impossible[0]
    elif len(selector) == 1:
        facts["key"] = next(iter(selector))
    wanted = ", ".join(f"{k}={selector[k]}" for k in (impossible or selector))
    why = f"no node has the label {wanted}" if wanted else "its node affinity matches no node"
    owner = case.snapshot.get(workload) or subject.pod
    base = TEMPLATE.get(workload.kind, "spec.template.spec")
    evidence = [case.ledger.value(owner, f"{base}.{'nodeSelector' if selector else 'affinity'}")]
    if nodes:
        labels = "\n".join(
            f"{name_of(n)} {','.join(f'{k}={v}' for k, v in sorted(labels_of(n).items()))}"
            for n in nodes[:50]
        )
        evidence.append(
            case.ledger.add(Source.KUBERNETES, "kubectl get nodes --show-labels", labels)
        )
    if case.changes(workload, "nodeSelector", "affinity"):
        facts["rolled_out"] = 1
    return [Claim(workload, "scheduling.node_selector", 0.96, why, facts=facts)], evidence


def _selected(pod: Json, node: Json) -> bool:
    labels = labels_of(node)
    selector = dig(pod, "spec.nodeSelector", {}) or {}
    if any(labels.get(k) != v for k, v in selector.items()):
        return False
    terms = dig(
        pod,
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms",
        [],
    )
    if not terms:
        return True
    return any(
        all(expression(e, labels) for e in term.get("matchExpressions") or [])
        and all(
            expression(e, {"metadata.name": name_of(node)}) for e in term.get("matchFields") or []
        )
        for term in terms
    )


def _untolerated(pod: Json, node: Json) -> list[Json]:
    tolerations = dig(pod, "spec.tolerations", []) or []
    return [
        taint
        for taint in dig(node, "spec.taints", []) or []
        if taint.get("effect") in ("NoSchedule", "NoExecute")
        and not any(_tolerates(t, taint) for t in tolerations)
    ]


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if not toleration.get("key"):
        return toleration.get("operator") == "Exists"
    if toleration["key"] != taint.get("key"):
        return False
    exists = toleration.get("operator") == "Exists"
    return exists or (toleration.get("value") or "") == (taint.get("value") or "")


def _resources(subject: Subject, reasons: Sequence[Item], nodes: Sequence[Json]) -> Claim:
    workload = subject.workload
    short = [m.group(1) for i in reasons for m in [re.search(r"Insufficient (\S+)", i.text)] if m]
    resource = short[0] if short else "pods"
    wanted = sum(
        quantity(dig(c, "resources.requests", {}).get(resource, 0)) or 0.0
        for c in containers(dig(subject.pod, "spec", {}))
    )
    largest = max(
        (quantity(dig(n, "status.allocatable", {}).get(resource, 0)) or 0.0 for n in nodes),
        default=0.0,
    )
    facts: dict[str, Fact] = {"resource": resource}
    for change in subject.case.changes(workload, "resources"):
        if change.path.endswith("requests/" + resource):
            facts["previous_request"] = change.before
            facts["container"] = change.container
            facts["rolled_out"] = 1
    if nodes and wanted > largest:
        why = f"it requests {wanted:g} of {resource}, and the largest node offers {largest:g}"
        return Claim(workload, "resources.request_too_large", 0.96, why, facts=facts)
    grown = _scaled_up(subject)
    if grown:
        before, after = grown
        why = f"it was scaled from {before} to {after}, and no node has room for more of its pods"
        facts |= {"replicas": before}
        return Claim(workload, "workload.too_many_replicas", 0.93, why, facts=facts)
    why = f"no node has enough free {resource} for its request of {wanted:g}"
    return Claim(workload, "resources.request_too_large", 0.8, why, facts=facts)


_UP = re.compile(r"caled up replica set \S+ (?:from (\d+) to (\d+)|to (\d+) from (\d+))")


def _scaled_up(subject: Subject) -> tuple[int, int] | None:
    """Return from how many replicas to how many it was scaled within the window, if it ran before."""
    snapshot, workload = subject.case.snapshot, subject.workload
    ready = sum(is_true(pod, "Ready") for pod in snapshot.pods(workload))
    for event in reversed(snapshot.events(workload)):
        match = _UP.search(str(event.get("message", "")))
        if match and snapshot.is_recent(event_time(event)):
            before, after = int(match[1] or match[4]), int(match[2] or match[3])
            if 0 < before < after and ready >= 1:
                return before, after
    return None


def _volume_affinity(subject: Subject, shown: str) -> Claim:
    """Its volume can be used on some nodes only, and the pod cannot run there."""
    also: list[ObjectRef] = []
    for volume in dig(subject.pod, "spec.volumes", []) or []:
        name = dig(volume, "persistentVolumeClaim.claimName")
        ref = ObjectRef("PersistentVolumeClaim", subject.workload.namespace, str(name))
        bound = dig(subject.case.snapshot.get(ref), "spec.volumeName")
        if name:
            also += [ref, *([ObjectRef("PersistentVolume", "", str(bound))] if bound else [])]
    why = f"the nodes of its volume are not those that it can run on: {shown}"
    return Claim(subject.workload, "storage.volume_affinity", 0.9, why, also=tuple(also))


def _volumes(subject: Subject, shown: str) -> list[Claim]:
    """The claim itself is analyzed where claims are; here is what the pod waits for."""
    case: Case = subject.case
    found = []
    for volume in dig(subject.pod, "spec.volumes", []) or []:
        name = dig(volume, "persistentVolumeClaim.claimName")
        if not name:
            continue
        ref = ObjectRef("PersistentVolumeClaim", subject.workload.namespace, str(name))
        claim = case.snapshot.get(ref)
        if claim is None and case.snapshot.knows("PersistentVolumeClaim"):
            why = f"PersistentVolumeClaim {name} does not exist"
            found.append(Claim(subject.workload, "storage.claim_missing", 0.96, why, also=(ref,)))
        elif claim is None or dig(claim, "status.phase") != "Bound":
            cause = (
                "storage.class_missing" if class_missing(case, claim) else "storage.claim_unbound"
            )
            found.append(
                Claim(
                    ref,
                    cause,
                    0.93,
                    f"PersistentVolumeClaim {name} is not bound",
                    also=(subject.workload,),
                )
            )
    return found or [Claim(subject.workload, "storage.claim_unbound", 0.6, shown)]


def class_missing(case: Case, claim: Json | None) -> bool:
    """Whether a claim's StorageClass is lacking. One that volumes made by hand bear need not exist."""
    name = dig(claim, "spec.storageClassName")
    volumes = case.snapshot.of("PersistentVolume")
    if not name or any(dig(v, "spec.storageClassName") == name for v in volumes):
        return False
    return case.snapshot.exists("StorageClass", "", str(name)) is False
