"""Containers that are not created: volumes that cannot be mounted, sandboxes that fail."""

from __future__ import annotations

import re
from collections.abc import Iterator

from copilot.evidence.analyzers.references import claim_missing, located, missing_in
from copilot.evidence.analyzers.subject import Subject
from copilot.evidence.clues import Claim, Clue
from copilot.evidence.kube import created
from copilot.evidence.snapshot import event_first
from copilot.model.scope import ObjectRef

REASONS = frozenset({"FailedMount", "FailedAttachVolume", "FailedMapVolume",
                     "FailedCreatePodSandBox", "FailedCreatePodContainer", "NetworkNotReady"})  # fmt: skip
_CLAIM = re.compile(r"persistentvolumeclaim \"([^\"]+)\" not found", re.I)
_ACCOUNT = re.compile(r"serviceaccounts? \"([^\"]+)\" not found", re.I)
_RUNTIME = re.compile(r"RuntimeHandler|runtime ?class|no runtime for", re.I)
_NO_IP = re.compile(
    r"no IP addresses available|no available IP|IP pool .{0,30}exhausted|insufficient.{0,20}IP|failed to (allocate|assign) .*(IP|address)",
    re.I,
)
_DIGEST = re.compile(r"(MountVolume\.SetUp failed for volume \"([^\"]+)\"|AttachVolume)", re.I)


def analyze(subject: Subject) -> Iterator[Clue]:
    """Say why a pod that has a node stays in ContainerCreating."""
    case, workload = subject.case, subject.workload
    events = [e for e in subject.events() if e.get("reason") in REASONS]
    text = " | ".join(str(e.get("message", "")) for e in events)
    evidence = [subject.quote_state(), *subject.quote_events(events[-3:])]
    missing = located(case, workload, missing_in(text), text)
    claim = _CLAIM.search(text)
    if missing is not None:
        found, more = claim_missing(case, workload, missing)
        claims, summary = [found], f"{missing}, which it mounts, does not exist"
        evidence += more
    elif claim:
        name = claim.group(1)
        summary = f"PersistentVolumeClaim {name}, which it mounts, does not exist"
        place = ObjectRef("PersistentVolumeClaim", workload.namespace, name)
        claims = [Claim(workload, "storage.claim_missing", 0.97, summary, also=(place,))]
    elif account := _ACCOUNT.search(text):
        summary = f"its service account {account.group(1)} does not exist"
        place = ObjectRef("ServiceAccount", workload.namespace, account.group(1))
        claims = [Claim(workload, "security.service_account_missing", 0.96, summary, also=(place,))]
    elif _RUNTIME.search(text):
        summary = f"its RuntimeClass names a runtime that its node does not have: {text[-160:]}"
        claims = [Claim(workload, "workload.bad_command", 0.6, summary)]
    elif _DIGEST.search(text) or any(e.get("reason") != "FailedCreatePodSandBox" for e in events):
        summary = f"a volume cannot be mounted: {text[-200:]}"
        claims = [Claim(workload, "storage.mount_failed", 0.85, summary)]
    elif events:
        node = str(subject.pod.get("spec", {}).get("nodeName", ""))
        summary = f"its sandbox cannot be made: {text[-200:]}"
        spent = _NO_IP.search(text)
        cause, strength = ("node.resource_exhausted", 0.8) if spent else ("node.not_ready", 0.55)
        claims = [Claim(ObjectRef("Node", "", node), cause, strength, summary, also=(workload,))]
    else:
        summary = "its containers have not been created for a while, and no event says why"
        claims = [Claim(workload, "unknown", 0.2, summary)]
    yield case.clue(
        "pod.not_created",
        workload,
        f"{subject.label} stays in ContainerCreating: {summary}",
        evidence,
        weight=subject.weight,
        onset=event_first(events[0]) if events else created(subject.pod),
        claims=claims,
        local=True,
    )
