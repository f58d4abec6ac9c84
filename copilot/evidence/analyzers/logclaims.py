"""What a container's own log says about causes, for a container that is down or not ready."""

from __future__ import annotations

import re
from collections.abc import Iterable

from copilot.evidence.analyzers import configfiles, logins, names, ownclaims, targets
from copilot.evidence.analyzers.subject import Subject
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Fact
from copilot.evidence.kube import brief, dig, is_true, name_of, ref_of
from copilot.evidence.logscan import LogIssue
from copilot.evidence.mounts import mounts
from copilot.evidence.quoting import words
from copilot.evidence.signatures import DEPENDENCY_KINDS
from copilot.model.scope import ObjectRef

_CALL: dict[str, tuple[str, float, str]] = {
    "refused": ("dependency.unreachable", 0.3, "is refused a connection"),
    "unavailable": ("dependency.unreachable", 0.3, "finds no server"),
    "timeout": ("dependency.slow", 0.2, "gets no answer in time"),
    "reset": ("dependency.unreachable", 0.2, "loses its connections"),
    "pool": ("dependency.pool_exhausted", 0.6, "has no connection left in its pool"),
    "upstream_error": ("application.errors", 0.25, "gets errors"),
}


def for_container(subject: Subject) -> tuple[list[Claim], list[str], ObjectRef | None]:
    """Return the claims, the evidence, and the dependency that this container's log blames."""
    name = name_of(subject.pod)
    issues = [
        i
        for i in subject.case.issues
        if i.log.pod == name
        and i.log.container == subject.container
        and i.workload == subject.workload
        and (i.final or i.ongoing)
        and i.kind != "error"
    ]
    issues.sort(key=lambda i: (i.kind == "crash", -i.count))
    claims: list[Claim] = []
    evidence: list[str] = []
    toward: ObjectRef | None = None
    for issue in issues[:6]:
        found = claims_of(subject.case, issue)
        if found:
            claims += found
            evidence.append(quote(subject.case, issue))
        if toward is None and issue.kind in DEPENDENCY_KINDS:
            toward = targets.target(subject.case, issue)
    files, quoted = configfiles.claims(subject)
    if files:  # what they say of a setting is said of that file
        claims = [c.times(0.3) if c.cause.startswith("config.") else c for c in claims]
    return claims + files, list(dict.fromkeys(evidence + quoted)), toward


def claims_of(case: Case, issue: LogIssue) -> list[Claim]:
    """Return what one log issue suggests by itself."""
    if issue.kind in ownclaims.SAYS:
        return ownclaims.claims(case, issue)
    if issue.kind == "rbac":
        return [_rbac(case, issue)]
    if issue.kind == "missing_file":
        return _missing_file(case, issue)
    facts: dict[str, Fact] = {"container": issue.log.container}
    name = f"{issue.workload.kind} {issue.workload.name}"
    dependency = targets.target(case, issue)
    if issue.kind in logins.SAYS:
        return logins.claims(case, issue, dependency)
    if issue.kind == "pool" and dependency is None:
        cause, strength, says = _CALL["pool"]
        return [Claim(issue.workload, cause, strength, f"{name} {says}", facts=facts)]
    if issue.kind == "dns":
        return names.claims(case, issue, dependency)
    if issue.kind in _CALL and dependency is None and issue.blames and "." in issue.blames.host:
        cause, strength, says = _CALL[issue.kind]
        because = f"{name} {says} at {issue.blames.host}, outside the cluster"
        return [Claim(issue.workload, cause, strength, because, facts=facts)]
    if issue.kind in _CALL and dependency is not None:
        cause, strength, says = _CALL[issue.kind]
        places = targets.backing(case, dependency) or [dependency]
        if cause == "dependency.pool_exhausted":
            places = [issue.workload]
        because = f"{name} {says} at {dependency.name}"
        found = [Claim(place, cause, strength, because) for place in places[:2]]
        found += _unanswered(case, issue, places)
        if cause == "dependency.unreachable" and (
            _serves_others(case, issue.workload, dependency)
            or _only_caller_new(case, issue, places)
        ):
            others = f"{because}, which is as well as before"
            found = [c.times(0.4) for c in found]
            found.append(
                Claim(issue.workload, "dependency.wrong_address", 0.4, others, facts=facts)
            )
        return found
    return []


_SYN = re.compile(
    r"connect\W{0,3}ETIMEDOUT|connect(\(\))?\W.{0,60}timed out|connect timed? ?out|dial tcp .{0,60}i/o timeout"
    r"|ConnectTimeout",
    re.I,
)


