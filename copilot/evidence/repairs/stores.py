"""Accounts of databases: rights that a login lost, logins that are gone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.api.values import Json
from copilot.evidence.case import Case
from copilot.evidence.kube import containers, dig, is_true
from copilot.evidence.repairs.common import Facts, Row
from copilot.model.action import Action, Restart, Risk, Several, StoreAccount
from copilot.model.scope import ObjectRef

_ENGINES = {"mongo": "mongodb", "postgres": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
_FOLDER = "/docker-entrypoint-initdb.d"
"""Where the images of these databases look for what is to be done at the first start."""
_LOGINS = frozenset({"not_authorized", "user_missing", "auth_failed"})
_USER = re.compile(
    r"user: *['\"]([\w.-]+)['\"]|CREATE USER (?:IF NOT EXISTS )?['\"`]?([\w.-]+)", re.I
)
_DATABASE = re.compile(r"\bdb: *['\"]\$?\{?([\w.-]+)\}?['\"]")
_DENIED = re.compile(r"not authorized on ([\w.-]+) to execute")
_PRINCIPAL = re.compile(
    r"\"principalName\": ?\"([\w.-]+)\"|\bUser '?\"?([\w.-]+)'?\"? (?:is )?not authorized"
)
_SYSTEM = frozenset({"root", "postgres", "mysql", "__system"})


@dataclass(frozen=True, slots=True)
class _Store:
    ref: ObjectRef
    container: str
    engine: str
    script: str
    text: str
    env: dict[str, str]


def grant(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Grant the rights that a login lacks."""
    store = _store(case, ref)
    if store is None:
        return
    user, database = _login(case, store)
    if user and database:
        action = StoreAccount(ref, store.container, store.engine, user, database)
        yield _row(
            case,
            action,
            f"Grant {user} the role {action.role} on {database} in {ref.name}",
            "Revoke the role again.",
        )


def create(case: Case, ref: ObjectRef, _facts: Facts) -> Iterator[Row]:
    """Make a missing login again, as the store's own first-start script does."""
    store = _store(case, ref)
    if store is None or not store.script or store.engine != "mongodb":
        return
    user, database = _login(case, store)
    if user and database:
        action = StoreAccount(
            ref, store.container, store.engine, user, database, script=store.script
        )
        yield _row(
            case,
            action,
            f"Make the account {user} of {ref.name} again, by its own {store.script.rpartition('/')[2]}",
            "Drop the account again.",
        )


def _row(case: Case, action: StoreAccount, title: str, undo: str) -> Row:
    clients = _clients(case, action.object)
    whole: Action = action
    if clients:
        whole = Several(action.object, (action, *(Restart(client) for client in clients)))
        title += f", and restart {', '.join(client.name for client in clients)}"
    return (title, whole, Risk.MEDIUM, undo, "The programs log in and do what they could not.")


def _clients(case: Case, ref: ObjectRef) -> list[ObjectRef]:
    """Return the programs that wait out a back-off, or keep a refused connection."""
    refused = {i.workload for i in case.issues if i.kind in _LOGINS} - {ref}
    users = refused & set(case.depended_on(ref)) or refused
    return sorted(
        user
        for user in users
        if user.kind in ("Deployment", "StatefulSet", "DaemonSet")
        and not all(is_true(pod, "Ready") for pod in case.snapshot.pods(user))
    )[:5]


def _store(case: Case, ref: ObjectRef) -> _Store | None:
    spec = case.snapshot.spec(ref)
    for container in containers(spec):
        image = str(container.get("image", "")).rpartition("/")[2]
        engine = next((e for name, e in _ENGINES.items() if name in image), "")
        if engine:
            script, text = _script(case, ref, spec, container)
            env = {str(e.get("name")): str(e.get("value", "")) for e in container.get("env") or []}
            return _Store(ref, str(container.get("name")), engine, script, text, env)
    return None


def _script(case: Case, ref: ObjectRef, spec: Json, container: Json) -> tuple[str, str]:
    """Return the path and text of the script that makes an account at the first start."""
    maps = {v.get("name"): dig(v, "configMap.name") for v in spec.get("volumes") or []}
    for mount in container.get("volumeMounts") or []:
        folder, name = str(mount.get("mountPath", "")).rstrip("/"), maps.get(mount.get("name"))
        if folder != _FOLDER or not name:
            continue
        config = case.snapshot.get(ObjectRef("ConfigMap", ref.namespace, str(name))) or {}
        for file, text in sorted((dig(config, "data", {}) or {}).items()):
            if file.endswith(".sh") and _USER.search(str(text)):
                return f"{folder}/{file}", str(text)
    return "", ""


def _login(case: Case, store: _Store) -> tuple[str, str]:
    """Return the app's login and its database: what logs say, else what the script makes."""
    users: Counter[str] = Counter()
    denied: Counter[str] = Counter()
    for issue in case.issues:
        if issue.kind in _LOGINS:
            denied.update(m[1] for line in issue.lines for m in _DENIED.finditer(line))
    for log in case.snapshot.logs:
        pod = case.snapshot.get(ObjectRef("Pod", log.namespace, log.pod))
        if pod is not None and case.snapshot.controller(pod) == store.ref:
            for line in log.lines:
                users.update(m[1] or m[2] for m in _PRINCIPAL.finditer(line.raw))
    for name in _SYSTEM:
        users.pop(name, None)
    made, in_base = _USER.search(store.text), _DATABASE.search(store.text)
    user = (made[1] or made[2]) if made else next((n for n, _ in users.most_common(1)), "")
    database = next((n for n, _ in denied.most_common(1)), "")
    if not database and in_base:
        database = store.env.get(in_base[1], in_base[1])
    return user, database
