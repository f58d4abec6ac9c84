"""NetworkPolicies that block traffic which the app needs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue
from copilot.evidence.kube import brief, created, dig, name_of, pod_spec, ref_of
from copilot.evidence.logclock import ongoing
from copilot.evidence.network_policy import Peer, applies, blocking, blocks_names
from copilot.evidence.ports import resolve_in_pod
from copilot.evidence.topology import Edge
from copilot.model.scope import ObjectRef

_TAKES_EFFECT = timedelta(seconds=15)


def analyze(case: Case) -> Iterator[Clue]:
    """Report each policy that blocks edges of the call graph, with the edges."""
    policies = case.snapshot.of("NetworkPolicy")
    if not policies:
        return
    blocked: dict[ObjectRef, list[Edge]] = {}
    for edge in case.topology.edges:
        if edge.strength < 0.5:
            continue
        for policy in _blocking(case, edge):
            blocked.setdefault(ref_of(policy), []).append(edge)
    for policy in policies:
        ref = ref_of(policy)
        if ref in blocked:
            yield _clue(case, policy, blocked[ref])
        else:
            yield from _entry(case, policy)


def _blocking(case: Case, edge: Edge) -> list[Json]:
    snapshot = case.snapshot
    sources = snapshot.pods(edge.caller)
    targets = [edge.callee] if edge.callee.kind != "Service" else snapshot.backing(edge.callee)
    namespaces = snapshot.of("Namespace")
    policies = snapshot.of("NetworkPolicy")
    for target in targets:
        for pod in snapshot.pods(target)[:1]:
            for source in sources[:1]:
                port = _target_port(case, edge, pod)
                found = blocking(
                    policies, Peer.of(source, namespaces), Peer.of(pod, namespaces), port
                )
                if found:
                    return found
    if sources and edge.callee.kind == "Service":
        return blocks_names(policies, Peer.of(sources[0], namespaces))
    return []


def _target_port(case: Case, edge: Edge, pod: Json) -> int | None:
    service = case.snapshot.get(edge.callee)
    for port in dig(service, "spec.ports", []) or []:
        if edge.port in (None, port.get("port")):
            return resolve_in_pod(port.get("targetPort", port.get("port")), pod_spec(pod))
    return None


def _clue(case: Case, policy: Json, edges: list[Edge]) -> Clue:
    ref = ref_of(policy)
    changed = case.changed_at(ref)
    complaining = [e for e in edges if ongoing(case, e.caller, e.callee)]
    failing = [e for e in edges if _measured_failing(case, e)]
    flowing = [e for e in edges if _measured_flowing(case, e) or _goes_on(case, e, changed)]
    pairs = ", ".join(
        dict.fromkeys(f"{e.caller.name} -> {e.callee.name}" for e in (complaining or edges)[:3])
    )
    why = f"it does not allow {pairs}, which the app needs"
    certain = complaining or failing
    strength = 0.95 if certain else 0.1 if flowing else 0.88 if changed else 0.45
    return case.clue(
        "network.policy_blocks",
        ref,
        f"NetworkPolicy {name_of(policy)}: {why}"
        + (f"; changed at {brief(changed)}" if changed else ""),
        [case.ledger.value(policy, "spec")],
        weight=0.0 if flowing and not certain else 0.9 if certain or changed else 0.0,
        onset=changed or created(policy),
        claims=[Claim(ref, "network.policy_blocks", strength, why)],
        # It shows at the callees: whoever depends on them is explained by it.
        place=edges[0].callee,
        local=True,
    )


def _entry(case: Case, policy: Json) -> Iterator[Clue]:
    """A new policy that lets nobody reach pods which were reachable: an entry point cut off."""
    ref = ref_of(policy)
    if not case.changed_at(ref) or dig(policy, "spec.ingress"):
        return
    types = dig(policy, "spec.policyTypes") or ["Ingress"]
    if "Ingress" not in types:
        return
    for workload in case.snapshot.workloads:
        target = ref_of(workload)
        pods = case.snapshot.pods(target)
        if not pods or not case.snapshot.services_of(target):
            continue
        peer = Peer.of(pods[0], case.snapshot.of("Namespace"))
        guards = [p for p in case.snapshot.of("NetworkPolicy") if applies(p, peer, "Ingress")]
        if policy not in guards or any(dig(p, "spec.ingress") for p in guards):
            continue
        why = f"it lets nobody reach {target.name}"
        yield case.clue(
            "network.policy_isolates",
            ref,
            f"NetworkPolicy {ref.name}: {why}",
            [case.ledger.value(policy, "spec")],
            weight=0.8,
            onset=case.changed_at(ref),
            claims=[Claim(ref, "network.policy_blocks", 0.8, why)],
            place=target,
            local=True,
        )
        return


def _goes_on(case: Case, edge: Edge, since: datetime | None) -> bool:
    """Whether the caller has been writing its log since the change without a complaint.

    Not every network plug-in enforces policies.
    """
    if since is None:
        return False
    names = {name_of(pod) for pod in case.snapshot.pods(edge.caller)}
    return any(
        line.at is not None and line.at > since + _TAKES_EFFECT
        for log in case.snapshot.logs
        if log.pod in names and not log.previous
        for line in log.lines[-50:]
    )


def _flows(case: Case, edge: Edge) -> list[tuple[float, float]]:
    names = {edge.callee.name} | {w.name for w in case.snapshot.backing(edge.callee)}
    return [
        (flow.rate.now, flow.errors.now)
        for flow in case.snapshot.telemetry.edges()
        if flow.caller == edge.caller.name and flow.service.split(":")[0].split(".")[0] in names
    ]


def _measured_failing(case: Case, edge: Edge) -> bool:
    return any(rate > 0 and errors > 0.5 for rate, errors in _flows(case, edge))


def _measured_flowing(case: Case, edge: Edge) -> bool:
    return any(rate > 0 and errors < 0.5 for rate, errors in _flows(case, edge))