def _unanswered(case: Case, issue: LogIssue, places: list[ObjectRef]) -> list[Claim]:
    """Attempts to connect that a ready program's host answers in no way at all.

    A port that nobody serves refuses at once, and a busy program still accepts. Silence comes from
    what is in between: a policy (judged elsewhere), a full table of connections, or loss; all calls
    fail of the former, a share of the latter.
    """
    pods = [pod for place in places for pod in case.snapshot.pods(place)]
    ready = bool(pods) and all(is_true(pod, "Ready") for pod in pods)
    if not ready or not any(_SYN.search(line) for line in issue.lines):
        return []
    shares = [
        flow.errors.now
        for flow in case.outgoing.get(issue.workload, ())
        if set(targets.backing(case, case.wiring.callee(flow.service))) & set(places)
    ]
    whole = min(shares, default=1.0) >= 0.95
    why = f"connections to {places[0].name} are not answered at all, though it is ready"
    return [
        Claim(places[0], "node.resource_exhausted", 0.5 if whole else 0.2, why),
        Claim(places[0], "network.loss", 0.3 if whole else 0.5, why),
    ]


def _serves_others(case: Case, workload: ObjectRef, dependency: ObjectRef) -> bool:
    """Whether other callers' measured calls of a dependency succeed now."""
    flows = [
        flow
        for flow in case.snapshot.telemetry.edges()
        if case.wiring.callee(flow.service) == dependency
        and case.wiring.node(flow.caller) != workload
        and flow.rate.now > 0.05
    ]
    return bool(flows) and all(flow.errors.now < 0.03 for flow in flows)


def _only_caller_new(case: Case, issue: LogIssue, places: list[ObjectRef]) -> bool:
    """Whether the caller's pod came within the window, and its ready dependency is from before."""
    pods = [pod for place in places for pod in case.snapshot.pods(place)]
    return (
        case.snapshot.is_recent_object(issue.pod)
        and bool(pods)
        and all(is_true(p, "Ready") and not case.snapshot.is_recent_object(p) for p in pods)
    )


_PATH = re.compile(r"[\w./-]*[\w-]+\.\w+")


def _missing_file(case: Case, issue: LogIssue) -> list[Claim]:
    """A file that the program misses: one that a ConfigMap or Secret should have put there?"""
    name = f"{issue.workload.kind} {issue.workload.name}"
    spec = case.snapshot.spec(issue.workload)
    facts: dict[str, Fact] = {"container": issue.log.container}
    text = " ".join(issue.lines)
    paths = [p for p in _PATH.findall(text) if "/" in p or text.count(p) == 1]
    for mount in mounts(issue.workload.namespace, spec):
        for path in paths:
            if not mount.covers(path):
                continue
            ref, key = mount.holder, path.rsplit("/", 1)[-1]
            cause = f"config.{ref.kind.lower()}_missing"
            held = dig(case.snapshot.get(ref) or {}, "data", {})
            has = ref.kind == "ConfigMap" and key in held
            why = f"{name} logs that {path} is missing, which {ref.kind} {ref.name} should hold"
            facts |= {
                "missing": f"key {key} of {ref.kind} {ref.name}",
                "kind": ref.kind,
                "name": ref.name,
                "key": key,
            }
            changed = case.changed_at(ref)
            if not has and changed is not None and case.snapshot.get(ref) is not None:
                why += f"; it was edited at {brief(changed)}"
                return [Claim(ref, cause, 0.95, why, (issue.workload,), facts=facts)]
            return [Claim(issue.workload, cause, 0.5 if has else 0.92, why, (ref,), facts=facts)]
    return [
        Claim(
            issue.workload,
            "config.env_wrong",
            0.3,
            f"{name} misses a file: {words(issue)}",
            facts=facts,
        ),
        Claim(
            issue.workload,
            "workload.bad_command",
            0.3,
            f"{name} misses a file: {words(issue)}",
            facts=facts,
        ),
    ]


_ACCOUNT = re.compile(r"system:serviceaccount:[^:\"]+:([\w.-]+)")


def _rbac(case: Case, issue: LogIssue) -> Claim:
    named = _ACCOUNT.search(" ".join(issue.lines))
    set_to = case.snapshot.spec(issue.workload).get("serviceAccountName")
    account = named.group(1) if named else str(set_to or "default")
    because = (
        f"service account {account} lacks a right that {issue.workload.name} needs: {words(issue)}"
    )
    place = ObjectRef("ServiceAccount", issue.workload.namespace, account)
    return Claim(ObjectRef("Role", issue.workload.namespace, account), "security.rbac_denied", 0.88,
                 because, also=(ObjectRef("RoleBinding", issue.workload.namespace, account), place,
                                issue.workload))  # fmt: skip


def quote(case: Case, issue: LogIssue) -> str:
    """Quote the lines of an issue."""
    return case.ledger.lines(issue.log.query, issue.lines, (ref_of(issue.pod), issue.workload))


def last_words(subject: Subject, count: int = 8) -> list[str]:
    """Quote the end of the log of a container's last run."""
    log = subject.last_log()
    if log is None or not log.lines:
        return []
    lines: Iterable[str] = [line.raw for line in log.lines[-count:]]
    return [subject.case.ledger.lines(log.query, lines, (ref_of(subject.pod), subject.workload))]
