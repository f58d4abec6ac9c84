"""Names that are not resolved: by one program for its own settings, or by all for want of the cluster's DNS."""

from __future__ import annotations

from copilot.evidence.analyzers import targets
from copilot.evidence.case import Case
from copilot.evidence.changes import Change
from copilot.evidence.clues import Claim, Fact
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
    host = issue.blames.host if issue.blames else dependency.name if dependency else "names"
    own = own_servers(case, workload)
    if own:
        why = f"its {own} keeps it from resolving {host}"
        return [Claim(workload, "network.dns", 0.9, why)]
    if dependency is not None and case.snapshot.get(dependency) is None:
        return [Claim(dependency, "network.dns", 0.2, f"{workload.name} cannot resolve {host}")]
    told = _told_anew(case, issue)
    if told:
        return [Claim(workload, "config.env_wrong", 0.92, told, facts=_told_facts(case, issue))]
    callers = case.topology.upstream(workload)
    others = sorted(
        {
            i.workload
            for i in case.issues
            if i.kind == "dns"
            and (i.ongoing or i.final)
            # A caller repeats what it is answered: it has asked for no name itself.
            and not (i.workload in callers and (i.blames is None or i.blames.host == host))
        }
        - {workload}
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


def _change(case: Case, issue: LogIssue) -> Change | None:
    host = issue.blames.host if issue.blames else ""
    for change in case.changes(issue.workload, "env", "args", "command") if host else ():
        if host in change.after and host not in change.before:
            return change
    return None


def _told_anew(case: Case, issue: LogIssue) -> str:
    """Return that the name which is not found is one that the latest revision brought; else ""."""
    change = _change(case, issue)
    host = issue.blames.host if issue.blames else ""
    return f"its latest revision changed {change}, and {host} is not found" if change else ""


def _told_facts(case: Case, issue: LogIssue) -> dict[str, Fact]:
    change = _change(case, issue)
    facts: dict[str, Fact] = {"container": issue.log.container, "rolled_out": 1}
    if change is not None:
        facts["previous"] = change.before
        if change.field == "env":
            facts["setting"] = f"env {change.path.rpartition('/')[2]}"
    return facts


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
