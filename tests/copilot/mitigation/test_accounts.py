"""Accounts of a database, given back through the store's own client in its pod."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from copilot.mitigation import accounts
from copilot.mitigation.policy import Policy
from copilot.model.action import Restart, Several, StoreAccount
from copilot.model.errors import ActionError, PolicyError
from copilot.model.events import ActionFinished
from copilot.model.scope import ObjectRef, Scope, Window
from copilot.sessions.approvals import DatabaseLedger
from copilot.sessions.database import open_database
from copilot.sessions.store import SessionStore
from eval.apps.stores_api import StoreRefused
from eval.environments.emulator.environment import START, Emulator
from tests.copilot.mitigation.conftest import Rig

NAMESPACE = "test-hotel-reservation"
STORE = ObjectRef("Deployment", NAMESPACE, "mongodb-geo")
CLIENT = ObjectRef("Deployment", NAMESPACE, "geo")
GRANT = StoreAccount(STORE, "hotel-reserv-geo-mongo", "mongodb", "admin", "geo-db")
SCRIPT = "/docker-entrypoint-initdb.d/k8s-geo-mongo.sh"
SCOPE = Scope("test", (NAMESPACE,), Window.last(START))


@pytest.fixture
async def hotel(tmp_path: Path) -> AsyncIterator[Rig]:
    emulator = await Emulator.start("hotel_reservation", warmup_seconds=60)
    database = open_database(f"sqlite:///{tmp_path}/copilot.db")
    session = SessionStore(database).create(emulator.clock.now())
    yield Rig(emulator, DatabaseLedger(database), session, CLIENT)
    await emulator.close()


async def breaks(rig: Rig, command: str, **given: str) -> None:
    await rig.environment.administer("mongodb-geo", command, **given)
    pods = await rig.environment.reader.list("Pod", NAMESPACE, labels="io.kompose.service=geo")
    for pod in pods:
        await rig.environment.writer.delete("Pod", NAMESPACE, pod["metadata"]["name"])
    await rig.environment.clock.sleep(60)


async def may(rig: Rig) -> bool:
    try:
        await rig.environment.administer(
            "mongodb-geo", "check_role", user="admin", database="geo-db"
        )
    except StoreRefused:
        return False
    return True


async def test_a_lost_role_is_granted_and_taken_back(hotel: Rig) -> None:
    await breaks(hotel, "revoke_role", user="admin", database="geo-db")
    approval = await hotel.propose(Several(STORE, (GRANT, Restart(CLIENT))))
    diff = hotel.ledger.entry(approval).proposal.diff
    assert "+  role on geo-db: readWrite" in diff and "root" not in diff
    finished = (await hotel.decide(approval))[-1]
    assert isinstance(finished, ActionFinished) and finished.verified
    assert await may(hotel)
    [e async for e in hotel.door.undo(approval, by="ann")]
    assert not await may(hotel)


async def test_a_missing_account_is_made_by_the_stores_own_script(hotel: Rig) -> None:
    await breaks(hotel, "drop_user", user="admin")
    action = StoreAccount(
        STORE, "hotel-reserv-geo-mongo", "mongodb", "admin", "geo-db", script=SCRIPT
    )
    approval = await hotel.propose(Several(STORE, (action, Restart(CLIENT))))
    finished = (await hotel.decide(approval))[-1]
    assert isinstance(finished, ActionFinished) and finished.verified and await may(hotel)


async def test_what_an_account_has_already_changes_nothing(hotel: Rig) -> None:
    with pytest.raises(ActionError, match="would change nothing"):
        await hotel.propose(GRANT)


@pytest.mark.parametrize(
    ("user", "database", "role", "script"),
    [
        ("root", "geo-db", "readWrite", ""),
        ("admin", "geo-db", "root", ""),
        ("admin", "admin'); db.dropDatabase(", "readWrite", ""),
        ('a"b', "geo-db", "readWrite", ""),
        ("admin", "geo-db", "readWrite", "/etc/init.d/x.sh"),
        ("admin", "geo-db", "readWrite", "/docker-entrypoint-initdb.d/../../bin/x.sh"),
    ],
)
def test_what_is_no_apps_own_account_is_refused(
    user: str, database: str, role: str, script: str
) -> None:
    action = StoreAccount(STORE, "c", "mongodb", user, database, role, script)
    with pytest.raises(PolicyError):
        Policy().check(action, SCOPE)


@pytest.mark.parametrize("engine", ["mongodb", "postgresql", "mysql"])
def test_commands_of_each_engine_name_what_they_are_about(engine: str) -> None:
    given = accounts.commands(StoreAccount(STORE, "c", engine, "app", "orders"))
    for command in (given.look, given.do, given.undo):
        assert list(command[:2]) == ["sh", "-c"] and "app" in command[2]
    assert "orders" in given.do[2] and given.do != given.undo
    with pytest.raises(PolicyError):
        accounts.commands(StoreAccount(STORE, "c", "oracle", "app", "orders"))
