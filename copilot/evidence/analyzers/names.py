"""Names that are not resolved: by one program for its own settings, or by all for want of the cluster's DNS."""

from __future__ import annotations

from copilot.evidence.analyzers import targets
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim
from copilot.evidence.kube import dig, is_true
from copilot.evidence.logscan import LogIssue
from copilot.model.scope import ObjectRef

SERVER = ObjectRef("Deployment", "kube-system", "coredns")
_ALSO = (
    ObjectRef("Service", "kube-system", "kube-dns"),
    ObjectRef("ConfigMap", "kube-system", "coredns"),
)
_CLUSTER = ("ClusterFirst", "ClusterFirstWithHostNet")


def claims(case: Case, issue: LogIssue, dependency: ObjectRef | None) -> list[Claim]:
    """Return why a program does not find a name, which exists unless another analyzer says so."""
    workload = issue.workload
    host = dependency.name if dependency else issue.blames.host if issue.blames else "names"
    own = own_servers(case, workload)
    if own:
        why = f"its {own} keeps it from resolving {host}"
        return [Claim(workload, "network.dns", 0.9, why)]
    if dependency is not None and case.snapshot.get(dependency) is None:
        return [Claim(dependency, "network.dns", 0.2, f"{workload.name} cannot resolve {host}")]
    others = sorted(
        {i.workload for i in case.issues if i.kind == "dns" and (i.ongoing or i.final)} - {workload}
    )
    why = f"{workload.kind} {workload.name} cannot resolve {host}"
    why += ", which exists" if dependency else ""
    if others:
        told = f"{why}, and neither can {others[0].name} resolve names"
        return [
            Claim(SERVER, "network.dns", 0.7, told, also=_ALSO),
            Claim(workload, "network.dns", 0.15, why),
        ]
    well = all(
        is_true(p, "Ready")
        for w in targets.backing(case, dependency)
        for p in case.snapshot.pods(w)
    )
    return [
        Claim(workload, "network.dns", 0.5 if well else 0.2, why),
        Claim(SERVER, "network.dns", 0.25, why, also=_ALSO),
    ]


def own_servers(case: Case, workload: ObjectRef) -> str:
    """Return the setting by which a pod asks other name servers than the cluster's; "" for none."""
    spec = case.snapshot.spec(workload)
    policy = str(dig(spec, "dnsPolicy", _CLUSTER[0]))
    if policy not in _CLUSTER:
        return f"dnsPolicy {policy}"
    asked = dig(spec, "dnsConfig.nameservers", [])
    if asked:
        return f"dnsConfig with name server {asked[0]}"
    searched = dig(spec, "dnsConfig.options", [])
    dots = next((str(o.get("value")) for o in searched if o.get("name") == "ndots"), "")
    return f"dnsConfig with ndots {dots}" if dots == "0" else ""
