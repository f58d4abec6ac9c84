"""What a program logs about itself: its settings, its command, its rights, its disk, the limits of its host."""

from __future__ import annotations

import re

from copilot.evidence.analyzers import targets
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Fact
from copilot.evidence.kube import containers, dig, pod_spec
from copilot.evidence.logscan import LogIssue
from copilot.evidence.quoting import words
from copilot.evidence.wiring import environment
from copilot.model.scope import ObjectRef

SAYS: dict[str, tuple[str, float, str]] = {
    "bad_value": ("config.env_wrong", 0.6, "it cannot work with the value of a setting"),
    "missing_config": ("config.env_wrong", 0.7, "it misses a setting"),
    "no_program": ("workload.bad_command", 0.8, "its command cannot be run"),
    "bind": ("config.port_conflict", 0.88, "the port that it wants is taken"),
    "oom": ("resources.memory_limit_too_low", 0.5, "it runs out of memory"),
    "disk_full": ("storage.disk_full", 0.85, "its disk is full"),
    "io_error": ("storage.disk_errors", 0.5, "its disk returns errors"),
    "exhausted": ("node.resource_exhausted", 0.85, "a limit of its host is used up"),
    "version": (
        "image.incompatible_version",
        0.9,
        "its version does not fit the data that it finds",
    ),
    "poison": ("queue.poison_message", 0.7, "it cannot read a message of its queue"),
    "clock": ("node.clock_skew", 0.6, "clocks disagree"),
    "permission": ("security.pod_security", 0.5, "it lacks a permission"),
    "cert_expired": ("security.certificate_expired", 0.8, "a certificate has expired"),
}
"""Cause, strength and words by the condition that a program logs."""

_READ_ONLY = re.compile(r"read-only file ?system|EROFS", re.I)
_ARCHITECTURE = re.compile(r"exec format error", re.I)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]+")
_RESTRICTING = (
    "runAsUser",
    "runAsGroup",
    "runAsNonRoot",
    "readOnlyRootFilesystem",
    "fsGroup",
    "capabilities",
)


def claims(case: Case, issue: LogIssue) -> list[Claim]:
    """Return what a complaint about the program itself suggests."""
    cause, strength, says = SAYS[issue.kind]
    facts: dict[str, Fact] = {"container": issue.log.container}
    name = f"{issue.workload.kind} {issue.workload.name}"
    quoted = words(issue)
    why = f"{name} logs that {says}: {quoted}"
    text = " ".join(issue.lines)
    relayed = issue.kind == "exhausted" and "shared memory" in text
    if issue.kind in ("permission", "io_error"):
        limits = _restricted(issue)
        if limits and (issue.kind == "permission" or _READ_ONLY.search(text)):
            why = f"{name} may not do what it needs to: its security context sets {', '.join(limits)}: {quoted}"
            return [Claim(issue.workload, "security.pod_security", 0.85, why, facts=facts)]
    if _ARCHITECTURE.search(text):
        why = f"{name} has a program that is not built for the node's architecture: {quoted}"
        return [Claim(issue.workload, "image.wrong_architecture", 0.85, why, facts=facts)]
    if issue.kind in ("disk_full", "io_error") or relayed:
        # A program repeats what its database tells it; its own disk is rarely written to.
        stores = targets.backing(case, targets.target(case, issue)) or targets.stores_of(
            case, issue
        )
        if stores:
            why = f"{name} hears of {stores[0].name} that {says.replace('its', 'the')}: {quoted}"
            return [Claim(stores[0], cause, strength, why, _volumes(case, stores[0]), facts=facts)]
    if issue.kind in ("bad_value", "missing_config"):
        return [_setting(case, issue, Claim(issue.workload, cause, strength, why, facts=facts))]
    also: tuple[ObjectRef, ...] = ()
    if issue.kind in ("disk_full", "io_error"):
        also = _volumes(case, issue.workload)
    elif issue.kind in ("exhausted", "clock"):
        also = (ObjectRef("Node", "", str(dig(issue.pod, "spec.nodeName", ""))),)
    elif issue.kind == "cert_expired":
        return [_certificate(case, issue, strength, why, facts)]
    return [Claim(issue.workload, cause, strength, why, also, facts=facts)]


def _volumes(case: Case, workload: ObjectRef) -> tuple[ObjectRef, ...]:
    """Return the volume claims that a workload's pods write to."""
    names = {
        str(dig(volume, "persistentVolumeClaim.claimName"))
        for pod in case.snapshot.pods(workload)
        for volume in pod_spec(pod).get("volumes") or []
        if dig(volume, "persistentVolumeClaim.claimName")
    }
    return tuple(ObjectRef("PersistentVolumeClaim", workload.namespace, n) for n in sorted(names))


def _restricted(issue: LogIssue) -> list[str]:
    """Return what the security context of a container, or of its pod, restricts."""
    spec = pod_spec(issue.pod)
    own = [
        c
        for c in containers(spec) + containers(spec, init=True)
        if c.get("name") == issue.log.container
    ]
    found = [dig(item, "securityContext", {}) for item in (*own[:1], spec)]
    names = [
        name
        for name in _RESTRICTING
        for context in found
        if context.get(name) not in (None, 0, False)
    ]
    if names == ["capabilities"] and not any(dig(c, "capabilities.drop") for c in found):
        return []
    return list(dict.fromkeys(names))


def _setting(case: Case, issue: LogIssue, claim: Claim) -> Claim:
    """Blame the ConfigMap that a variable comes from, where the complaint names one that it holds."""
    spec = case.snapshot.spec(issue.workload) or pod_spec(issue.pod)
    words = set(_WORD.findall(" ".join(issue.lines)))
    for container in containers(spec) + containers(spec, init=True):
        if container.get("name") != issue.log.container:
            continue
        for key, (value, origin) in environment(
            case.snapshot, issue.workload.namespace, container
        ).items():
            if key not in words and (len(value) < 3 or value not in words):
                continue
            if origin.startswith("ConfigMap "):
                ref = ObjectRef(
                    "ConfigMap", issue.workload.namespace, origin.removeprefix("ConfigMap ")
                )
                why = f"{claim.because}; {key}={value} comes from {origin}"
                facts: dict[str, Fact] = {**claim.facts, "key": key}
                return Claim(ref, "config.value_wrong", 0.85, why, (issue.workload,), facts)
            why = f"{claim.because}; {key}={value} is set"
            return Claim(
                issue.workload,
                claim.cause,
                0.8,
                why,
                facts={**claim.facts, "setting": f"env {key}"},
            )
    return claim


def _certificate(
    case: Case, issue: LogIssue, strength: float, why: str, facts: dict[str, Fact]
) -> Claim:
    """The certificate that expired is the called program's, where the complaint is about one."""
    called = targets.backing(case, targets.target(case, issue))
    place = called[0] if called else issue.workload
    secrets = [
        str(dig(volume, "secret.secretName"))
        for volume in case.snapshot.spec(place).get("volumes") or []
        if re.search(r"tls|cert|ssl", str(dig(volume, "secret.secretName", "")), re.I)
    ]
    if secrets:
        ref = ObjectRef("Secret", place.namespace, secrets[0])
        told = f"{why}, which Secret {ref.name} gives to {place.name}"
        return Claim(
            ref, "security.certificate_expired", strength, told, (place, issue.workload), facts
        )
    also = (issue.workload,) if called else ()
    return Claim(place, "security.certificate_expired", strength, why, also, facts)
