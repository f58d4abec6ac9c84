"""What running programs complain about in their logs, now: dependencies first of all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from copilot.evidence.analyzers import logclaims, targets
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Clue, Fact
from copilot.evidence.kube import brief, containers, dig
from copilot.evidence.logclock import counts
from copilot.evidence.logscan import LogIssue
from copilot.evidence.quoting import words
from copilot.evidence.signatures import DEPENDENCY_KINDS
from copilot.evidence.topology import namesakes
from copilot.model.scope import ObjectRef

_SAYS = {
    "refused": "connections are refused",
    "unavailable": "no server is available",
    "dns": "the name cannot be resolved",
    "timeout": "calls time out",
    "reset": "connections break off",
    "tls": "TLS fails",
    "cert_expired": "a certificate has expired",
    "auth_failed": "the login is refused",
    "not_authorized": "a right is missing",
    "user_missing": "the login does not exist",
    "pool": "the connection pool is exhausted",
    "db_limit": "the database accepts no more connections",
    "store_full": "the store's memory is full",
    "poison": "a message cannot be read",
    "version": "its version does not fit the data",
    "clock": "clocks disagree",
    "exhausted": "a limit of its host is used up",
    "lock": "locks are waited for",
    "upstream_error": "calls are answered with errors",
}
_MOMENT = timedelta(seconds=8)
_STEADY, _OFTEN = timedelta(seconds=30), 5
_DENIED = frozenset({"rbac"})
"""What the cluster itself forbids a program: that is never a mere remark of its own."""
_HARD = frozenset({"refused", "unavailable", "dns", "auth_failed", "not_authorized", "user_missing",
                   "tls", "cert_expired", "disk_full", "io_error", "exhausted", "db_limit", "store_full"})  # fmt: skip


def analyze(case: Case) -> Iterator[Clue]:
    """Report present complaints, grouped by caller and dependency."""
    groups: dict[tuple[ObjectRef, ObjectRef | None, str], list[LogIssue]] = defaultdict(list)
    for issue in case.issues:
        if issue.log.previous or issue.final or not _runs(issue):
            continue  # the end of a container that is down is told with its crash
        target = targets.target(case, issue) if issue.kind in DEPENDENCY_KINDS else None
        if counts(case, issue, target):
            groups[issue.workload, target, issue.kind].append(issue)
    worst: dict[tuple[ObjectRef, ObjectRef | None], list[tuple[str, list[LogIssue]]]] = defaultdict(
        list
    )
    for (workload, target, kind), issues in groups.items():
        worst[workload, target].append((kind, issues))
    for (workload, target), kinds in worst.items():
        yield from _complaint(case, workload, target, kinds)


def _runs(issue: LogIssue) -> bool:
    return bool(dig(issue.pod, "status.phase") == "Running")


def _complaint(
    case: Case,
    workload: ObjectRef,
    target: ObjectRef | None,
    kinds: list[tuple[str, list[LogIssue]]],
) -> Iterator[Clue]:
    known = [(k, i) for k, i in kinds if k not in ("error", "telemetry")]
    if not known:
        yield from _errors(case, workload, [i for _, found in kinds for i in found])
        return
    known.sort(key=lambda item: (item[0] not in _HARD, -sum(i.count for i in item[1])))
    issues = [i for _, found in known for i in found]
    first = min((i.first for i in issues if i.first), default=None)
    count = sum(i.count for i in issues)
    claims: list[Claim] = []
    kind = known[0][0]
    source = _repeated(case, workload, kind) if target is None else None
    for _, found in known if source is None else ():
        claims += logclaims.claims_of(case, found[0])
    clients = _refused_clients(case, workload, kind)
    if clients:
        claims = []
    weight = _weight(kind, count, target) * (1.0 if _lasts(issues) else 0.5)
    if _steady(case, issues) and target is None and source is None:
        if kind in _DENIED:
            weight = max(weight, 0.7)
        elif own_user(case, workload):
            weight = max(weight, 0.55)
            claims = claims or _unwell(workload, issues, 0.6)
    says = f"logs that {_SAYS[kind]}" if kind in _SAYS else "logs"
    about = f", at {target.name}" if target else ""
    told = words(known[0][1][-1])
    if target is not None and case.snapshot.get(target) is None:
        claims += _unknown_target(case, workload, target, issues)
    yield case.clue(
        "log.dependency" if target else f"log.{kind}",
        workload,
        f"{workload.kind} {workload.name} {says}{about}{':' if kind in _SAYS else ''} {told}"
        f" ({count} times since {brief(first)})",
        [logclaims.quote(case, i) for i in issues[:3]],
        weight=0.0 if clients else weight,
        onset=_beginning(issues, first),
        claims=claims,
        place=workload,
        toward=target or source,
        # What a program lacks itself, no dependency of it takes away.
        local=target is None and source is None and kind not in DEPENDENCY_KINDS and bool(claims),
    )


def _repeated(case: Case, workload: ObjectRef, kind: str) -> ObjectRef | None:
    """Return the dependency that complains of the same: its callers repeat what it answers."""
    same = {i.workload for i in case.issues if i.kind == kind and i.ongoing} - {workload}
    for node, surely in case.topology.downstream(workload).items():
        below = node in same and surely >= 0.4 and workload not in case.topology.downstream(node)
        if below and not _refused_clients(case, node, kind):
            return node
    return None


def _refused_clients(case: Case, node: ObjectRef, kind: str) -> list[ObjectRef]:
    """Return the clients whose own fault it is that a program logs refused logins.

    Such a line in the log of a program that uses nothing itself is about who logs in to it. It is their fault
    when others of its callers are let in, or when they were rolled out with other settings.
    """
    uses = [n for n, surely in case.topology.callees(node).items() if surely >= 0.3]
    if kind != "auth_failed" or uses:
        return []
    complaining = {i.workload for i in case.issues if i.kind == kind and i.ongoing} - {node}
    places = (node, *case.snapshot.services_of(node))
    callers = sorted({n for p in places for n in case.topology.callers(p) if n.kind != "Service"})
    refused = [n for n in callers if n in complaining]
    changed = [n for n in refused if case.changes(n, "env", "envFrom")]
    content = [n for n in callers if n not in complaining and case.snapshot.pods(n)]
    return changed or (refused if content else [])


def _steady(case: Case, issues: list[LogIssue]) -> bool:
    """Whether complaints that there were none of before go on, since a moment of the period."""
    new = [i for i in issues if i.clean_before and case.snapshot.is_known_period(i.first)]
    last = max((i.last for i in new if i.last), default=None)
    first = min((i.first for i in new if i.first), default=None)
    lasts = first is not None and last is not None and last - first >= _STEADY
    return lasts and sum(i.count for i in new) >= _OFTEN


def own_user(case: Case, workload: ObjectRef) -> bool:
    """Whether nobody calls a program: a worker, an agent. Only its own log tells that it fails."""
    measured = {case.wiring.node(flow.service) for flow in case.snapshot.telemetry.served()}
    served = case.snapshot.services_of(workload) or case.depended_on(workload)
    return not served and workload not in measured


def _unwell(workload: ObjectRef, issues: list[LogIssue], strength: float) -> list[Claim]:
    first = min((i.first for i in issues if i.first), default=None)
    why = f"since {brief(first)} it logs {words(issues[-1])}, which it did not before"
    facts: dict[str, Fact] = {"container": issues[-1].log.container}
    return [Claim(workload, "application.errors", strength, why, facts=facts)]


def _lasts(issues: list[LogIssue]) -> bool:
    """Whether the complaints go on for more than a passing moment."""
    first = min((i.first for i in issues if i.first), default=None)
    last = max((i.last for i in issues if i.last), default=None)
    return first is None or last is None or last - first >= _MOMENT


def _weight(kind: str, count: int, target: ObjectRef | None) -> float:
    if kind == "telemetry":
        return 0.0
    if kind in _HARD:
        base = 0.8 if target else 0.65
    elif kind in DEPENDENCY_KINDS:
        base = 0.6 if target else 0.4
    else:
        base = 0.35
    # One failed call is no incident; that it goes on is.
    return base if count >= 3 else 0.5 * base if count == 2 else 0.3 * base


def _unknown_target(
    case: Case, workload: ObjectRef, target: ObjectRef, issues: list[LogIssue]
) -> list[Claim]:
    """A name that only the log knows: the program was told it somewhere we cannot read."""
    if any(s.target == target for s in case.wiring.settings.get(workload, ())):
        return []  # the configuration's own analyzer knows more
    why = f"it calls {target.name}, and no such Service exists"
    del issues
    if namesakes(case.snapshot, target):
        lost = f"{workload.name} calls it, and it does not exist, though its workload does"
        return [Claim(target, "service.missing", 0.9, lost)]
    return [
        Claim(workload, "dependency.wrong_address", 0.45, why),
        Claim(target, "service.missing", 0.35, f"{workload.name} calls it, and it does not exist"),
    ]


def _errors(case: Case, workload: ObjectRef, issues: list[LogIssue]) -> Iterator[Clue]:
    """Errors of no known kind count a little, if the log was clean before them."""
    fresh = [
        i
        for i in issues
        if i.clean_before and i.count >= 3 and case.snapshot.is_known_period(i.first)
    ]
    if not fresh:
        return
    count = sum(i.count for i in fresh)
    first = min((i.first for i in fresh if i.first), default=None)
    alone = own_user(case, workload) and _steady(case, fresh)
    why = f"its log has {count} errors since {brief(first)}, and none before: {words(fresh[-1])}"
    yield case.clue(
        "log.errors",
        workload,
        f"{workload.kind} {workload.name}: {why}",
        [logclaims.quote(case, i) for i in fresh[:2]],
        weight=0.55 if alone else 0.35,
        onset=first,
        claims=[
            Claim(
                workload,
                "application.errors",
                0.3 if alone else 0.4,
                why,
                facts={"container": _first(case, workload)},
            )
        ],
        place=workload,
    )


def _first(case: Case, workload: ObjectRef) -> str:
    found = containers(case.snapshot.spec(workload))
    return str(found[0].get("name", "")) if found else ""


def _beginning(issues: list[LogIssue], first: datetime | None) -> datetime | None:
    return first if any(i.clean_before for i in issues) else None
