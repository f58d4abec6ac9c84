"""The app's stores as their administrators see them: users, roles, passwords, and what is switched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from eval.apps.model import App
from eval.apps.stores_api import StoreRefused

_WRITERS = ("readWrite", "dbOwner", "root", "owner", "all")


@dataclass(slots=True)
class StoreState:
    """One store or broker. Connections opened before `epoch` counted up are gone."""

    users: dict[str, dict[str, str]] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    demands_login: bool = False
    requires_tls: bool = False
    locked: set[str] = field(default_factory=set)
    max_connections: int = 0
    described_connections: int = 0
    filled_mb: float = 0.0
    epoch: int = 0

    def locks(self, operation: str) -> bool:
        """Whether an operation has to wait for a lock that somebody else holds.

        An operation that names a table waits for that table's lock; one that names none reads all.
        """
        if not self.locked:
            return False
        named = [table for table in self.locked if table.lower() in operation.lower()]
        return bool(named) or " " not in operation.strip()


class Accounts:
    """All stores of an app."""

    def __init__(self, app: App) -> None:
        self._stores: dict[str, StoreState] = {}
        for service in app.services.values():
            store = service.store
            if store is None:
                continue
            self._stores[service.name] = StoreState(
                {user.name: dict(user.roles) for user in store.users},
                {user.name: user.password for user in store.users},
                bool(store.users),
                max_connections=store.max_connections,
                described_connections=store.max_connections,
            )

    def state(self, store: str) -> StoreState | None:
        """The state of a store, None for what is no store."""
        return self._stores.get(store)

    def knows(self, store: str, user: str) -> bool:
        """Whether the store has such a user, or needs none."""
        state = self._stores.get(store)
        return state is None or not state.demands_login or user in state.users

    def accepts(self, store: str, user: str, password: str | None) -> bool:
        """Whether the store accepts a login; a program that carries its password has the right one."""
        if not self.knows(store, user):
            return False
        state = self._stores.get(store)
        if state is None or not state.demands_login or password is None:
            return True
        return state.passwords.get(user, "") == password

    def allows(self, store: str, user: str, database: str) -> bool:
        """Whether the user may read and write the database."""
        state = self._stores.get(store)
        if state is None or not state.demands_login:
            return True
        roles = state.users.get(user, {})
        if not database and not roles:
            return user in state.users
        return roles.get("admin") == "root" or roles.get(database) in _WRITERS

    def administer(self, store: str, command: str, **arguments: str) -> None:
        """Run an administration command of `eval.apps.stores_api`. Raises `StoreRefused`."""
        commands = {**self._account_commands(), **self._switches()}
        if command not in commands:
            raise StoreRefused(f'unknown command "{command}": {", ".join(commands)}')
        state = self._stores.get(store)
        if state is None:
            raise StoreRefused(f'"{store}" is not a store: {", ".join(self._stores)}')
        if command in self._account_commands() and not state.demands_login:
            having = [name for name, each in self._stores.items() if each.demands_login]
            raise StoreRefused(f'"{store}" is not a store with logins: {", ".join(having)}')
        commands[command](store, state, arguments)

    def _account_commands(self) -> dict[str, _Command]:
        return {
            "create_user": self._create,
            "drop_user": self._drop,
            "grant_role": self._grant,
            "revoke_role": self._revoke,
            "check_role": self._check_role,
            "set_password": self._set_password,
            "check_password": self._check_password,
        }

    def _switches(self) -> dict[str, _Command]:
        return {
            "require_tls": _require_tls,
            "accept_plain": _accept_plain,
            "check_plain": _check_plain,
            "hold_lock": lambda _, state, given: state.locked.add(_needed(given, "table")),
            "release_lock": lambda _, state, given: state.locked.discard(_needed(given, "table")),
            "check_lock": _check_lock,
            "set_max_connections": _set_max_connections,
            "fill": _fill,
            "drain": _drain,
        }

    def _create(self, store: str, state: StoreState, given: dict[str, str]) -> None:
        user = _needed(given, "user")
        state.users.setdefault(user, {})
        if given.get("database"):
            state.users[user][given["database"]] = given.get("role", "readWrite")
        if "password" in given:
            state.passwords[user] = given["password"]
        else:
            state.passwords.setdefault(user, "")

    def _drop(self, store: str, state: StoreState, given: dict[str, str]) -> None:
        # the password stays noted: a user created again under the same name gets it back
        del state.users[_user(store, state, given)]

    def _grant(self, store: str, state: StoreState, given: dict[str, str]) -> None:
        roles = state.users[_user(store, state, given)]
        roles[given.get("database", "")] = given.get("role", "readWrite")

    def _revoke(self, store: str, state: StoreState, given: dict[str, str]) -> None:
        state.users[_user(store, state, given)].pop(given.get("database", ""), None)

    def _check_role(self, store: str, state: StoreState, given: dict[str, str]) -> None:
        user, database = _user(store, state, given), given.get("database", "")
        if not self.allows(store, user, database):
            role = given.get("role", "readWrite")
            raise StoreRefused(f"'{user}' has no {role} on {database} in {store}")

    def _set_password(self, store: str, state: StoreState, given: dict[str, str]) -> None:
        state.passwords[_user(store, state, given)] = _needed(given, "password")
        # who is in stays in until the connection is renewed; servers close them on a rotation
        state.epoch += 1

    def _check_password(self, store: str, state: StoreState, given: dict[str, str]) -> None:
        user = _user(store, state, given)
        if state.passwords.get(user, "") != given.get("password", ""):
            raise StoreRefused(f"the password of '{user}' in {store} is another one")


_Command = Callable[[str, StoreState, dict[str, str]], None]


def _needed(given: dict[str, str], name: str) -> str:
    if name not in given:
        raise StoreRefused(f'the command needs the argument "{name}"')
    return str(given[name])


def _user(store: str, state: StoreState, given: dict[str, str]) -> str:
    user = given.get("user", "")
    if user not in state.users:
        raise StoreRefused(f"Could not find user '{user}' in {store}")
    return user


def _require_tls(store: str, state: StoreState, given: dict[str, str]) -> None:
    if not state.requires_tls:
        state.requires_tls = True
        state.epoch += 1


def _accept_plain(store: str, state: StoreState, given: dict[str, str]) -> None:
    state.requires_tls = False


def _check_plain(store: str, state: StoreState, given: dict[str, str]) -> None:
    if state.requires_tls:
        raise StoreRefused(f"{store} refuses connections without TLS")


def _check_lock(store: str, state: StoreState, given: dict[str, str]) -> None:
    table = _needed(given, "table")
    if table in state.locked:
        raise StoreRefused(f"a session holds an exclusive lock on {table} in {store}")


def _set_max_connections(store: str, state: StoreState, given: dict[str, str]) -> None:
    number = int(_needed(given, "number"))
    if number < 0:
        raise StoreRefused(f"{store} cannot allow {number} connections; 0 or more")
    state.max_connections = number or state.described_connections
    state.epoch += 1


def _fill(store: str, state: StoreState, given: dict[str, str]) -> None:
    state.filled_mb += float(_needed(given, "megabytes"))


def _drain(store: str, state: StoreState, given: dict[str, str]) -> None:
    amount = float(given.get("megabytes", state.filled_mb))
    state.filled_mb = max(0.0, state.filled_mb - amount)
