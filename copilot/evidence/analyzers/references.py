"""References to Secrets, ConfigMaps and their keys that do not exist."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from copilot.evidence.analyzers.subject import Subject
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import dig, parse_time
from copilot.evidence.snapshot import event_first
from copilot.model.scope import ObjectRef

_OBJECT = re.compile(r"(secret|configmap)s? \"([^\"]+)\" not found", re.I)
_KEY = re.compile(r"couldn't find key (\S+) in (Secret|ConfigMap) (?:([\w.-]+)/)?([\w.-]+)", re.I)
_VOLUME_KEY = re.compile(r"references non-existent (secret|config) key: (\S+)", re.I)
_PART = {"Secret": "secret", "ConfigMap": "configMap"}
_MOUNT = re.compile(r"subPath|volumeMount|volume path", re.I)
_NON_ROOT = re.compile(r"runAsNonRoot|run as root|non-numeric user", re.I)


@dataclass(frozen=True, slots=True)
class Missing:
    """A reference that leads nowhere; `key` is "" when the whole object is missing."""

    kind: str
    name: str
    key: str

    def __str__(self) -> str:
        named = f"{self.kind} {self.name}" if self.name else f"a {self.kind} that it mounts"
        return f"key {self.key} of {named}" if self.key else named


def missing_in(text: str) -> Missing | None:
    """Read what a kubelet message says is missing."""
    key = _KEY.search(text)
    if key:
        kind = "Secret" if key.group(2).lower() == "secret" else "ConfigMap"
        return Missing(kind, key.group(4), key.group(1))
    found = _OBJECT.search(text)
    if found:
        kind = "Secret" if found.group(1).lower() == "secret" else "ConfigMap"
        return Missing(kind, found.group(2), "")
    volume = _VOLUME_KEY.search(text)
    if volume:
        return Missing(
            "Secret" if volume.group(1).lower() == "secret" else "ConfigMap", "", volume.group(2)
        )
    return None


def located(case: Case, workload: ObjectRef, missing: Missing | None, text: str) -> Missing | None:
    """Name the object of a missing key, which the kubelet's message about a volume does not.

    It is that of the volume which the message names, else that of the one volume which wants the key.
    """
    if missing is None or missing.name:
        return missing
    volumes = case.snapshot.spec(workload).get("volumes") or []
    said = [v for v in volumes if f'volume "{v.get("name")}"' in text]
    for group in (said, volumes):
        held = [
            (str(held.get("name") or held.get("secretName") or ""), held.get("items") or [])
            for volume in group
            for source in (volume, *(dig(volume, "projected.sources", []) or []))
            if isinstance(held := source.get(_PART[missing.kind]), dict)
        ]
        wanting = [n for n, items in held if any(i.get("key") == missing.key for i in items)]
        names = wanting or ([n for n, _ in held] if len(held) == 1 else [])
        if len(set(names)) == 1:
            return replace(missing, name=names[0])
    return missing


def claim_missing(case: Case, workload: ObjectRef, missing: Missing) -> tuple[Claim, list[str]]:
    """Return the claim for a missing reference, and evidence from the list of what exists."""
    also: tuple[ObjectRef, ...] = ()
    facts: dict[str, Fact] = {"missing": str(missing), "kind": missing.kind, "name": missing.name}
    evidence: list[str] = []
    if missing.name:
        ref = ObjectRef(missing.kind, workload.namespace, missing.name)
        also = (ref,)
        names = case.snapshot.names(missing.kind, workload.namespace)
        near = difflib.get_close_matches(missing.name, names, 1)
        if missing.key:
            facts["key"] = missing.key
            obj = case.snapshot.get(ref)
            if obj is not None and missing.kind == "ConfigMap":
                keys = sorted(dig(obj, "data", {}) or {})
                facts["keys"] = ", ".join(keys)
                evidence.append(case.ledger.value(obj, "data"))
        elif case.snapshot.exists(missing.kind, workload.namespace, missing.name) is False:
            evidence.append(
                case.ledger.absence(missing.kind, workload.namespace, names, missing.name)
            )
            if near:
                facts["near"] = near[0]
    cause = "config.secret_missing" if missing.kind == "Secret" else "config.configmap_missing"
    because = f"{missing} does not exist, and the pod needs it to start"
    return Claim(workload, cause, 0.97, because, also=also, facts=facts), evidence


def analyze(subject: Subject) -> Iterator[Clue]:
    """Say which reference keeps a container from being created."""
    case = subject.case
    message = str(dig(subject.status, "state.waiting.message", ""))
    events = subject.events("Failed", "FailedMount")
    missing = missing_in(message) or next(
        (m for m in (missing_in(str(e.get("message", ""))) for e in reversed(events)) if m), None
    )
    said = " ".join([message, *(str(e.get("message", "")) for e in events)])
    missing = located(case, subject.workload, missing, said)
    evidence = [subject.quote_state(), *subject.quote_events(events[-3:])]
    if missing is not None:
        claim, more = claim_missing(case, subject.workload, missing)
        claims = [claim]
        evidence += more
        summary = f"{subject.label} cannot start: {missing} does not exist"
    elif _MOUNT.search(message):
        because = f"a volume cannot be mounted: {message}"
        claims = [Claim(subject.workload, "storage.mount_failed", 0.85, because)]
        summary = f"{subject.label} cannot start: {message}"
    elif _NON_ROOT.search(message):
        because = f"the security context forbids the container: {message}"
        claims = [Claim(subject.workload, "security.pod_security", 0.93, because)]
        summary = f"{subject.label} cannot start: {message}"
    else:
        because = f"the container cannot be configured: {message}"
        claims = [Claim(subject.workload, "config.env_wrong", 0.5, because)]
        summary = f"{subject.label} cannot start: {message}"
    yield case.clue(
        "pod.config_error",
        subject.workload,
        summary,
        evidence,
        weight=subject.weight,
        onset=event_first(events[0])
        if events
        else parse_time(dig(subject.pod, "metadata.creationTimestamp")),
        claims=claims,
        local=True,
    )
