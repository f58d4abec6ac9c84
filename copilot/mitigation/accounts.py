"""Accounts of databases: the commands of each store's own client that look at, grant, and take back."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.api.values import Json
from copilot.model.action import StoreAccount
from copilot.model.errors import ActionError, PolicyError

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,62}")
_SCRIPT = re.compile(r"/docker-entrypoint-initdb\.d/[\w.-]+\.sh")
_ROLES = {
    "mongodb": ("readWrite", "read", "dbOwner"),
    "postgresql": ("readWrite", "read"),
    "mysql": ("readWrite", "read"),
}
"""Roles that an app's own account may be given; none that administers the store."""
_SYSTEM = frozenset({"root", "postgres", "mysql", "__system", "rdsadmin", "replicator"})

_MONGO = (
    'M=$(command -v mongosh || command -v mongo) && exec "$M" admin --quiet --host localhost'
    ' -u "$MONGO_INITDB_ROOT_USERNAME" -p "$MONGO_INITDB_ROOT_PASSWORD" --eval '
)
_PSQL = 'PGPASSWORD="$POSTGRES_PASSWORD" exec psql -v ON_ERROR_STOP=1 -At -U "${POSTGRES_USER:-postgres}" -d '
_MYSQL = 'MYSQL_PWD="$MYSQL_ROOT_PASSWORD" exec mysql -N -u root -e '


@dataclass(frozen=True, slots=True)
class Commands:
    """What looks, what does it, and what takes it back; each a command for a container."""

    look: Sequence[str]
    do: Sequence[str]
    undo: Sequence[str]


def check(action: StoreAccount) -> None:
    """Raise `PolicyError` for names, roles or scripts that are not an app's own."""
    roles = _ROLES.get(action.engine)
    if roles is None:
        raise PolicyError(f"accounts of {action.engine!r} stores are not administered here")
    for name in (action.user, action.database):
        if not _NAME.fullmatch(name):
            raise PolicyError(f"{name!r} is no plain name of an account or a database")
    if action.user in _SYSTEM:
        raise PolicyError(f"{action.user} is an account of the store itself")
    if action.role not in roles:
        raise PolicyError(
            f"the role {action.role} may not be given", hint=f"these may: {', '.join(roles)}"
        )
    if action.script and not _SCRIPT.fullmatch(action.script):
        raise PolicyError(f"{action.script} is not one of the store's own first-start scripts")


def commands(action: StoreAccount) -> Commands:
    """Return the commands of an action. Raises `PolicyError`."""
    check(action)
    user, database = action.user, action.database
    if action.engine == "mongodb":
        quoted, roles = json.dumps(user), json.dumps([{"role": action.role, "db": database}])
        look = _mongo(f"printjson(db.getUser({quoted}))")
        if action.script:
            return Commands(look, ["sh", action.script], _mongo(f"db.dropUser({quoted})"))
        return Commands(
            look,
            _mongo(f"db.grantRolesToUser({quoted},{roles})"),
            _mongo(f"db.revokeRolesFromUser({quoted},{roles})"),
        )
    if action.script:
        raise ActionError("accounts of this engine are not made anew by a script")
    if action.engine == "postgresql":
        rights = "SELECT" if action.role == "read" else "ALL PRIVILEGES"
        about = f"{rights} ON ALL TABLES IN SCHEMA public"
        return Commands(
            _psql(database, f"SELECT privilege_type FROM information_schema.role_table_grants"
                            f" WHERE grantee = '{user}' GROUP BY 1 ORDER BY 1"),
            _psql(database, f'GRANT {about} TO "{user}"'),
            _psql(database, f'REVOKE {about} FROM "{user}"'),
        )  # fmt: skip
    rights = "SELECT" if action.role == "read" else "ALL PRIVILEGES"
    return Commands(
        _mysql(f"SHOW GRANTS FOR '{user}'@'%'"),
        _mysql(f"GRANT {rights} ON `{database}`.* TO '{user}'@'%'"),
        _mysql(f"REVOKE {rights} ON `{database}`.* FROM '{user}'@'%'"),
    )


def has_it(action: StoreAccount, said: str) -> bool:
    """Whether the account already has what the action would give, by what looking showed."""
    if action.engine == "mongodb":
        return action.user in said and action.database in said and action.role in said
    wanted = {"postgresql": "INSERT", "mysql": f"`{action.database}`"}[action.engine]
    return wanted in said


def shown(action: StoreAccount, *, has: bool) -> Json:
    """Return the account as it is told to people: never its password."""
    return {
        "kind": action.object.kind,
        "metadata": {"name": action.object.name, "namespace": action.object.namespace},
        "account": {
            "user": action.user,
            f"role on {action.database}": action.role if has else None,
        },
    }


def _mongo(statement: str) -> list[str]:
    return ["sh", "-c", _MONGO + _quoted(statement)]


def _psql(database: str, statement: str) -> list[str]:
    return ["sh", "-c", f"{_PSQL}{_quoted(database)} -c {_quoted(statement)}"]


def _mysql(statement: str) -> list[str]:
    return ["sh", "-c", _MYSQL + _quoted(statement)]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
