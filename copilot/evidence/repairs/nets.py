"""What leads in and what stands between: Ingresses, policies, webhooks, name servers."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import created, dig
from copilot.evidence.repairs.common import (
    BACK,
    POD,
    READY,
    WORKLOADS,
    Facts,
    Row,
    concerned,
    joined,
    nudged,
)
from copilot.model.action import DeleteObject, Risk, Scale, SetField
from copilot.model.scope import ObjectRef

_NEAR = 0.6


def ingress(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Let a rule route to the Service of nearly its name, and to a port that it has."""
    obj = case.snapshot.get(ref)
    for r, rule in enumerate(dig(obj, "spec.rules", []) or []):
        for p, path in enumerate(dig(rule, "http.paths", []) or []):
            now = dig(path, "backend.service", {}) or {}
            right = _backend(case, ref, now)
            if right and right != now:
                shown = dig(right, "port.number") or dig(right, "port.name")
                yield (
                    f"Let Ingress {ref.name} route to Service {right['name']} port {shown}",
                    SetField(ref, f"/spec/rules/{r}/http/paths/{p}/backend/service",
                             json.dumps(right, sort_keys=True)),
                    Risk.LOW,
                    BACK,
                    "Requests from outside are answered.",
                )  # fmt: skip


def _backend(case: Case, ref: ObjectRef, now: Json) -> Json | None:
    name = str(now.get("name", ""))
    names = case.snapshot.names("Service", ref.namespace)
    if name not in names:
        near = difflib.get_close_matches(name, names, 1, _NEAR) or [
            n for n in names if n == ref.name
        ]
        if not near:
            return None
        name = near[0]
    service = case.snapshot.get(ObjectRef("Service", ref.namespace, name))
    ports = dig(service, "spec.ports", []) or []
    port = now.get("port") or {}
    if any(
        p.get(k) == port.get(f)
        for p in ports
        for k, f in (("port", "number"), ("name", "name"))
        if port.get(f)
    ):
        return {**now, "name": name}
    if not ports:
        return None
    web = [p for p in ports if str(p.get("name", "")).startswith("http")] or ports
    return {"name": name, "port": {"number": web[0].get("port")}}


def policy(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Delete a policy that is new; let one that is meant allow its own namespace."""
    obj = case.snapshot.get(ref)
    if obj is None:
        return
    types = dig(obj, "spec.policyTypes") or ["Ingress"]
    if case.snapshot.is_known_period(created(obj)):
        yield (
            f"Delete {ref.kind} {ref.name}",
            DeleteObject(ref),
            Risk.MEDIUM,
            "Create it again as it was.",
            "What it forbade works again.",
        )
    changes = []
    for kind, field, peer in (("Ingress", "ingress", "from"), ("Egress", "egress", "to")):
        if kind in types:
            rules = dig(obj, f"spec.{field}", []) or []
            own: Json = {peer: [{"podSelector": {}}]}
            more = [own] if kind == "Ingress" else [own, _names()]
            value = json.dumps([*rules, *(m for m in more if m not in rules)], sort_keys=True)
            changes.append(SetField(ref, f"/spec/{field}", value))
    if changes:
        yield (
            f"Let NetworkPolicy {ref.name} allow traffic within its namespace",
            joined(ref, changes),
            Risk.MEDIUM,
            BACK,
            "What it forbade works again.",
        )


def _names() -> Json:
    return {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}


def webhook(case: Case, ref: ObjectRef, facts: Facts) -> Iterator[Row]:
    """Bring the webhook's program back, else let its failure no longer forbid what it checks."""
    obj = case.snapshot.get(ref)
    for index, hook in enumerate(dig(obj, "webhooks", []) or []):
        workloads = concerned(case, ref, facts)
        service = dig(hook, "clientConfig.service", {}) or {}
        place = ObjectRef("Service", str(service.get("namespace")), str(service.get("name")))
        for workload in case.snapshot.backing(place):
            if (
                dig(case.snapshot.get(workload), "spec.replicas") == 0
                and workload.kind in WORKLOADS
            ):
                yield (
                    f"Scale {workload.kind} {workload.name}, which answers webhook {hook.get('name')}, to 1",
                    nudged(case, Scale(workload, 1), workloads),
                    Risk.LOW,
                    "Scale it back to 0.",
                    READY,
                )
        if hook.get("failurePolicy", "Fail") == "Fail":
            action = SetField(ref, f"/webhooks/{index}/failurePolicy", '"Ignore"')
            yield (
                f"Let {ref.kind} {ref.name} ignore the failure of webhook {hook.get('name')}",
                nudged(case, action, workloads),
                Risk.MEDIUM,
                "Set its failure policy to Fail again.",
                READY,
            )


def name_servers(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Let pods ask the cluster's own name servers."""
    spec = case.snapshot.spec(ref)
    changes = []
    host = bool(spec.get("hostNetwork"))
    wanted = "ClusterFirstWithHostNet" if host else "ClusterFirst"
    if spec.get("dnsPolicy", "ClusterFirst") != wanted:
        changes.append(SetField(ref, f"{POD}/dnsPolicy", json.dumps(wanted)))
    if spec.get("dnsConfig"):
        changes.append(SetField(ref, f"{POD}/dnsConfig"))
    if changes:
        yield (
            f"Let {ref.kind} {ref.name} use the cluster's name servers",
            joined(ref, changes),
            Risk.LOW,
            BACK,
            "It finds Services by their names.",
        )


def strategy(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Let rollouts replace pods a quarter at a time, the default of Deployments."""
    if ref.kind == "Deployment" and case.snapshot.get(ref) is not None:
        usual = {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
        }
        yield (
            f"Let rollouts of {ref.name} replace a quarter of its pods at a time",
            SetField(ref, "/spec/strategy", json.dumps(usual, sort_keys=True)),
            Risk.LOW,
            BACK,
            "Rollouts keep pods running.",
        )
