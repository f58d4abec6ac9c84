"""Clients whose store turns them away: which of login, password, rights, TLS or limits it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from copilot.evidence.analyzers import targets
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Fact
from copilot.evidence.kube import condition, containers, created, dig, is_true, parse_time
from copilot.evidence.logscan import LogIssue
from copilot.evidence.quoting import words
from copilot.model.scope import ObjectRef

SAYS: dict[str, tuple[str, float, str]] = {
    "not_authorized": ("database.login_revoked", 0.88, "lacks the rights that it needs"),
    "user_missing": ("database.user_missing", 0.88, "uses a login that does not exist"),
    "auth_failed": ("database.wrong_password", 0.6, "is refused at login"),
    "tls": ("database.tls_mismatch", 0.6, "does not agree on TLS"),
    "store_full": ("database.memory_full", 0.88, "is told that the store's memory is full"),
    "lock": ("database.lock_contention", 0.7, "waits for locks"),
    "db_limit": ("database.connection_limit", 0.88, "is told that there are too many connections"),
}
"""Cause, strength and words by the condition that a client logs."""

_LOGIN = re.compile(r"(?:user|role|username)[ =:]+[\"'`]?([\w.%-]+)|for user [\"']([^\"']+)", re.I)
_LAST = 400
_TURNED_AWAY = frozenset({"auth_failed", "user_missing"})
_SOURCES = {"secretRef": "Secret", "secretKeyRef": "Secret", "configMapRef": "ConfigMap",
            "configMapKeyRef": "ConfigMap"}  # fmt: skip
_PASSWORD = re.compile(
    r"password does not match|storedkey mismatch|has no password assigned|password mismatch|wrong password"
    r"|incorrect password|invalid password|using password: NO|no password supplied|password has expired",
    re.I,
)
"""What stores, or their answers, say of a user that there is."""
_USER = re.compile(
    r"role \"[^\"]+\" does not exist|UserNotFound|could not find user|no such user|user not found|unknown user"
    r"|user '?[\w@.-]+'? (does not exist|not found)",
    re.I,
)


def claims(case: Case, issue: LogIssue, dependency: ObjectRef | None) -> list[Claim]:
    """Return what a refusal of a store says, at the client or at the store."""
    cause, strength, says = SAYS[issue.kind]
    facts: dict[str, Fact] = {"container": issue.log.container}
    name = f"{issue.workload.kind} {issue.workload.name}"
    stores = targets.backing(case, dependency) or targets.stores_of(case, issue)
    because = f"{name} {says}" + (f" at {stores[0].name}" if stores else "")
    if stores and issue.kind in _TURNED_AWAY:
        because = f"{name} is refused by {stores[0].name}"
    if issue.kind == "tls" and stores and not targets.looks_like_store(case, stores[0]):
        why = f"{because}: its address, or what it trusts, does not fit what is served there"
        return [Claim(issue.workload, "config.env_wrong", 0.5, why, also=(stores[0],), facts=facts)]
    user = _LOGIN.search(" ".join(issue.lines))
    because += f" as {user.group(1) or user.group(2)}" if user and "log" in says else ""
    because += f": {words(issue)}"
    store = stores[0] if stores else issue.workload
    if issue.kind == "db_limit" and _locked(case, store, issue.workload):
        strength, because = 0.3, f"{because}, while others wait for a lock there"
    if not stores:
        if targets.looks_like_store(case, issue.workload):
            because = f"a client of {name} {says}" + because.partition(says)[2]
            guilty = _only_client(case, issue)
            if guilty is not None:
                why = f"of all its clients only {guilty.name} is refused by {issue.workload.name}: {words(issue)}"
                also = (*_secrets(case, guilty), issue.workload)
                return [
                    Claim(guilty, cause, 0.8, why, also=also, facts=facts),
                    Claim(issue.workload, cause, 0.2, because, also=(guilty,), facts=facts),
                ]
        is_store = targets.looks_like_store(case, issue.workload)
        strength *= 1 if is_store else 0.8
        return [Claim(issue.workload, cause, strength, because, facts=facts)]
    if cause == "database.wrong_password":
        return _refused(case, issue, stores[0], because, facts)
    secret = edited_secret(case, issue.workload)
    if cause == "database.user_missing" and (
        secret or case.changes(issue.workload, "env", "envFrom")
    ):
        # It was told another user than before.
        also = (*([secret] if secret else []), stores[0])
        return [Claim(issue.workload, cause, strength, because, also=also, facts=facts)]
    return [Claim(stores[0], cause, strength, because, also=(issue.workload,), facts=facts)]


def _only_client(case: Case, issue: LogIssue) -> ObjectRef | None:
    """Return the one client whose Jobs fail since a store refuses a login, while all others are let in.

    A Job reads its login anew at each run: it was told another one, or its own was taken from it.
    """
    store = issue.workload
    if issue.kind not in _TURNED_AWAY or not issue.clean_before:
        return None
    places = (store, *case.snapshot.services_of(store))
    clients = {n for p in places for n in case.topology.callers(p) if n.kind != "Service"}
    complaining = {i.workload for i in case.issues if i.ongoing or i.final} - {store}
    failed = {
        case.snapshot.controller(job)
        for job in case.snapshot.of("Job")
        if is_true(job, "Failed")
        and case.snapshot.is_recent(
            parse_time((condition(job, "Failed") or {}).get("lastTransitionTime"))
        )
    } & clients
    others = [c for c in clients - failed if case.snapshot.pods(c)]
    if len(failed) != 1 or not others or any(o in complaining for o in others):
        return None
    return next(iter(failed))


def _secrets(case: Case, client: ObjectRef) -> tuple[ObjectRef, ...]:
    """Return the Secrets that a program's variables come from: where its login is kept."""
    spec = case.snapshot.spec(client)
    names = [
        str(name)
        for container in containers(spec)
        for name in (
            *(dig(s, "secretRef.name") for s in container.get("envFrom") or []),
            *(dig(i, "valueFrom.secretKeyRef.name") for i in container.get("env") or []),
        )
        if name
    ]
    return tuple(ObjectRef("Secret", client.namespace, n) for n in dict.fromkeys(names))


