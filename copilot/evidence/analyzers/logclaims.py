"""What a container's own log says about causes, for a container that is down or not ready."""

from __future__ import annotations

import re
from collections.abc import Iterable

from copilot.evidence.analyzers import configfiles
from copilot.evidence.analyzers.subject import Subject
from copilot.evidence.case import Case
from copilot.evidence.clues import Claim, Fact
from copilot.evidence.kube import containers, is_true, name_of, ref_of
from copilot.evidence.logscan import LogIssue
from copilot.evidence.signatures import DEPENDENCY_KINDS
from copilot.model.scope import ObjectRef

_STORES = ("mongo", "mysql", "mariadb", "postgres", "redis", "valkey", "cassandra", "elastic",
           "opensearch", "rabbitmq", "kafka", "memcached", "etcd", "cockroach", "tidb", "mssql",
           "clickhouse", "minio", "nats", "zookeeper", "couch", "neo4j", "influx", "keydb")  # fmt: skip
_STORE_PORTS = frozenset({27017, 3306, 5432, 6379, 9042, 9200, 5672, 9092, 2379, 26257, 4000, 1433})

_WORD = re.compile(r"[a-z0-9]+")
_COMMON = frozenset(
    {"service", "svc", "app", "api", "db", "database", "server", *_STORES, "mongodb", "postgresql"}
)

