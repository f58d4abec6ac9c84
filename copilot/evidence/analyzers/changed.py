"""What the present revision changed, as causes of a failure that the revision before did not have."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.evidence.analyzers.subject import Subject
from copilot.evidence.case import Case
from copilot.evidence.changes import Change
from copilot.evidence.clues import Claim, Fact
from copilot.model.scope import ObjectRef

# For each symptom: which changed field explains it, as which cause, how surely.
_CAUSES: dict[str, dict[str, tuple[str, float]]] = {
    "crash": {
        "image": ("workload.bad_rollout", 0.85),
        "command": ("workload.bad_command", 0.93),
        "args": ("workload.bad_command", 0.9),
        "env": ("config.env_wrong", 0.82),
        "envFrom": ("config.env_wrong", 0.8),
        "livenessProbe": ("probe.liveness_misconfigured", 0.5),
        "startupProbe": ("probe.startup_misconfigured", 0.5),
        "securityContext": ("security.pod_security", 0.6),
        "volumeMounts": ("workload.bad_rollout", 0.6),
        "volumes": ("workload.bad_rollout", 0.6),
        "resources": ("resources.memory_limit_too_low", 0.3),
    },
    "not_ready": {
        "readinessProbe": ("probe.readiness_misconfigured", 0.9),
        "image": ("workload.bad_rollout", 0.75),
        "command": ("workload.bad_command", 0.8),
        "args": ("workload.bad_command", 0.75),
        "env": ("config.env_wrong", 0.75),
        "envFrom": ("config.env_wrong", 0.75),
        "resources": ("resources.cpu_throttling", 0.4),
        "dnsPolicy": ("network.dns", 0.6),
        "dnsConfig": ("network.dns", 0.6),
    },
    "liveness": {
        "livenessProbe": ("probe.liveness_misconfigured", 0.95),
        "startupProbe": ("probe.startup_misconfigured", 0.95),
        "image": ("workload.bad_rollout", 0.6),
        "command": ("workload.bad_command", 0.6),
        "env": ("config.env_wrong", 0.6),
        "resources": ("resources.cpu_throttling", 0.4),
    },
    "init": {
        "initContainers": ("init.stuck", 0.9),
        "image": ("workload.bad_rollout", 0.5),
        "env": ("config.env_wrong", 0.5),
    },
}


@dataclass(frozen=True, slots=True)
class Changed:
    """Claims from the last rollout, with their evidence."""

    claims: tuple[Claim, ...] = ()
    evidence: tuple[str, ...] = ()


def claims(subject: Subject, symptom: str) -> Changed:
    """Return the causes that the changed fields suggest for a container's symptom."""
    return suspects(subject.case, subject.workload, subject.container, symptom)


def suspects(case: Case, workload: ObjectRef, container: str, symptom: str) -> Changed:
    """Return the causes that the changed fields suggest for a symptom.

    The more fields changed together, the less any one of them is surely to blame.
    """
    found = case.changes(workload, container=container)
    table = _CAUSES[symptom]
    fitting: dict[str, list[Change]] = {}
    for change in found:
        field = (
            "initContainers"
            if symptom == "init" and change.path.startswith("init")
            else change.field
        )
        if field in table:
            fitting.setdefault(field, []).append(change)
    share = 1.0 if len(fitting) <= 1 else 0.85 if len(fitting) == 2 else 0.7
    result = []
    for field, changes in fitting.items():
        cause, strength = table[field]
        facts: dict[str, Fact] = {"container": container, "rolled_out": 1, "field": field}
        if field == "image":
            facts["previous_image"] = changes[0].before
            facts["image"] = changes[0].after
        shown = "; ".join(str(change) for change in changes[:3])
        result.append(
            Claim(
                workload,
                cause,
                strength * share,
                f"its latest revision changed {shown}",
                facts=facts,
            )
        )
    return Changed(tuple(result), tuple({c.evidence: None for c in found}) if result else ())