def _locked(case: Case, store: ObjectRef, client: ObjectRef) -> bool:
    """Whether sessions wait for locks at a store: they pile up, and then there are too many of them."""
    return any(
        i.kind == "lock" and i.ongoing and (i.workload in (store, client)) for i in case.issues
    )


def _refused(
    case: Case, issue: LogIssue, store: ObjectRef, because: str, facts: dict[str, Fact]
) -> list[Claim]:
    """A client hears mostly the same of a wrong password and of a login that there is not.

    The store's own log, and which side was changed or made anew, tell them apart; where neither
    does, both stand, the program's own configuration first, since it is changed more often.
    """
    client = issue.workload
    absent = f"{client.kind} {client.name} is refused at login, as it also is when its user does not exist"
    said = [*issue.lines, *_said(case, store)]
    user = next((line for line in said if _USER.search(line)), "")
    password = next((line for line in said if _PASSWORD.search(line)), "")
    sure, lost = 0.6, 0.3
    if user and not password:
        sure, lost, absent = (
            0.1,
            0.9,
            f"{absent}; {store.name} says that it does not: {user[-160:]}",
        )
    elif password:
        sure, lost, because = 0.88, 0.05, f"{because}: {password[-160:]}"
    elif case.changes(client, "env", "envFrom", "volumes") or edited_secret(case, client):
        sure, lost = 0.8, 0.1
    elif _unchanged(case, issue, store):
        # A password that was changed at the store is commoner than a user that was dropped there.
        sure, lost = 0.55, 0.42
        absent = f"{absent}; {client.name} itself was let in before, and is as it was"
    elif _renewed(case, store, client):
        sure, lost = 0.3, 0.65
        absent = f"{absent}; {store.name} was started anew after it, and what it held may be gone"
    secret = edited_secret(case, client)
    also = (*([secret] if secret else []), store)
    return [
        Claim(client, "database.wrong_password", sure, because, also=also, facts=facts),
        Claim(store, "database.user_missing", lost, absent, also=(client,)),
    ]


def _said(case: Case, store: ObjectRef) -> Iterator[str]:
    names = {str(pod["metadata"]["name"]) for pod in case.snapshot.pods(store)}
    for log in case.snapshot.logs:
        if log.pod in names and log.namespace == store.namespace:
            yield from (line.text for line in log.lines[-_LAST:])


def _unchanged(case: Case, issue: LogIssue, store: ObjectRef) -> bool:
    """Whether a client that was let in before is refused with the settings that it had."""
    client, made = issue.workload, created(issue.pod)
    if any(case.changes(client)):
        return False
    old = made is not None and not case.snapshot.is_recent(made)
    before = issue.clean_before or any(
        f.rate.base and f.errors.base is not None and f.errors.base < 0.2
        for f in case.snapshot.telemetry.edges()
        if case.wiring.node(f.caller) == client
        and store in targets.backing(case, case.wiring.callee(f.service))
    )
    return before and (old or _same_sources(case, client))


def edited_secret(case: Case, client: ObjectRef) -> ObjectRef | None:
    """Return a Secret that a program takes variables or files from and that was edited in the period."""
    spec = case.snapshot.spec(client)
    named = [dig(v, "secret.secretName") for v in spec.get("volumes") or []]
    for container in containers(spec):
        named += [dig(s, "secretRef.name") for s in container.get("envFrom") or []]
        named += [dig(i, "valueFrom.secretKeyRef.name") for i in container.get("env") or []]
    refs = [ObjectRef("Secret", client.namespace, str(name)) for name in named if name]
    return next((ref for ref in refs if case.changed_at(ref)), None)


def _same_sources(case: Case, client: ObjectRef) -> bool:
    """Whether none of the Secrets and ConfigMaps that a program takes variables from was edited."""
    for container in containers(case.snapshot.spec(client)):
        sources = [
            *(container.get("envFrom") or []),
            *(i.get("valueFrom") or {} for i in container.get("env") or []),
        ]
        for source in sources:
            for field, kind in _SOURCES.items():
                ref = ObjectRef(kind, client.namespace, str(dig(source, f"{field}.name", "")))
                if ref.name and (case.snapshot.get(ref) is None or case.changed_at(ref)):
                    return False
    return True


def _renewed(case: Case, store: ObjectRef, client: ObjectRef) -> bool:
    """Whether the store's pods are of this window and the client's, with the same settings, are not."""
    new, old = case.snapshot.pods(store), case.snapshot.pods(client)
    return (
        bool(new and old)
        and all(is_true(p, "Ready") and case.snapshot.is_recent(created(p)) for p in new)
        and not any(case.snapshot.is_recent(created(p)) for p in old)
    )