_OWN: dict[str, tuple[str, float, str]] = {
    "missing_config": ("config.env_wrong", 0.7, "it misses a setting"),
    "no_program": ("workload.bad_command", 0.8, "its command cannot be run"),
    "bind": ("config.port_conflict", 0.88, "the port that it wants is taken"),
    "oom": ("resources.memory_limit_too_low", 0.5, "it runs out of memory"),
    "disk_full": ("storage.disk_full", 0.85, "its disk is full"),
    "io_error": ("storage.disk_errors", 0.5, "its disk returns errors"),
    "exhausted": ("node.resource_exhausted", 0.85, "a limit of its host is used up"),
    "version": (
        "image.incompatible_version",
        0.9,
        "its version does not fit the data that it finds",
    ),
    "poison": ("queue.poison_message", 0.7, "it cannot read a message of its queue"),
    "clock": ("node.clock_skew", 0.6, "clocks disagree"),
    "permission": ("security.pod_security", 0.3, "it lacks a permission"),
    "cert_expired": ("security.certificate_expired", 0.8, "a certificate has expired"),
}
_LOGIN: dict[str, tuple[str, float, str]] = {
    "not_authorized": ("database.login_revoked", 0.88, "lacks the rights that it needs"),
    "user_missing": ("database.user_missing", 0.88, "uses a login that does not exist"),
    "auth_failed": ("database.wrong_password", 0.6, "is refused at login"),
    "tls": ("database.tls_mismatch", 0.6, "does not agree on TLS"),
    "store_full": ("database.memory_full", 0.88, "is told that the store's memory is full"),
    "lock": ("database.lock_contention", 0.7, "waits for locks"),
    "db_limit": ("database.connection_limit", 0.88, "is told that there are too many connections"),
}
_CALL: dict[str, tuple[str, float, str]] = {
    "refused": ("dependency.unreachable", 0.3, "is refused a connection"),
    "unavailable": ("dependency.unreachable", 0.3, "finds no server"),
    "dns": ("network.dns", 0.25, "cannot resolve the name"),
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
            toward = target(subject.case, issue)
    files, quoted = configfiles.claims(subject)
    return claims + files, list(dict.fromkeys(evidence + quoted)), toward


def claims_of(case: Case, issue: LogIssue) -> list[Claim]:
    """Return what one log issue suggests by itself."""
    facts: dict[str, Fact] = {"container": issue.log.container}
    name = f"{issue.workload.kind} {issue.workload.name}"
    if issue.kind in _OWN:
        cause, strength, says = _OWN[issue.kind]
        relayed = issue.kind == "exhausted" and "shared memory" in " ".join(issue.lines)
        if issue.kind in ("disk_full", "io_error") or relayed:
            # A program repeats what its database tells it; its own disk is rarely written to.
            stores = backing(case, target(case, issue)) or stores_of(case, issue)
            if stores:
                why = f"{name} is told that {says.replace('its', 'the')}, at {stores[0].name}"
                return [Claim(stores[0], cause, strength, why, facts=facts)]
        return [Claim(issue.workload, cause, strength, f"{name} logs that {says}", facts=facts)]
    if issue.kind == "rbac":
        return [_rbac(case, issue)]
    if issue.kind == "missing_file":
        return _missing_file(case, issue)
    dependency = target(case, issue)
    if issue.kind in _LOGIN:
        cause, strength, says = _LOGIN[issue.kind]
        stores = backing(case, dependency) or stores_of(case, issue)
        because = f"{name} {says}" + (f" at {stores[0].name}" if stores else "")
        if not stores:
            is_store = looks_like_store(case, issue.workload)
            return [
                Claim(
                    issue.workload, cause, strength * (1 if is_store else 0.8), because, facts=facts
                )
            ]
        if cause == "database.wrong_password":
            # Either side may have been changed; the program's own configuration more often. Many
            # stores tell a client the same of a wrong password and of a login that there is not.
            absent = f"{name} is refused at login, as it also is when its user does not exist"
            return [
                Claim(issue.workload, cause, strength, because, also=(stores[0],), facts=facts),
                Claim(stores[0], "database.user_missing", 0.3, absent, also=(issue.workload,)),
            ]
        return [Claim(stores[0], cause, strength, because, also=(issue.workload,), facts=facts)]
    if issue.kind in _CALL and dependency is not None:
        cause, strength, says = _CALL[issue.kind]
        places = backing(case, dependency) or [dependency]
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
        for flow in case.snapshot.telemetry.edges()
        if case.wiring.node(flow.caller) == issue.workload
        and set(backing(case, case.wiring.callee(flow.service))) & set(places)
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
    volumes = {v.get("name"): v for v in spec.get("volumes") or []}
    for container in containers(spec, init=True) + containers(spec):
        for mount in container.get("volumeMounts") or []:
            volume = volumes.get(mount.get("name"), {})
            config = (volume.get("configMap") or {}).get("name")
            secret = (volume.get("secret") or {}).get("secretName")
            folder = str(mount.get("mountPath", "")).rstrip("/")
            for path in paths:
                if not (config or secret) or not _under(path, folder, mount.get("subPath")):
                    continue
                kind, holder = ("ConfigMap", config) if config else ("Secret", secret)
                ref = ObjectRef(kind, issue.workload.namespace, str(holder))
                cause = f"config.{kind.lower()}_missing"
                known = case.snapshot.get(ref)
                key = path.rsplit("/", 1)[-1]
                has = kind == "ConfigMap" and key in ((known or {}).get("data") or {})
                why = f"{name} logs that {path} is missing, which {ref.kind} {ref.name} should hold"
                facts["missing"] = f"key {key} of {ref.kind} {ref.name}"
                return [
                    Claim(issue.workload, cause, 0.5 if has else 0.92, why, (ref,), facts=facts)
                ]
    return [
        Claim(issue.workload, "config.env_wrong", 0.3, f"{name} misses a file", facts=facts),
        Claim(issue.workload, "workload.bad_command", 0.3, f"{name} misses a file", facts=facts),
    ]


def _under(path: str, folder: str, sub: object) -> bool:
    """Whether a path, often relative to an unknown directory, lies at a mount."""
    if path.startswith(folder + "/") or path == folder:
        return True
    if path.startswith("/"):
        return False
    relative = path.removeprefix("./")
    if sub:
        return folder.endswith(relative)
    parent = relative.rsplit("/", 1)[0] if "/" in relative else ""
    return bool(parent) and folder.endswith("/" + parent)


def target(case: Case, issue: LogIssue) -> ObjectRef | None:
    """Return the Service or workload that an issue blames, existing or not; never itself."""
    if issue.blames is None:
        return None
    found = case.wiring.resolver.resolve(issue.blames, issue.workload.namespace)
    if found is None and "." not in issue.blames.host:
        found = ObjectRef("Service", issue.workload.namespace, issue.blames.host)
    if found is None or found == issue.workload:
        return None
    if found.kind == "Service" and issue.workload in case.snapshot.backing(found):
        return None
    known = case.snapshot.get(found) is not None
    configured = any(s.target == found for s in case.wiring.settings.get(issue.workload, ()))
    # A name that is neither a Service nor configured anywhere is some word of the message.
    return found if known or configured or issue.kind == "dns" else None


def backing(case: Case, dependency: ObjectRef | None) -> list[ObjectRef]:
    """Return the workloads behind a dependency."""
    if dependency is None:
        return []
    if dependency.kind != "Service":
        return [dependency]
    return case.snapshot.backing(dependency)


def stores_of(case: Case, issue: LogIssue) -> list[ObjectRef]:
    """Return the database or broker that a complaint without a host is about; [] if unclear.

    It is one that the workload is known to use, else one that shares a word of its name with the
    workload or with the complaint ("orders-db" in a line, a workload "mysql-orders").
    """
    if looks_like_store(case, issue.workload):
        return []
    used: list[ObjectRef] = []
    for node, strength in sorted(
        case.topology.callees(issue.workload).items(), key=lambda i: -i[1]
    ):
        if strength >= 0.3:
            used += [w for w in backing(case, node) if looks_like_store(case, w) and w not in used]
    if len(used) == 1:
        return used
    everywhere = [
        ref_of(w)
        for w in case.snapshot.workloads
        if w["metadata"].get("namespace") == issue.workload.namespace
        and looks_like_store(case, ref_of(w))
    ]
    words = set(_WORD.findall(" ".join((issue.workload.name, *issue.lines)).lower())) - _COMMON
    fitting = [s for s in used or everywhere if (set(s.name.split("-")) - _COMMON) & words]
    # The store that complains of the same in its own log is the one; a cache rarely has logins.
    complaining = {i.workload for i in case.issues if i.kind == issue.kind}
    fitting.sort(key=lambda s: (s not in complaining, "memcached" in s.name))
    return fitting[:1] or used[:1] or (everywhere if len(everywhere) == 1 else [])


def looks_like_store(case: Case, workload: ObjectRef) -> bool:
    """Whether a workload is a database, cache or broker, by its image or its well-known port."""
    for container in containers(case.snapshot.spec(workload)):
        image = str(container.get("image", "")).rpartition("/")[2].lower()
        if any(image.startswith(store) for store in _STORES):
            return True
        if any(p.get("containerPort") in _STORE_PORTS for p in container.get("ports") or []):
            return True
    return False


def _rbac(case: Case, issue: LogIssue) -> Claim:
    account = str(case.snapshot.spec(issue.workload).get("serviceAccountName") or "default")
    because = f"service account {account} lacks a right that {issue.workload.name} needs"
    place = ObjectRef("ServiceAccount", issue.workload.namespace, account)
    return Claim(ObjectRef("Role", issue.workload.namespace, account), "security.rbac_denied", 0.88,
                 because, also=(place, issue.workload))  # fmt: skip


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
