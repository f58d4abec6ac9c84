"""The stores' own clients, run inside their containers: looking at accounts, making and granting them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from eval.apps.stores_api import StoreRefused
from eval.environments.emulator.traffic.stores import Accounts, StoreState

_ASSIGNED = re.compile(r"^(\w+)=(?:\"([^\"]*)\"|'([^']*)'|([^\s;&]*))$")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::-(\w*))?\})")
_PRINTED = re.compile(r"^\s*printjson\((.*)\);?\s*$", re.S)
_CALL = re.compile(r"db\.(\w+)\((.*)\);?\s*$", re.S)
_CLIENTS = {"mongo": "mongodb", "mongosh": "mongodb", "psql": "postgresql", "mysql": "mysql"}
_GRANT = re.compile(r"GRANT .*? TO ['\"]?([\w.-]+)|REVOKE .*? FROM ['\"]?([\w.-]+)", re.I)
_ON = re.compile(r"ON `([\w.-]+)`\.\*", re.I)
_WHOSE = re.compile(r"grantee = '([\w.-]+)'|GRANTS FOR '([\w.-]+)'", re.I)
_ANY_CLIENT = re.compile(r"\b(mongo|mongosh|psql|mysql)\b")

Said = tuple[int, str]


def run(
    accounts: Accounts,
    store: str,
    command: Sequence[str],
    files: Mapping[str, str],
    env: Mapping[str, str],
) -> Said | None:
    """Run what administers accounts; None for what is no such command."""
    script, known = shlex.join(command), dict(env)
    if command[0].rsplit("/", 1)[-1] in ("sh", "bash") and len(command) > 1:
        script = (
            command[2] if command[1] == "-c" and len(command) > 2 else files.get(command[1], "")
        )
    state = accounts.state(store)
    if state is None or not _ANY_CLIENT.search(script):
        return None
    answer: Said | None = None
    for line in script.replace("\\\n", " ").splitlines():
        words = _words(line, known)
        found = next((n for n, w in enumerate(words) if w.rsplit("/", 1)[-1] in _CLIENTS), None)
        if found is None:
            continue
        engine = _CLIENTS[words[found].rsplit("/", 1)[-1]]
        statement = _after(words, "--eval", "-c", "-e")
        if not statement:
            continue
        try:
            if engine == "mongodb":
                answer = _mongo(accounts, store, state, words[found + 1 :], statement)
            else:
                answer = _sql(accounts, store, state, words, statement)
        except StoreRefused as refused:
            return 1, f"Error: {refused}"
        if answer is not None and answer[0]:
            return answer
    return answer


def _words(line: str, known: dict[str, str]) -> list[str]:
    """Split a line of shell, note what it assigns, and fill in variables."""
    try:
        words = shlex.split(re.sub(r"\$\(command -v (\w+)[^)]*\)", r"\1", line))
    except ValueError:
        return []
    found: list[str] = []
    for word in words:
        # Variables stay as they are in what was quoted singly; statements have none of their own.
        filled = _VARIABLE.sub(lambda m: known.get(m[1] or m[2], m[3] or ""), word)
        assigned = _ASSIGNED.match(filled)
        if assigned and not found:
            known[assigned[1]] = next((g for g in assigned.groups()[1:] if g is not None), "")
            continue
        found.append(filled)
    return found


def _after(words: Sequence[str], *names: str) -> str:
    return next((words[n + 1] for n, w in enumerate(words[:-1]) if w in names), "")


def _mongo(
    accounts: Accounts, store: str, state: StoreState, words: Sequence[str], statement: str
) -> Said | None:
    user, password = _after(words, "-u", "--username"), _after(words, "-p", "--password")
    known = state.users.get(user, {}).get("admin") == "root"
    if not known or state.passwords.get(user) != password:
        return 1, "Error: Authentication failed."
    printed = _PRINTED.match(statement)
    call = _CALL.search(printed[1] if printed else statement)
    if call is None:
        return None
    try:
        given: list[Any] = yaml.safe_load(f"[{call[2]}]") or []
    except yaml.YAMLError:
        return 1, "uncaught exception: SyntaxError"
    first: Any = given[0] if given else ""
    name = str(first.get("user", "") if isinstance(first, dict) else first)
    method = call[1]
    if method == "getUser":
        return 0, _shown(state, str(name))
    if method == "createUser":
        if name in state.users:
            return (
                1,
                f'uncaught exception: Error: couldn\'t add user: User "{name}@admin" already exists',
            )
        accounts.administer(store, "create_user", user=name, password=str(given[0].get("pwd", "")))
        _each(accounts, store, "grant_role", str(name), given[0].get("roles") or [])
    elif method == "dropUser":
        accounts.administer(store, "drop_user", user=str(name))
    elif method in ("grantRolesToUser", "revokeRolesFromUser"):
        known_as = "grant_role" if method.startswith("grant") else "revoke_role"
        _each(accounts, store, known_as, str(name), given[1])
    else:
        return None
    return 0, "{ ok: 1 }"


def _each(
    accounts: Accounts, store: str, command: str, user: str, roles: Sequence[Mapping[str, str]]
) -> None:
    for role in roles:
        accounts.administer(store, command, user=user, database=role["db"], role=role["role"])


def _shown(state: StoreState, user: str) -> str:
    if user not in state.users:
        return "null"
    roles = [{"role": role, "db": base} for base, role in state.users[user].items()]
    return json.dumps({"_id": f"admin.{user}", "user": user, "db": "admin", "roles": roles})


def _sql(
    accounts: Accounts, store: str, state: StoreState, words: Sequence[str], statement: str
) -> Said | None:
    looked, on = _WHOSE.search(statement), _ON.search(statement)
    if looked:
        roles = state.users.get(looked[1] or looked[2], {})
        return 0, "\n".join(f"INSERT GRANT ALL ON `{base}`.*" for base in roles)
    found = _GRANT.search(statement)
    database = on[1] if on else _after(words, "-d", "--dbname")
    if found is None or not database:
        return None
    if found[1]:
        accounts.administer(store, "grant_role", user=found[1], database=database)
        return 0, "GRANT"
    accounts.administer(store, "revoke_role", user=found[2], database=database)
    return 0, "REVOKE"
