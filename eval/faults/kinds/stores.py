"""Faults of stores and brokers: their administration makes them, and mends them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from connectors.api.values import Json
from copilot.model.scope import ObjectRef
from eval.apps.model import App, Login, Service
from eval.faults.case import Case
from eval.faults.changes import Administer, Change, Poison, Restart, SecretValue
from eval.faults.edits import container, users_fail
from eval.faults.fits import MIN_EXPOSURE, deployment, needed
from eval.faults.kind import Kind
from eval.faults.symptoms import log, status, usage
from eval.protocols import Repair, Symptom

_FAMILY = "store"
_SQL = ("postgresql", "mysql")
_MEMORY = ("redis", "memcached")
_REFUSES = "refuses its clients"
_NEW = "9rT2kQx7Lw"


def _clients(case: Case) -> list[tuple[Service, Login]]:
    return [(client, client.logins[case.target]) for client in case.app.clients(case.target)]


def _with_clients(*tests: Callable[[App, Service], bool]) -> Callable[[App], list[str]]:
    """Stores whose clients users need."""

    def fits(app: App) -> list[str]:
        exposure = app.exposure()
        return [
            name
            for name, service in app.services.items()
            if service.store
            and any(exposure[client.name] >= MIN_EXPOSURE for client in app.clients(name))
            and all(test(app, service) for test in tests)
        ]

    return fits


def _named_users(app: App, service: Service) -> bool:
    return bool(service.store and any(user.name for user in service.store.users))


def _passwords(app: App, service: Service) -> bool:
    """Its clients take their password from somewhere, so that it can be a wrong one."""
    logins = [client.logins[service.name] for client in app.clients(service.name)]
    return bool(
        service.store and service.store.users and any(login.password_env for login in logins)
    )


def _engine(*engines: str) -> Callable[[App, Service], bool]:
    return lambda app, service: bool(service.store and service.store.engine in engines)


def _restarts(case: Case) -> list[Change]:
    return [Restart(client.name, client.kind) for client, _ in _clients(case)]


def _accounts(
    case: Case, command: str, undo: str, arguments: Callable[[Login], Mapping[str, str]]
) -> Sequence[Change]:
    """Do something to each client's account, then restart the clients."""
    changes: list[Change] = []
    for login in dict.fromkeys(login for _, login in _clients(case)):
        given = arguments(login)
        access = {"user": login.user, "database": login.database}
        changes.append(Administer(case.target, command, given, undo, access, "check_role", access))
    return [*changes, *_restarts(case)]


def _revoke(case: Case) -> Sequence[Change]:
    return _accounts(
        case, "revoke_role", "grant_role", lambda x: {"user": x.user, "database": x.database}
    )


def _drop(case: Case) -> Sequence[Change]:
    return _accounts(case, "drop_user", "create_user", lambda login: {"user": login.user})


def _password_of(case: Case, store: str, user: str) -> str:
    described = case.app.services[store].store
    assert described is not None
    return next((u.password for u in described.users if u.name == user), "")


def _password(case: Case) -> Sequence[Change]:
    _, login = next((c, lg) for c, lg in _clients(case) if lg.password_env)
    good = {"user": login.user, "password": _password_of(case, case.target, login.user)}
    bad = {"user": login.user, "password": _NEW}
    return (
        Administer(case.target, "set_password", bad, "set_password", good, "check_password", good),
    )


def _tls(case: Case) -> Sequence[Change]:
    switch = Administer(case.target, "require_tls", {}, "accept_plain", {}, "check_plain")
    users = [s for s in case.app.services.values() if _uses(s, case.target)]
    return [switch, *(Restart(s.name, s.kind) for s in users if s.kind == "Deployment")]


def _uses(service: Service, store: str) -> bool:
    return (
        store in service.logins
        or any(c.to == store for c in service.calls())
        or any(step.need == store for step in service.start)
    )


def _table(case: Case) -> str:
    texts = [
        f"{call.operation} {call.span}"
        for service in case.app.services.values()
        for call in service.calls()
        if call.to == case.target
    ]
    found = re.search(r"(?i)(?:from|into|update|select|insert)\s+([\w.]+)", " ".join(texts))
    return found[1] if found else "orders"


