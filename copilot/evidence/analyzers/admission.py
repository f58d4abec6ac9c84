"""Why the API server refuses a pod: quota, limits, security, service account, webhooks."""

from __future__ import annotations

import re

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Fact
from copilot.evidence.kube import ref_of
from copilot.evidence.wanted import WEBHOOKS
from copilot.model.scope import ObjectRef

_QUOTA = re.compile(r"(exceeded|failed) quota: ([\w.-]+)[,:]?(.*)", re.I | re.S)
_LIMIT = re.compile(
    r"(maximum|minimum) \S+ usage per|must be less than or equal to \S+ limit|max limit to request ratio",
    re.I,
)
_SECURITY = re.compile(
    r"violates PodSecurity|unable to validate against any pod security policy|security ?context",
    re.I,
)
_ACCOUNT = re.compile(r"serviceaccount \"([^\"]+)\" not found", re.I)
_WEBHOOK = re.compile(
    r"failed calling webhook \"([^\"]+)\"|admission webhook \"([^\"]+)\" denied", re.I
)
_POLICY = re.compile(r"ValidatingAdmissionPolicy '([^']+)'", re.I)
_ENDING = re.compile(r"because it is being terminated", re.I)
_PRIORITY = re.compile(r"no PriorityClass with name (\S+)", re.I)


def claims_of(case: Case, workload: ObjectRef, message: str) -> tuple[list[Claim], list[str]]:
    """Read a refusal; returns the claims and evidence about the object that refuses."""
    quota = _QUOTA.search(message)
    if quota:
        place = ObjectRef("ResourceQuota", workload.namespace, quota.group(2))
        obj = case.snapshot.get(place)
        detail = " ".join(quota.group(3).split()).strip(" ,:")
        facts: dict[str, Fact] = {"quota": quota.group(2), "detail": detail[:300]}
        why = f"ResourceQuota {quota.group(2)} forbids it ({detail[:200]})"
        evidence = [case.ledger.value(obj, "status")] if obj else []
        return [
            Claim(place, "resources.quota_exceeded", 0.96, why, also=(workload,), facts=facts)
        ], evidence
    if _LIMIT.search(message):
        ranges = [
            ref_of(o)
            for o in case.snapshot.of("LimitRange")
            if ref_of(o).namespace == workload.namespace
        ]
        place = ranges[0] if ranges else ObjectRef("LimitRange", workload.namespace, "")
        why = f"a LimitRange forbids its resources ({_tail(message)})"
        evidence = (
            [case.ledger.value(case.snapshot.get(place) or {}, "spec.limits")] if ranges else []
        )
        target = place if ranges else workload
        return [Claim(target, "resources.limit_range", 0.95, why, also=(workload,))], evidence
    account = _ACCOUNT.search(message)
    if account:
        name = account.group(1)
        why = f"its service account {name} does not exist"
        also = (ObjectRef("ServiceAccount", workload.namespace, name),)
        names = case.snapshot.names("ServiceAccount", workload.namespace)
        evidence = [case.ledger.absence("ServiceAccount", workload.namespace, names, name)]
        return [Claim(workload, "security.service_account_missing", 0.96, why, also=also)], evidence
    webhook = _WEBHOOK.search(message)
    if webhook:
        name = webhook.group(1) or webhook.group(2)
        holders = _holders(case, name)
        place, *rest = [ref_of(o) for o in holders] or [
            ObjectRef(kind, "", name) for kind in WEBHOOKS
        ]
        why = f"admission webhook {name} {'fails' if webhook.group(1) else 'denies it'} ({_tail(message)})"
        evidence = [case.ledger.value(o, "webhooks") for o in holders[:1]]
        return [Claim(place, "admission.webhook_failing", 0.9, why, also=tuple(rest))], evidence
    policy = _POLICY.search(message)
    if policy:
        why = f"admission policy {policy.group(1)} denies it ({_tail(message)})"
        place = ObjectRef("ValidatingAdmissionPolicy", "", policy.group(1))
        return [Claim(place, "admission.webhook_failing", 0.85, why, also=(workload,))], []
    if _ENDING.search(message):
        place = ObjectRef("Namespace", "", workload.namespace)
        why = "its namespace is being deleted, and takes no new objects"
        return [Claim(place, "object.stuck_terminating", 0.85, why, also=(workload,))], []
    priority = _PRIORITY.search(message)
    if priority:
        why = f"its PriorityClass {priority.group(1)} does not exist"
        return [Claim(workload, "scheduling.priority_class_missing", 0.96, why)], []
    if _SECURITY.search(message):
        why = f"Pod Security forbids it ({_tail(message)})"
        also = (ObjectRef("Namespace", "", workload.namespace),)
        return [Claim(workload, "security.pod_security", 0.92, why, also=also)], []
    return [Claim(workload, "unknown", 0.4, f"the API server refuses them ({_tail(message)})")], []


def _holders(case: Case, webhook: str) -> list[Json]:
    """Return the configurations that hold a webhook: the API server names only the webhook itself."""
    return [
        obj
        for kind in WEBHOOKS
        for obj in case.snapshot.of(kind)
        if any(hook.get("name") == webhook for hook in obj.get("webhooks") or [])
    ]


def _tail(message: str) -> str:
    return " ".join(message.split())[-220:]
