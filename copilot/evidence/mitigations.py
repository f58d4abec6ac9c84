"""Typed actions that address a root cause, mildest first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping

from copilot.evidence.case import Case
from copilot.evidence.clues import Fact
from copilot.evidence.kube import dig
from copilot.evidence.manuals import instructions
from copilot.evidence.ranking import Candidate
from copilot.model.action import (
    Action,
    Manual,
    Mitigation,
    PatchServicePort,
    RemoveNodeSelector,
    Restart,
    Risk,
    RollBack,
    Scale,
    SetImage,
)
from copilot.model.scope import ObjectRef

_RISKS = {Risk.LOW: 0, Risk.MEDIUM: 1, Risk.HIGH: 2}
_ROLL_BACK = frozenset({
    "image.not_found", "image.pull_unauthorized", "image.wrong_architecture", "workload.bad_rollout",
    "workload.bad_command", "config.env_wrong", "config.secret_missing", "config.configmap_missing",
    "probe.readiness_misconfigured", "probe.liveness_misconfigured", "probe.startup_misconfigured",
    "resources.memory_limit_too_low", "resources.request_too_large", "resources.cpu_throttling",
    "scheduling.node_selector", "scheduling.pod_affinity", "init.failing", "init.stuck",
    "security.pod_security", "network.dns", "workload.crash_on_start", "config.port_conflict",
    "storage.claim_missing", "security.service_account_missing", "dependency.wrong_address",
})  # fmt: skip
_RESTART = frozenset({"resources.memory_leak", "dependency.pool_exhausted", "application.slow"})


def propose(case: Case, candidate: Candidate) -> list[Mitigation]:
    """Return the actions that would repair a cause, mildest and most direct first."""
    facts: dict[str, Fact] = {}
    for _, claim in sorted(candidate.claims, key=lambda item: item[1].strength):
        facts.update(claim.facts)
    evidence = candidate.best[0].finding.evidence[:4]
    found = [
        _mitigation(candidate.cause, title, action, risk, undo, expected, evidence)
        for title, action, risk, undo, expected in _actions(case, candidate, facts)
    ]
    text = instructions(candidate.object, candidate.cause, facts, candidate.best[1].because)
    if not found:
        # Instructions for a person only where the copilot can do nothing itself.
        manual = Manual(
            candidate.object, text or f"Look into {candidate.object}: {candidate.best[1].because}"
        )
        found.append(
            _mitigation(candidate.cause, f"By hand: {_title(manual.instructions)}", manual, Risk.MEDIUM,
                        "Take the change back by hand.", "The symptom is gone.", evidence)
        )  # fmt: skip
    return found


_Row = tuple[str, Action, Risk, str, str]


def _actions(case: Case, candidate: Candidate, facts: Mapping[str, Fact]) -> Iterator[_Row]:
    ref, cause = candidate.object, candidate.cause
    if cause == "service.target_port_mismatch" and "target_port" in facts and "port" in facts:
        port, target = int(facts["port"]), facts["target_port"]
        before = _target_port(case, ref, port)
        yield (
            f"Point port {port} of Service {ref.name} to target port {target}",
            PatchServicePort(ref, port, target),
            Risk.LOW,
            f"Set the target port back to {before}.",
            f"Connections to {ref.name}:{port} are answered again.",
        )
    if cause == "workload.scaled_to_zero":
        count = max(int(facts.get("replicas", 1) or 1), 1)
        yield (
            f"Scale {ref.kind} {ref.name} to {count}",
            Scale(ref, count),
            Risk.LOW,
            "Scale it back to 0.",
            f"{count} pod(s) of {ref.name} become ready, and its Service has endpoints.",
        )
    if cause == "scheduling.node_selector" and "key" in facts:
        yield (
            f"Remove the node selector {facts['key']} from {ref.kind} {ref.name}",
            RemoveNodeSelector(ref, str(facts["key"])),
            Risk.LOW,
            "Put the node selector back.",
            "Its pods are scheduled and become ready.",
        )
    if cause in _ROLL_BACK and ref.kind == "Deployment" and facts.get("rolled_out"):
        found = case.rollout(ref)
        number = found.previous if found else 0
        yield (
            f"Roll Deployment {ref.name} back to revision {number}",
            RollBack(ref, number),
            Risk.LOW
            if cause.startswith("image.") or (found and found.previous_ready)
            else Risk.MEDIUM,
            f"Roll forward to revision {found.revision if found else 'before'} again.",
            "The earlier revision's pods become ready.",
        )
    if (cause.startswith("image.") or cause == "workload.bad_rollout") and facts.get(
        "previous_image"
    ):
        image, container = str(facts["previous_image"]), str(facts.get("container", ""))
        yield (
            f"Set the image of {ref.name}/{container} to {image}",
            SetImage(ref, container, image),
            Risk.LOW if facts.get("rolled_out") else Risk.MEDIUM,
            f"Set the image back to {facts.get('image', 'the present one')}.",
            "The image is pulled, and the pods become ready.",
        )
    if cause in _RESTART and ref.kind in ("Deployment", "StatefulSet", "DaemonSet"):
        yield (
            f"Restart {ref.kind} {ref.name}",
            Restart(ref),
            Risk.MEDIUM,
            "A restart cannot be taken back; the pods are equal to those before.",
            "The symptom is gone for a while; the cause itself stays.",
        )


def _target_port(case: Case, ref: ObjectRef, port: int) -> object:
    for item in dig(case.snapshot.get(ref), "spec.ports", []) or []:
        if item.get("port") == port:
            return item.get("targetPort", port)
    return "the present one"


def _mitigation(
    cause: str,
    title: str,
    action: Action,
    risk: Risk,
    undo: str,
    expected: str,
    evidence: tuple[str, ...],
) -> Mitigation:
    digest = hashlib.sha256(f"{cause}\x00{action!r}".encode()).hexdigest()[:10]
    return Mitigation(
        id=f"mit-{digest}",
        cause=cause,
        title=title,
        action=action,
        risk=risk,
        undo=undo,
        kubectl=kubectl(action),
        expected=expected,
        evidence=evidence,
    )


def kubectl(action: Action) -> str:
    """Return the command a person would type for an action."""
    ref = action.object
    where = f"{ref.kind.lower()} {ref.name}" + (f" -n {ref.namespace}" if ref.namespace else "")
    if isinstance(action, PatchServicePort):
        patch = {"spec": {"ports": [{"port": action.port, "targetPort": action.target_port}]}}
        return f"kubectl patch {where} --type=strategic -p '{json.dumps(patch)}'"
    if isinstance(action, SetImage):
        return f"kubectl set image {ref.kind.lower()}/{ref.name} {action.container}={action.image} -n {ref.namespace}"
    if isinstance(action, RollBack):
        return f"kubectl rollout undo {ref.kind.lower()}/{ref.name} -n {ref.namespace} --to-revision={action.revision}"
    if isinstance(action, Scale):
        return f"kubectl scale {ref.kind.lower()}/{ref.name} -n {ref.namespace} --replicas={action.replicas}"
    if isinstance(action, Restart):
        return f"kubectl rollout restart {ref.kind.lower()}/{ref.name} -n {ref.namespace}"
    if isinstance(action, RemoveNodeSelector):
        removal = {"spec": {"template": {"spec": {"nodeSelector": {action.key: None}}}}}
        return f"kubectl patch {where} --type=merge -p '{json.dumps(removal)}'"
    return f"kubectl describe {where}"


def order(mitigations: list[Mitigation]) -> tuple[Mitigation, ...]:
    """Order the actions of one cause: what the copilot can do and undo first, then by risk."""
    unique = {m.id: m for m in mitigations}
    return tuple(sorted(unique.values(), key=lambda m: (not m.automatic, _RISKS[m.risk])))


def _title(text: str) -> str:
    first = text.split(". ")[0].rstrip(".")
    return first[0].lower() + first[1:] if first else "look into it"
