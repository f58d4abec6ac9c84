"""The accounts of the app's stores: users, and the role each has per database."""

from __future__ import annotations

from eval.apps.model import App
from eval.apps.stores_api import StoreRefused


class Accounts:
    """Users and roles of all stores that demand a login; the others let everybody in."""

    def __init__(self, app: App) -> None:
        self._users: dict[str, dict[str, dict[str, str]]] = {
            service.name: {user.name: dict(user.roles) for user in service.store.users}
            for service in app.services.values()
            if service.store and service.store.users
        }

    def knows(self, store: str, user: str) -> bool:
        """Whether the store would accept the user's login."""
        return store not in self._users or user in self._users[store]

    def allows(self, store: str, user: str, database: str) -> bool:
        """Whether the user may read and write the database."""
        if store not in self._users:
            return True
        roles = self._users[store].get(user, {})
        return roles.get("admin") == "root" or roles.get(database) in ("readWrite", "dbOwner")

    def administer(self, store: str, command: str, **arguments: str) -> None:
        """Run an administration command. Raises `StoreRefused`, which documents the commands."""
        if store not in self._users:
            raise StoreRefused(f'"{store}" is not a store with logins: {", ".join(self._users)}')
        users = self._users[store]
        user = arguments.get("user", "")
        database = arguments.get("database", "")
        role = arguments.get("role", "readWrite")
        if command == "create_user":
            users.setdefault(user, {})
            if database:
                users[user][database] = role
            return
        if user not in users:
            raise StoreRefused(f"Could not find user '{user}' in {store}")
        if command == "drop_user":
            del users[user]
        elif command == "grant_role":
            users[user][database] = role
        elif command == "revoke_role":
            users[user].pop(database, None)
        elif command == "check_role":
            if not self.allows(store, user, database):
                raise StoreRefused(f"'{user}' has no {role} on {database} in {store}")
        else:
            raise StoreRefused(
                f'unknown command "{command}": create_user, drop_user, grant_role, revoke_role, '
                "check_role"
            )