def _lock(case: Case) -> Sequence[Change]:
    table = {"table": _table(case)}
    return (
        Administer(case.target, "hold_lock", table, "release_lock", table, "check_lock", table),
    )


def _connections(case: Case) -> Sequence[Change]:
    few, described = {"number": "1"}, {"number": "0"}
    return (Administer(case.target, "set_max_connections", few, "set_max_connections", described),)


def _fill(case: Case) -> Sequence[Change]:
    payload = {"megabytes": "4096"}
    return (Administer(case.target, "fill", payload, "drain", payload),)


def _topic(case: Case) -> tuple[str, str]:
    consumer = case.service.consumes[0]
    return consumer.broker, consumer.topic


def _poison(case: Case) -> Sequence[Change]:
    broker, topic = _topic(case)
    return (Poison(broker, topic, case.target, _refusal(case)),)


def _refusal(case: Case) -> str:
    """What the consumer logs about a message that it cannot parse, as a regular expression."""
    line = case.service.consumes[0].failed
    return re.escape(line.text.split("{")[0].strip()) if line else ""


def _account_refs(case: Case) -> Sequence[ObjectRef]:
    return (case.workload, *(case.ref(client.kind, client.name) for client, _ in _clients(case)))


def _account_names(case: Case) -> Sequence[str]:
    return (case.target, *(client.name for client, _ in _clients(case)))


def _crashing(case: Case) -> Sequence[Symptom]:
    """Clients that log in when they start cannot start; others fail their requests."""
    found: list[Symptom] = [users_fail(case)]
    for client, _ in _clients(case):
        if any(s.need == case.target and s.otherwise == "exit" for s in client.start):
            found.append(status(client.name, "CrashLoopBackOff"))
    return found


def _login(service: Service) -> tuple[str, Login] | None:
    """A store that the service logs in to with a password from its environment."""
    return next(((s, lg) for s, lg in service.logins.items() if lg.password_env), None)


def _from_secret(app: App, service: Service) -> bool:
    found = _login(service)
    return found is not None and found[1].password_env in service.secret_env


def _rotated(case: Case) -> Sequence[Change]:
    """Password and Secret change together; running pods keep what they were started with."""
    found = _login(case.service)
    assert found is not None
    store, login = found
    key = case.service.secret_env[login.password_env]
    good = _password_of(case, store, login.user)
    user = {"user": login.user}
    return (
        Administer(
            store,
            "set_password",
            {**user, "password": _NEW},
            "set_password",
            {**user, "password": good},
        ),
        SecretValue(key.secret, key.key, good, _NEW),
    )


def _wrong_secret(case: Case) -> Sequence[Change]:
    found = _login(case.service)
    assert found is not None
    key = case.service.secret_env[found[1].password_env]
    good = _password_of(case, found[0], found[1].user)
    return (SecretValue(key.secret, key.key, good, _NEW), Restart(case.target, case.kind))


def _in_plain(app: App, service: Service) -> bool:
    found = _login(service)
    return found is not None and found[1].password_env in service.env


def _wrong_variable(case: Case) -> Sequence[Change]:
    found = _login(case.service)
    assert found is not None

    def breaks(main: Json) -> None:
        for entry in main["env"]:
            if entry["name"] == found[1].password_env:
                entry["value"] = _NEW

    return (container(case, breaks, fresh=True, exact=True),)


