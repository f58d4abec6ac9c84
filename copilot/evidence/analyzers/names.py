"""Names that are not resolved: by one program for its own settings, or by all for want of the cluster's DNS."""

from __future__ import annotations

from copilot.evidence.analyzers import targets
from copilot.evidence.case import Case
from copilot.evidence.changes import Change
from copilot.evidence.clues import Claim, Fact
from copilot.evidence.kube import dig, is_true, ref_of
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
    empty = empty_headless(case, dependency)
    if empty is not None:
        why = f"{workload.name} cannot resolve {host}: its Service is headless and has no ready pod, so no address"
        return [Claim(empty, "dependency.unreachable", 0.3, why)]
    callers = case.topology.upstream(workload)
    others = sorted(
        {
            i.workload
            for i in case.issues
            if i.kind == "dns"
            and (i.ongoing or i.final)
            # A caller repeats what it is answered: it has asked for no name itself.
            and not (i.workload in callers and (i.blames is None or i.blames.host == host))
            and not (i.blames is None and _uses_empty(case, i))
            and empty_headless(case, targets.target(case, i)) is None
        }
        - {workload}
    )
    why = f"{workload.kind} {workload.name} cannot resolve {host}"
    why += ", which exists" if dependency else ""
    server = _server(case)
    if issue.blames is None and _uses_empty(case, issue):
        return [Claim(workload, "network.dns", 0.1, why)]
    if others and server is not None:
        told = f"{why}, and neither can {others[0].name} resolve names"
        return [
            Claim(server[0], "network.dns", 0.7, told, also=server[1]),
            Claim(workload, "network.dns", 0.15, why),
        ]
    well = all(
        is_true(p, "Ready")
        for w in targets.backing(case, dependency)
        for p in case.snapshot.pods(w)
    )
    found = [Claim(workload, "network.dns", 0.5 if well else 0.2, why)]
    if server is not None:
        found.append(Claim(server[0], "network.dns", 0.25, why, also=server[1]))
    return found


def empty_headless(case: Case, service: ObjectRef | None) -> ObjectRef | None:
    """Return what is behind a headless Service without a ready pod: its name has no address then.

    A DNS server answers NXDOMAIN for such a name, and is as well as ever. None for any other Service.
    """
    found = case.snapshot.get(service) if service is not None else None
    if found is None or service is None or dig(found, "spec.clusterIP") != "None":
        return None
    if dig(found, "spec.publishNotReadyAddresses") or not case.snapshot.knows("Pod"):
        return None
    behind = targets.backing(case, service)
    ready = any(is_true(p, "Ready") for w in behind for p in case.snapshot.pods(w))
    return None if ready else behind[0] if behind else service


def _uses_empty(case: Case, issue: LogIssue) -> bool:
    """Whether a program that does not say which name it lacks is set to use one that has no address."""
    used = {s.target for s in case.wiring.settings.get(issue.workload, ()) if s.target}
    return any(empty_headless(case, target) is not None for target in used)


def _server(case: Case) -> tuple[ObjectRef, tuple[ObjectRef, ...]] | None:
    """Return the cluster's DNS server; None where its namespace was read and has none."""
    read = [w for w in case.snapshot.workloads if ref_of(w).namespace == SERVER.namespace]
    if not read or case.snapshot.get(SERVER) is not None:
        return SERVER, _ALSO
    other = next((ref_of(w) for w in read if "dns" in ref_of(w).name), None)
    return (other, _ALSO[:1]) if other else None


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