KINDS = (
    Kind(
        "revoke_database_login",
        _FAMILY,
        "the database user loses its role, and the services that use it are restarted",
        ("database.login_revoked",),
        _with_clients(_named_users),
        _revoke,
        _crashing,
        effect=_REFUSES,
        blame=_account_refs,
        localization=_account_names,
        affected=lambda case: [client.name for client, _ in _clients(case)],
        origin="AIOpsLab revoke_auth_mongodb",
        recover_seconds=900,
    ),
    Kind(
        "database_user_missing",
        _FAMILY,
        "the database user is dropped, and the services that use it are restarted",
        ("database.user_missing",),
        _with_clients(_named_users),
        _drop,
        _crashing,
        effect=_REFUSES,
        blame=_account_refs,
        localization=_account_names,
        affected=lambda case: [client.name for client, _ in _clients(case)],
        origin="AIOpsLab user_unregistered_mongodb",
        recover_seconds=900,
    ),
    Kind(
        "database_password_changed",
        _FAMILY,
        "the store's password is another one than its clients have",
        ("database.wrong_password",),
        _with_clients(_passwords),
        _password,
        lambda case: (users_fail(case),),
        effect=_REFUSES,
        blame=_account_refs,
        localization=_account_names,
        mitigable=False,
        origin="SREGym valkey_auth_disruption; ITBench 34",
    ),
    Kind(
        "database_requires_tls",
        _FAMILY,
        "the database demands TLS, which its clients do not speak, and they are restarted",
        ("database.tls_mismatch",),
        needed(_engine("mongodb")),
        _tls,
        lambda case: (users_fail(case),),
        effect=_REFUSES,
        mitigable=False,
        answer=("Application", "Misconfiguration"),
        origin="AIOpsLab auth_miss_mongodb",
        recover_seconds=900,
    ),
    Kind(
        "database_lock_held",
        _FAMILY,
        "a session holds an exclusive lock on a table, and readers wait",
        ("database.lock_contention",),
        needed(_engine(*_SQL)),
        _lock,
        lambda case: (users_fail(case),),
        effect="lets its readers wait",
        mitigable=False,
        origin="SREGym postgres_lock_contention_product_catalog",
    ),
    Kind(
        "database_connection_limit",
        _FAMILY,
        "the database accepts fewer connections than its clients hold",
        ("database.connection_limit", "dependency.pool_exhausted"),
        needed(_engine(*_SQL)),
        _connections,
        lambda case: (users_fail(case),),
        effect=_REFUSES,
        mitigable=False,
        origin="SREGym file_descriptor_exhaustion (variant)",
    ),
    Kind(
        "store_memory_full",
        _FAMILY,
        "one flood of payload fills the store's memory",
        ("database.memory_full", "resources.memory_limit_too_low"),
        needed(_engine(*_MEMORY), lambda app, s: "memory" in s.limits),
        _fill,
        lambda case: (usage("restarts", case.target), status(case.target, "OOMKilled")),
        effect="was OOM-killed",
        harm="some",
        mitigable=False,
        once=True,
        origin="SREGym valkey_memory_disruption; ITBench 40",
        settle_seconds=240,
    ),
    Kind(
        "queue_poison_message",
        _FAMILY,
        "a message that cannot be parsed blocks the consumer's queue",
        ("queue.poison_message", "queue.consumer_lag"),
        lambda app: [s.name for s in app.services.values() if s.consumes and s.consumes[0].failed],
        _poison,
        lambda case: (log(case.target, _refusal(case)),),
        effect="gets no further in its queue",
        blame=lambda case: (
            case.workload,
            case.ref(case.app.services[_topic(case)[0]].kind, _topic(case)[0]),
        ),
        harm="",
        mitigable=False,
        origin="SREGym kafka_poison_pill_hol_block",
    ),
    Kind(
        "secret_rotated",
        _FAMILY,
        "password and Secret were rotated, and running pods still have the old password",
        ("database.wrong_password", "config.secret_missing"),
        needed(deployment, _from_secret),
        _rotated,
        lambda case: (users_fail(case),),
        effect="logs in with the old password",
        repairs=lambda case: (Repair("restart", case.workload, "to read the Secret again"),),
        origin="SREGym secret_rotation_stale_env_credentials",
    ),
    Kind(
        "secret_value_wrong",
        _FAMILY,
        "the Secret holds another password than the store, and the pods are restarted",
        ("database.wrong_password", "config.secret_missing"),
        needed(deployment, _from_secret),
        _wrong_secret,
        lambda case: (users_fail(case),),
        effect="logs in with a wrong password",
        blame=lambda case: (
            case.ref("Secret", next(iter(case.service.secret_env.values())).secret),
            case.workload,
        ),
        origin="ITBench 63",
    ),
    Kind(
        "env_wrong_password",
        _FAMILY,
        "an environment variable holds a wrong password",
        ("database.wrong_password", "config.env_wrong"),
        needed(deployment, _in_plain),
        _wrong_variable,
        lambda case: (users_fail(case),),
        effect="logs in with a wrong password",
        origin="ITBench (IncorrectAuthentication)",
    ),
)
